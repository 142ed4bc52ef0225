"""The tables of `cogview help json`, made from the declared fields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from babel.messages.catalog import Catalog

import cogview_cli
from cogview_cli.cli.json_fields import LINES, NESTED, Field, Line
from tests.readme import filled, worded_in

HELP = Path(cogview_cli.__file__).parent / "help"
HEADS = {"en": ("field", "meaning"), "zh": ("字段", "含义")}
# Between a meaning and the values it may take, and between those.
STOPS = {"en": (": ", ", "), "zh": ("：", "、")}


def pages(chinese: Catalog) -> dict[Path, bytes]:
    """The page in both languages, with its tables."""
    worded: dict[str, Callable[[str], str]] = {"en": str, "zh": worded_in(chinese)}
    found = {}
    for language, name in (("en", "json-fields"), ("zh", "json-fields-zh")):
        page = HELP / language / "json.md"
        tables = "\n".join(_table(line, language, worded[language]) for line in LINES)
        found[page] = filled(page.read_text("utf-8"), {name: tables}).encode()
    return found


def _table(line: Line, language: str, worded: Callable[[str], str]) -> str:
    head = HEADS[language]
    rows = [f"### `{line.type}`\n", f"{worded(line.meaning)}\n"]
    rows += [f"| {head[0]} | {head[1]} |", "| --- | --- |", *_rows(line.fields, language, worded)]
    return "\n".join([*rows, ""])


def _rows(
    fields: Sequence[Field], language: str, worded: Callable[[str], str], prefix: str = ""
) -> list[str]:
    """A row a field; those of an object within a line follow it."""
    rows = []
    for field in fields:
        name = f"`{prefix}{field.name}`"
        shown = f"**{name}**" if field.required else name
        rows.append(f"| {shown} | {worded(field.meaning)}{_choices(field, *STOPS[language])} |")
        if not prefix and "object" in (field.schema.get("type"), _items(field).get("type")):
            rows += _rows(NESTED.get(field.name, ()), language, worded, f"{field.name}.")
    return rows


def _items(field: Field) -> dict[str, object]:
    found = field.schema.get("items", {})
    assert isinstance(found, dict)
    return found


def _choices(field: Field, colon: str, comma: str) -> str:
    choices = [word for word in field.schema.get("enum", ()) if isinstance(word, str)]
    return colon + comma.join(f"`{word}`" for word in choices) if choices else ""
