"""JSONL: an object a line, perhaps mixed with bare prompts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TextIO

from cogview_cli.i18n import _
from cogview_cli.sources.lines import COMMENTS, numbered_lines
from cogview_cli.sources.record import Record, RejectedRow, RowError
from cogview_cli.sources.rows import Rows
from cogview_cli.sources.strict_json import StrictJson
from cogview_cli.sources.values import shown


def read_jsonl(stream: TextIO, rows: Rows, *, comments: bool) -> Iterator[Record | RejectedRow]:
    """A record a line: an object, a JSON string, or a bare prompt."""
    parser = StrictJson()
    for number, line, why in numbered_lines(stream):
        text = line.strip()
        if why:
            yield rows.bad(number, why)
        elif comments and text.startswith(COMMENTS):
            rows.log.comments += 1
        elif text:
            yield _record(number, text, rows, parser)


def _record(number: int, text: str, rows: Rows, parser: StrictJson) -> Record | RejectedRow:
    if text[0] not in '{["':
        return rows.text(number, text)
    try:
        value = parser.decode(text)
    except RowError as fault:
        return rows.bad(number, fault)
    return element_record(number, value, rows)


def element_record(line: int, value: Any, rows: Rows) -> Record | RejectedRow:
    """The record of one JSON value: an object is a row, a string a prompt."""
    if isinstance(value, dict):
        return rows.row(line, unwrapped(value))
    if not isinstance(value, str):
        return rows.bad(line, _("{value} is neither an object nor text", value=shown(value)))
    return rows.text(line, value) if value.strip() else rows.bad(line, _("the prompt is empty"))


def unwrapped(row: dict[str, Any]) -> dict[str, Any]:
    """A line of a Batch API file with its request in one row; other rows as they are."""
    body, request = row.get("body"), row.get("request")
    if isinstance(body, dict) and row.keys() & {"custom_id", "method", "url"}:
        return {name: value for name, value in row.items() if name != "body"} | body
    if isinstance(request, dict) and (prompt := _gemini_prompt(request.get("contents"))):
        rest = {name: value for name, value in row.items() if name not in ("key", "request")}
        return {"custom_id": row.get("key"), **rest, "prompt": prompt}
    return row


def _gemini_prompt(contents: Any) -> str:
    """The text of a request with one turn of text alone; "" for any other."""
    turn = contents[0] if isinstance(contents, list) and len(contents) == 1 else None
    parts = turn.get("parts") if isinstance(turn, dict) else None
    if not isinstance(parts, list):
        return ""
    texts = [part.get("text") if isinstance(part, dict) else None for part in parts]
    return "\n".join(map(str, texts)) if all(isinstance(text, str) for text in texts) else ""
