"""CSV and TSV: strict, streamed, every fault with the line where it began."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import NamedTuple, TextIO

from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.sources.lines import LINE_LIMIT, numbered_lines
from cogview_cli.sources.record import Record, RejectedRow
from cogview_cli.sources.rows import Rows
from cogview_cli.terminal.text import clean

# In this set of question tables many rows share one prompt.
_ITEM, _QUESTION = "item_id", "proposition_id"


class Dialect(NamedTuple):
    """A delimiter, and whether quotes are plain characters."""

    delimiter: str
    quoted: bool = True

    @property
    def shown(self) -> str:
        """What is unusual about it, for people."""
        return "" if self.delimiter in ",\t" else f"'{self.delimiter}'"


def choose_dialect(stream: TextIO, delimiter: str) -> Dialect:
    """Quotes count, unless a table with tabs cannot be read with them."""
    if delimiter != "\t":
        return Dialect(delimiter)
    quoted = Dialect(delimiter)
    return quoted if _reads_strictly(stream, quoted) else Dialect(delimiter, quoted=False)


def _reads_strictly(stream: TextIO, dialect: Dialect) -> bool:
    stream.seek(0)
    try:
        rows = csv.reader(_Feed(stream), strict=True, delimiter=dialect.delimiter)
        width = len(next(rows, []))
        return all(len(row) <= width for row in rows)
    except csv.Error:
        return False
    finally:
        stream.seek(0)


class _Feed:
    """Lines for the csv reader, with an eye on where a quote was opened.

    A line that cannot be used is kept in `bad` and replaced by a blank one.
    """

    def __init__(self, stream: TextIO) -> None:
        csv.field_size_limit(LINE_LIMIT)
        self._lines = numbered_lines(stream)
        self.line = 0
        self.quote = 0
        self.bad: list[tuple[int, str]] = []
        self._open = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.line, text, why = next(self._lines)
        if why:
            self.bad.append((self.line, why))
        if '"' in text:
            self._follow_quotes(text)
        return text + "\n"

    def _follow_quotes(self, text: str) -> None:
        quotes = text.replace('""', "").count('"')
        self._open ^= quotes % 2 == 1
        if self._open and quotes:
            self.quote = self.line

    def new_record(self) -> None:
        """The reader starts afresh after an error."""
        self._open = False


def read_table(stream: TextIO, rows: Rows, dialect: Dialect) -> Iterator[Record | RejectedRow]:
    """A record a row; the first row that is not blank is the header.

    Raises UsageError for a header that cannot be used.
    """
    feed = _Feed(stream)
    reader = csv.reader(
        feed,
        strict=True,
        delimiter=dialect.delimiter,
        quoting=csv.QUOTE_MINIMAL if dialect.quoted else csv.QUOTE_NONE,
    )
    table: _Table | None = None
    while True:
        start = feed.line + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield _bad_row(rows, feed, start, error)
            if _lost(error):
                return
            continue
        if feed.bad:
            yield from (rows.bad(*bad) for bad in feed.bad)
            feed.bad.clear()
        elif cells is None:
            return
        elif any(map(str.strip, cells)):
            if table is None:
                table = _Table(cells, rows)
            elif (record := table.record(start, cells)) is not None:
                yield record


def _lost(error: csv.Error) -> bool:
    """Whether the reader swallowed the rest of the file looking for a closing quote."""
    return "unexpected end" in str(error) or "field limit" in str(error)


def _bad_row(rows: Rows, feed: _Feed, start: int, error: csv.Error) -> RejectedRow:
    if _lost(error):
        line = feed.quote or start
        return rows.bad(line, _("the quote opened here is not closed; nothing after it was read"))
    feed.new_record()
    return rows.bad(start, _("not valid CSV: {reason}", reason=clean(_(str(error)))))


class _Table:
    """The rows under one header."""

    def __init__(self, header: list[str], rows: Rows) -> None:
        self._rows = rows
        self._names = _header_names(header, rows.file)
        rows.check_header(self._names)
        questions = {_ITEM, _QUESTION} <= set(self._names)
        self._item = self._names.index(_ITEM) if questions else None
        self._last_item: str | None = None

    def record(self, line: int, cells: list[str]) -> Record | RejectedRow | None:
        """The record of a row; None for one more question about the same prompt."""
        width = len(self._names)
        if len(cells) != width:
            if any(cells[width:]):
                return self._rows.bad(line, _too_wide(len(cells), width))
            cells = [*cells[:width], *[""] * (width - len(cells))]
        if self._item is not None:
            if cells[self._item] == self._last_item:
                return None
            self._last_item = cells[self._item]
        return self._rows.row(line, dict(zip(self._names, cells, strict=True)))


def _too_wide(cells: int, columns: int) -> str:
    return _(
        "{cells} cells under {columns} columns; is a quote missing?", cells=cells, columns=columns
    )


def _header_names(header: list[str], file: str) -> list[str]:
    """The column names; a nameless column is called by its number."""
    names = [cell.strip() or f"column {number}" for number, cell in enumerate(header, 1)]
    for name in names:
        if names.count(name) > 1:
            path, twice = clean(file), clean(name)
            raise UsageError(
                _("'{path}' has two columns named '{name}'", path=path, name=twice),
                hint=_("rename one"),
            )
    return names
