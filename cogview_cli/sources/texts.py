"""Plain text: a prompt a line, or blocks of lines between `---`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from cogview_cli.i18n import _
from cogview_cli.sources.flags import parse_flags
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
        if not prompt or (comments and prompt.startswith(COMMENTS)):
            continue
        flags = parse_flags(prompt) if "--" in prompt or prompt[0] == '"' else None
        yield rows.text(number, prompt) if flags is None else rows.flagged(number, flags)


def read_blocks(stream: TextIO, rows: Rows, *, comments: bool) -> Iterator[Record | RejectedRow]:
    """Prompts of several lines between lines that are exactly `---`."""
    block = _Block(comments)
    for number, line, why in numbered_lines(stream):
        if line == BLOCK_END:
            yield from block.closed(rows)
            block = _Block(comments)
        else:
            block.add(number, line, why)
    yield from block.closed(rows)


class _Block:
    """The lines of one prompt so far, at most a line's limit of them."""

    def __init__(self, comments: bool) -> None:
        self._comments = comments
        self._lines: list[str] = []
        self._length = 0
        self._start = 0
        self._why: tuple[int, str] | None = None

    def add(self, number: int, line: str, why: str) -> None:
        if self._comments and line.lstrip().startswith(COMMENTS):
            return
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
