"""JSON without the liberties of Python's reader: faults are named, never guessed around."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from cogview_cli.i18n import _
from cogview_cli.sources.record import RowError
from cogview_cli.sources.values import WrittenFloat, checked_text
from cogview_cli.terminal.text import clean

_DIGITS_LIMIT = 400
# Only these escapes can bring in what a decoded file cannot hold.
_ODD_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


class NotJson(RowError):
    """Text that is no JSON at all, rather than JSON with a fault in it."""


class StrictJson:
    """Decodes JSON; NaN, doubled keys, endless numbers and broken characters are faults."""

    def __init__(self) -> None:
        self._faults: list[str] = []
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_constant=self._constant,
            parse_float=self._float,
            parse_int=self._int,
        )

    def decode(self, text: str) -> Any:
        """The value of a whole text; raises Fault."""
        self._faults.clear()
        try:
            value = self._decoder.decode(text)
        except json.JSONDecodeError as error:
            raise NotJson(_("not valid JSON: {reason}", reason=plain_words(error))) from None
        except RecursionError:
            raise RowError(_("nested too deeply")) from None
        return self._checked(text, value)

    def element(self, text: str, start: int) -> tuple[Any, int]:
        """The value that begins at `start`, or a Fault in its place, and where it ends.

        Raises json.JSONDecodeError or RecursionError if it has no end.
        """
        self._faults.clear()
        value, end = self._decoder.raw_decode(text, start)
        try:
            return self._checked(text[start:end], value), end
        except RowError as fault:
            return fault, end

    def _checked(self, text: str, value: Any) -> Any:
        if self._faults:
            raise RowError(self._faults[0])
        if _ODD_ESCAPE.search(text):
            for part in _strings(value):
                checked_text(part)
        return value

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        row = dict(pairs)
        if len(row) != len(pairs):
            names = [pair[0] for pair in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            self._faults.append(_("the key '{key}' appears twice", key=clean(twice)))
        return row

    def _constant(self, name: str) -> None:
        self._faults.append(_("{name} is not JSON", name=name))

    def _float(self, text: str) -> float:
        number = WrittenFloat(text)
        if not math.isfinite(number):
            self._faults.append(_("the number {number} is too large", number=clean(text, 20)))
        return number

    def _int(self, text: str) -> int:
        if len(text) > _DIGITS_LIMIT:
            self._faults.append(_("a number of {count} digits", count=len(text)))
            return 0
        return int(text)


def plain_words(error: json.JSONDecodeError) -> str:
    """What is wrong and where, without the parser's own words around it."""
    what = _(f"{error.msg[0].lower()}{error.msg[1:]}")
    if error.lineno == 1:
        return _("{what} at character {column}", what=what, column=error.colno)
    line, column = error.lineno, error.colno
    return _("{what} at line {line}, character {column}", what=what, line=line, column=column)


def _strings(value: Any) -> Iterator[str]:
    """Every string and key inside a JSON value; a stack, as values may be deep."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            stack.extend(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
