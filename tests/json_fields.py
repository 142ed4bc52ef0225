"""The tables of `cogview help json`, made from the declared fields."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cogview_cli.cli.json_fields import LINES, NESTED, Field, Line

HEADS = {"en": ("field", "always", "meaning"), "zh": ("字段", "必有", "含义")}
# Between a meaning and the values it may take, and between those.
STOPS = {"en": (": ", ", "), "zh": ("：", "、")}


def tables(language: str, worded: Callable[[str], str]) -> str:
    """A heading and a table for each kind of line."""
    return "\n".join(_table(line, language, worded) for line in LINES)


def _table(line: Line, language: str, worded: Callable[[str], str]) -> str:
    head = HEADS[language]
    rows = [f"### `{line.type}`\n", f"{worded(line.meaning)}\n"]
    rows += [
        f"| {' | '.join(head)} |",
        "| --- | --- | --- |",
        *_rows(line.fields, language, worded),
    ]
    return "\n".join([*rows, ""])


def _rows(
    fields: Sequence[Field], language: str, worded: Callable[[str], str], prefix: str = ""
) -> list[str]:
    """A row a field; those of an object within a line follow it."""
    rows = []
    for field in fields:
        name = f"`{prefix}{field.name}`"
        always = "✓" if field.required else ""
        rows.append(
            f"| {name} | {always} | {worded(field.meaning)}{_choices(field, *STOPS[language])} |"
        )
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
