"""Texts that other tools keep beside their pictures: a prompt, its negative, its parameters.

A1111   a castle / Negative prompt: lowres / Steps: 28, Sampler: Euler a, Size: 512x768
ComfyUI (Inspire)   positive: a castle / negative: lowres / ----
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TextIO

from cogview_cli.i18n import _
from cogview_cli.sources.lines import LINE_LIMIT, TOO_LONG, numbered_lines
from cogview_cli.sources.record import Record, RejectedRow
from cogview_cli.sources.rows import Rows

_NEGATIVE = "Negative prompt:"
_PARAMETERS = re.compile(r"Steps: [0-9]+,")
_PARAMETER = re.compile(r'\s*([\w /.-]+):\s*("(?:\\.|[^"\\])*"|[^,]*)(?:,|$)')
_KEYS = ("positive", "negative", "name")
_SEPARATOR = re.compile(r"-{3,}")


class _Text:
    """One prompt so far: its parts by name, each a list of lines."""

    def __init__(self) -> None:
        self.start = 0
        self.parts: dict[str, list[str]] = {}
        self._why: tuple[int, str] | None = None
        self._length = 0

    def add(self, number: int, part: str, line: str, why: str = "") -> None:
        """One more line of a part."""
        self.start = self.start or number
        self._length += len(line) + 1
        if why or self._length > LINE_LIMIT:
            self._why = self._why or (number, why or _(TOO_LONG))
        else:
            self.parts.setdefault(part, []).append(line)

    def said(self, part: str) -> str:
        """A part without outer blanks."""
        return "\n".join(self.parts.get(part, ())).strip()

    def closed(self, rows: Rows, flags: dict[str, Any]) -> Iterator[Record | RejectedRow]:
        """The record, if there is anything in it."""
        if self._why is not None:
            yield rows.bad(*self._why)
        elif self.start:
            negative = {"negative_prompt": text} if (text := self.said("negative")) else {}
            yield rows.text(self.start, self.said("positive"), flags=negative | flags)


def read_infotext(stream: TextIO, rows: Rows) -> Iterator[Record | RejectedRow]:
    """A prompt with `Negative prompt:` and a line of parameters, as A1111 writes them.

    The line of parameters ends a prompt, or a blank line behind its negative.
    """
    text, part, gap, last = _Text(), "positive", 0, 0
    for number, line, why in numbered_lines(stream):
        if _PARAMETERS.match(line):
            yield from _ended(text, rows, gap, parameters(line), number)
            text, part, gap = _Text(), "positive", 0
        elif not line.strip():
            if part == "negative":
                yield from _ended(text, rows, gap, {}, number)
                text, part = _Text(), "positive"
        else:
            if line.startswith(_NEGATIVE):
                part, line = "negative", line.removeprefix(_NEGATIVE).lstrip()
            elif part == "positive" and text.start and number != last + 1:
                gap = gap or number
            text.add(number, part, line, why)
            last = number
    yield from _ended(text, rows, gap, {}, 0)


def _ended(
    text: _Text, rows: Rows, gap: int, flags: dict[str, Any], number: int
) -> Iterator[Record | RejectedRow]:
    if gap:
        yield rows.bad(gap, _("a blank line before it: is this another prompt?"))
    elif flags and not text.start:
        yield rows.bad(number, _("parameters without a prompt"))
    else:
        yield from text.closed(rows, flags)


def parameters(line: str) -> dict[str, Any]:
    """`Steps: 28, Size: 512x768` as columns; the model there is none of ours."""
    pairs = ((name.strip(), value.strip('"')) for name, value in _PARAMETER.findall(line))
    named = {name.lower().replace(" ", "_"): value for name, value in pairs}
    return {("sd_model" if name == "model" else name): value for name, value in named.items()}


def read_positive(stream: TextIO, rows: Rows) -> Iterator[Record | RejectedRow]:
    """Blocks of `positive:` and `negative:` between lines of dashes, as ComfyUI nodes take them."""
    text, part = _Text(), ""
    for number, line, why in numbered_lines(stream):
        key, colon, rest = line.partition(":")
        if _SEPARATOR.fullmatch(line):
            yield from text.closed(rows, _name(text))
            text, part = _Text(), ""
            continue
        if colon and key in _KEYS:
            if key == "positive" and "positive" in text.parts:
                yield from text.closed(rows, _name(text))
                text = _Text()
            part, line = key, rest.strip()
        if part:
            text.add(number, part, line, why)
        elif line.strip():
            yield rows.bad(number, why or _("outside of positive: and negative:"))
    yield from text.closed(rows, _name(text))


def _name(text: _Text) -> dict[str, Any]:
    return {"name": name} if (name := text.said("name")) else {}
