"""One JSON document: an array of prompts, an object that holds one, or a single prompt."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, TextIO

from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.sources.aliases import is_setting, normal
from cogview_cli.sources.json_lines import element_record, unwrapped
from cogview_cli.sources.record import Record, RejectedRow, RowError
from cogview_cli.sources.rows import Rows
from cogview_cli.sources.strict_json import StrictJson, plain_words
from cogview_cli.terminal.text import clean

DOCUMENT_LIMIT = 256 * 2**20
_ARRAY_NAMES = ("jobs", "items", "prompts", "data")
_BLANK = re.compile(r"[ \t\n\r]*")


def read_json(stream: TextIO, rows: Rows) -> Iterator[Record | RejectedRow]:
    """The records of a document, which is held in memory as a whole."""
    text = stream.read()
    start = _after_blanks(text, 0)
    if text.startswith("[", start):
        yield from _array(text, start, rows)
        return
    try:
        value = StrictJson().decode(text)
    except RowError as fault:
        raise _unusable(rows.file, str(fault)) from None
    yield from document_records(value, rows)


def document_records(value: Any, rows: Rows) -> Iterator[Record | RejectedRow]:
    """The records of a decoded document; lines are numbers of elements."""
    elements = value if isinstance(value, list) else None
    if isinstance(value, dict):
        elements = _prompts_in(value, rows)
    if elements is None:
        raise UsageError(
            _("'{path}' holds no list of prompts", path=clean(rows.file)),
            hint=_("expected: a list of strings or objects, alone or under 'prompts'"),
        )
    for number, element in enumerate(elements, 1):
        yield element_record(number, element, rows)


def _prompts_in(value: dict[str, Any], rows: Rows) -> list[Any] | None:
    """The array of prompts in an object, or the object itself if it is one prompt.

    Raises UsageError if several arrays may be it. What stands beside it is noted.
    """
    lists = {name: item for name, item in value.items() if _holds_prompts(item)}
    named = {name: item for name, item in lists.items() if normal(name) in _ARRAY_NAMES}
    if not named and rows.has_prompt(unwrapped(value)):
        return [value]
    ranks = {name: _rank(item, name in named, rows) for name, item in lists.items()}
    best = [name for name, rank in ranks.items() if rank == max(ranks.values())]
    if len(best) > 1:
        raise _several_lists(rows.file, best)
    for name in best:
        beside = (other for other in value if other != name)
        rows.log.beside(other for other in beside if other in lists or is_setting(normal(other)))
        return list(lists[name])
    return None


def _rank(elements: list[Any], named: bool, rows: Rows) -> int:
    """How surely these are the prompts: 4 by their own names, least if nothing says so."""
    ranks = [rows.prompt_rank(unwrapped(item)) for item in elements if isinstance(item, dict)]
    if max(ranks, default=0) == 2:
        return 4
    if named:
        return 3
    return 1 + max(ranks) if ranks else 2


def _several_lists(file: str, names: list[str]) -> UsageError:
    path = clean(file)
    return UsageError(
        _("'{path}' holds several lists: {names}", path=path, names=clean(", ".join(names))),
        hint=_(
            "give one of them: jq '.{name}' '{path}' | cogview batch -",
            name=clean(names[0]),
            path=path,
        ),
    )


def _holds_prompts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], str | dict)


def _array(text: str, start: int, rows: Rows) -> Iterator[Record | RejectedRow]:
    """The elements of an array with their lines, one decoded at a time."""
    parser = StrictJson()
    line, counted = 1, 0
    for position, value in _elements(text, start, parser, rows.file):
        line += text.count("\n", counted, position)
        counted = position
        if isinstance(value, RowError):
            yield rows.bad(line, value)
        else:
            yield element_record(line, value, rows)


def _elements(text: str, start: int, parser: StrictJson, file: str) -> Iterator[tuple[int, Any]]:
    position = _after_blanks(text, start + 1)
    closed = text.startswith("]", position)
    while not closed:
        try:
            value, end = parser.element(text, position)
        except json.JSONDecodeError as error:
            raise _invalid(file, error) from None
        except RecursionError:
            raise UsageError(
                _("'{path}' is nested too deeply", path=clean(file)), hint=_("check the file")
            ) from None
        yield position, value
        position = _after_blanks(text, end)
        closed = text.startswith("]", position)
        if not closed:
            if not text.startswith(",", position):
                raise _invalid(file, json.JSONDecodeError("Expecting ',' or ']'", text, position))
            position = _after_blanks(text, position + 1)
    end = _after_blanks(text, position + 1)
    if end < len(text):
        raise _invalid(file, json.JSONDecodeError("Extra data", text, end))


def _after_blanks(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    return match.end() if match else position


def _invalid(file: str, error: json.JSONDecodeError) -> UsageError:
    return _unusable(file, _("not valid JSON: {reason}", reason=plain_words(error)))


def _unusable(file: str, why: str) -> UsageError:
    return UsageError(
        _("'{path}': {reason}", path=clean(file), reason=why),
        hint=_("check the file; for one object a line: --input-format jsonl"),
    )
