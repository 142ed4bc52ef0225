"""The table of settings for the README, made from their declarations."""

from __future__ import annotations

from cogview_cli.config.kinds import to_text, to_toml
from cogview_cli.config.settings import SETTINGS, Setting

_HEAD = ("setting", "environment", "default", "meaning")


def settings_reference() -> str:
    """A Markdown table with one row for each setting."""
    rows = [_HEAD, ("---",) * len(_HEAD), *map(_row, SETTINGS.values())]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(setting: Setting) -> tuple[str, ...]:
    default = "" if setting.default is None else f"`{to_text(to_toml(setting.default))}`"
    variables = ", ".join(f"`{name}`" for name in setting.env)
    return f"`{setting.option}`", variables, default, setting.doc.replace("|", "\\|")
