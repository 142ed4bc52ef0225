"""The JSON Schema (2020-12) of one line of `--json`, made from the declared fields."""

from __future__ import annotations

from typing import Any

from cogview_cli.cli.json_fields import LINES, Line
from cogview_cli.terminal.output import SCHEMA

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def document(*, extra: bool = True) -> dict[str, Any]:
    """The schema of a line. Without `extra` a shown request has no fields of `--extra`."""
    return {
        "$schema": DIALECT,
        "title": f"A line of cogview --json, schema {SCHEMA}",
        "oneOf": [{"$ref": f"#/$defs/{line.name}"} for line in LINES],
        "$defs": {line.name: _definition(line, extra=extra) for line in LINES},
    }


def _definition(line: Line, *, extra: bool) -> dict[str, Any]:
    own = {field.name: {**field.schema, "description": field.meaning} for field in line.fields}
    first = {"const": SCHEMA, "description": "the first object of a run alone: its schema"}
    return {
        "description": line.meaning,
        "type": "object",
        "properties": {"schema": first, "type": {"const": line.type}, **own},
        "required": ["type", *(field.name for field in line.fields if field.required)],
        "additionalProperties": line.open and extra,
    }
