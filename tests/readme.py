"""The README's tables of options and settings, made from the program's declarations.

`python -m tests.readme` prints the options.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from cogview_cli.app import root_command
from cogview_cli.cli.help_page import walk
from cogview_cli.config.settings import SETTINGS, Setting
from cogview_cli.config.value_types import to_text, to_toml
from cogview_cli.terminal.output import write_data

Row = tuple[str, str]
SETTINGS_HEAD = ("setting", "environment", "default", "meaning")
TWINS = ("cogview gen", "cogview batch")


def options_reference() -> str:
    """Markdown: what each command does and takes; what `gen` and `batch` share is told once."""
    commands = dict(walk(root_command(), "cogview"))
    tables = {path: _rows(command, path) for path, command in commands.items()}
    first, second = (tables[path] for path in TWINS)
    shared = [row for row in first if row in second]
    parts = [_part(" and ".join(f"`{path}`" for path in TWINS) + " both take:", shared)]
    for path, rows in tables.items():
        own = [row for row in rows if row not in shared] if path in TWINS else rows
        parts.append(_part(f"`{path}`: {_cell(commands[path].help)}", own))
    return "\n".join(parts)


def shown_by_help() -> Iterator[str]:
    """What commands say of themselves: translated when the tree is built, not where it stands."""
    for _path, command in walk(root_command(), "cogview"):
        yield command.help


def _rows(command: Any, path: str) -> list[Row]:
    context = typer.Context(command, info_name=path)
    records = (param.get_help_record(context) for param in command.params)
    return [(record[0], record[1]) for record in records if record is not None]


def _part(heading: str, rows: list[Row]) -> str:
    lines = [f"{heading}\n"]
    if rows:
        lines += ["| option | meaning |", "| --- | --- |"]
        lines += [f"| `{_cell(names)}` | {_cell(text)} |" for names, text in rows]
        lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def settings_reference() -> str:
    """A Markdown table with one row for each setting."""
    rows = [SETTINGS_HEAD, ("---",) * len(SETTINGS_HEAD), *map(_setting_row, SETTINGS.values())]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _setting_row(setting: Setting) -> tuple[str, ...]:
    default = "" if setting.default is None else f"`{to_text(to_toml(setting.default))}`"
    variables = ", ".join(f"`{name}`" for name in setting.env)
    return f"`{setting.option}`", variables, default, setting.doc.replace("|", "\\|")


if __name__ == "__main__":
    write_data(options_reference().encode())
