"""CSV and TSV: strict, streamed, every fault with the line where it began."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import NamedTuple, TextIO

from cogview_cli.i18n import _
from cogview_cli.sources.dialect import SEPARATOR_LINE
from cogview_cli.sources.lines import LINE_LIMIT, numbered_lines
from cogview_cli.sources.record import Record, RejectedRow
from cogview_cli.sources.rows import Rows
from cogview_cli.sources.table import Table
from cogview_cli.terminal.text import clean


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
    """A record a row, once the header is found.

    Raises UsageError for a header that cannot be used.
    """
    feed = _Feed(stream)
    reader = csv.reader(
        feed,
        strict=True,
        delimiter=dialect.delimiter,
        quoting=csv.QUOTE_MINIMAL if dialect.quoted else csv.QUOTE_NONE,
    )
    table = Table(rows)
    while True:
        start = feed.line + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield _bad_row(rows, feed, start, error)
            if _lost(error):
                break
            continue
        if feed.bad:
            yield from (rows.bad(*bad) for bad in feed.bad)
            feed.bad.clear()
        elif cells is None:
            break
        elif any(map(str.strip, cells)) and not (start == 1 and _is_separator(cells, dialect)):
            yield from table.add(start, cells)
    yield from table.end()


def _is_separator(cells: list[str], dialect: Dialect) -> bool:
    """Whether the first line only tells Excel the delimiter: `sep=;`."""
    return bool(SEPARATOR_LINE.fullmatch(dialect.delimiter.join(cells)))


def _lost(error: csv.Error) -> bool:
    """Whether the reader swallowed the rest of the file looking for a closing quote."""
    return "unexpected end" in str(error) or "field limit" in str(error)


def _bad_row(rows: Rows, feed: _Feed, start: int, error: csv.Error) -> RejectedRow:
    if _lost(error):
        line = feed.quote or start
        return rows.bad(line, _("the quote opened here is not closed; nothing after it was read"))
    feed.new_record()
    return rows.bad(start, _("not valid CSV: {reason}", reason=clean(_(str(error)))))
