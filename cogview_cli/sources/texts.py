"""Plain text: a prompt a line, or blocks of lines between `---`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from cogview_cli.i18n import _
from cogview_cli.sources.lines import COMMENTS, LINE_LIMIT, TOO_LONG, numbered_lines
from cogview_cli.sources.record import Record, RejectedRow
from cogview_cli.sources.rows import Rows

BLOCK_END = "---"


def read_txt(stream: TextIO, rows: Rows, *, comments: bool) -> Iterator[Record | RejectedRow]:
    """One prompt a line, perhaps with the flags of another tool."""
    for number, line, why in numbered_lines(stream):
        if why:
            yield rows.bad(number, why)
            continue
        prompt = line.strip()
        if comments and prompt.startswith(COMMENTS):
            rows.log.comments += 1
        elif "\r" in prompt:
            yield rows.bad(number, _("holds a carriage return; are these several lines?"))
        elif prompt:
            yield rows.text(number, prompt)


def read_blocks(stream: TextIO, rows: Rows, *, comments: bool) -> Iterator[Record | RejectedRow]:
    """Prompts of several lines between lines that are exactly `---`."""
    block = _Block()
    for number, line, why in numbered_lines(stream):
        if line == BLOCK_END:
            yield from block.closed(rows)
            block = _Block()
        elif comments and line.lstrip().startswith(COMMENTS):
            rows.log.comments += 1
        else:
            block.add(number, line, why)
    yield from block.closed(rows)


class _Block:
    """The lines of one prompt so far, at most a line's limit of them."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._length = 0
        self._start = 0
        self._why: tuple[int, str] | None = None

    def add(self, number: int, line: str, why: str) -> None:
        self._length += len(line) + 1
        if why or self._length > LINE_LIMIT:
            self._why = self._why or (number, why or _(TOO_LONG))
            self._lines.clear()
        elif self._why is None and (line.strip() or self._lines):
            self._start = self._start or number
            self._lines.append(line)

    def closed(self, rows: Rows) -> Iterator[Record | RejectedRow]:
        if self._why is not None:
            yield rows.bad(*self._why)
        elif self._lines:
            yield rows.text(self._start, "\n".join(self._lines).strip())
