"""The README's tables of options, settings and exit codes, made from the program's declarations."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import typer
from babel.messages.catalog import Catalog

from cogview_cli.app import root_command
from cogview_cli.cli.help_page import walk
from cogview_cli.config.settings import SETTINGS, Setting
from cogview_cli.config.value_types import to_text, to_toml
from cogview_cli.errors import EXIT_MEANINGS

Row = tuple[str, str]
SETTINGS_HEAD = ("setting", "environment", "default", "meaning")
SETTINGS_HEAD_ZH = ("设置", "环境变量", "默认值", "含义")
TWINS = ("cogview gen", "cogview batch")


def sections(chinese: Catalog) -> dict[str, str]:
    """What belongs between the markers `<!-- name -->` and `<!-- /name -->`, by name."""
    in_chinese = worded_in(chinese)
    return {
        "exit-codes": exit_codes(("code", "meaning")),
        "settings": settings_reference(),
        "options": options_reference(),
        "exit-codes-zh": exit_codes(("退出码", "含义"), in_chinese),
        "settings-zh": settings_reference(SETTINGS_HEAD_ZH, in_chinese),
    }


def worded_in(chinese: Catalog) -> Callable[[str], str]:
    """What translates a text by the catalogue."""

    def worded(text: str) -> str:
        entry = chinese.get(text)
        return str(entry.string or text) if entry else text

    return worded


def filled(text: str, parts: Mapping[str, str]) -> str:
    """`text` with the parts between their markers; ValueError if a marker is missing."""
    for name, part in parts.items():
        block = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if not block.search(text):
            raise ValueError(f"no <!-- {name} --> … <!-- /{name} -->")
        text = block.sub(lambda found, part=part: f"{found[1]}{part.strip()}\n{found[2]}", text)
    return text


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


def exit_codes(head: Row, worded: Callable[[str], str] = str) -> str:
    """A Markdown table with one row for each exit code."""
    return _table(head, [(str(int(code)), worded(text)) for code, text in EXIT_MEANINGS.items()])


def settings_reference(
    head: tuple[str, ...] = SETTINGS_HEAD, worded: Callable[[str], str] = str
) -> str:
    """A Markdown table with one row for each setting."""
    return _table(head, [_setting_row(setting, worded) for setting in SETTINGS.values()])


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _setting_row(setting: Setting, worded: Callable[[str], str]) -> tuple[str, ...]:
    default = "" if setting.default is None else f"`{to_text(to_toml(setting.default))}`"
    variables = ", ".join(f"`{name}`" for name in setting.env)
    return f"`{setting.option}`", variables, default, worded(setting.doc).replace("|", "\\|")
