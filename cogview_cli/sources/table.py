"""The rows of a table or a sheet under their header, wherever it stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from cogview_cli.errors import UsageError
from cogview_cli.i18n import _, _n
from cogview_cli.sources.aliases import is_telling, normal
from cogview_cli.sources.record import Record, RejectedRow
from cogview_cli.sources.rows import Rows
from cogview_cli.terminal.text import clean

# In this set of question tables many rows share one prompt.
_ITEM, _QUESTION = "item_id", "proposition_id"
# Titles and notes may stand above a header, but not many.
_SEARCHED = 10
_NAME_LENGTH = 30


class Line(NamedTuple):
    """The cells of a row that is not blank, and the line it starts on."""

    number: int
    cells: list[str]

    @property
    def filled(self) -> list[str]:
        """The cells that say something."""
        return [cell.strip() for cell in self.cells if cell.strip()]


class Table:
    """Takes rows one by one; the first few are held until the header is found."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._waiting: list[Line] = []
        self._body: _Body | None = None

    def add(self, number: int, cells: list[str]) -> Iterator[Record | RejectedRow]:
        """The records that one more row brings; raises UsageError for an unusable header."""
        if self._body is not None:
            yield from self._body.record(number, cells)
            return
        self._waiting.append(Line(number, cells))
        if len(self._waiting) == _SEARCHED or self._is_header(self._waiting[0]):
            yield from self.end()

    def end(self) -> Iterator[Record | RejectedRow]:
        """The records of the rows that are still held."""
        if self._body is not None or not self._waiting:
            return
        index = self._header_index()
        header, rest = self._waiting[index], self._waiting[index + 1 :]
        names = _header_names(header.cells, self._rows.file)
        if not self._rows.check_header(names):
            self._rows.log.headerless = True
            names, rest = ["prompt"], self._waiting
        elif index:
            self._rows.log.header = header.number
        self._body = _Body(self._rows, names, header.cells)
        for line in rest:
            yield from self._body.record(*line)

    def _header_index(self) -> int:
        """Which of the held rows is the header: one that names the prompt, else the first wide."""
        wide = max(len(line.filled) for line in self._waiting)
        for index, line in enumerate(self._waiting):
            if self._is_header(line) or (wide == 1 and _is_exact(line)):
                return index
        return next(i for i, line in enumerate(self._waiting) if wide == 1 or len(line.filled) > 1)

    def _is_header(self, line: Line) -> bool:
        names = line.filled
        short = all(len(name) <= _NAME_LENGTH for name in names) and len(set(names)) == len(names)
        return len(names) > 1 and short and self._rows.names_prompt(names)


def _is_exact(line: Line) -> bool:
    """Whether the only cell is the name of a prompt column and can be nothing else."""
    (name,) = line.filled
    return " " not in name and is_telling(normal(name))


class _Body:
    """The rows under one header."""

    def __init__(self, rows: Rows, names: list[str], header: list[str]) -> None:
        self._rows, self._names, self._header = rows, names, header
        questions = {_ITEM, _QUESTION} <= set(names)
        self._item = names.index(_ITEM) if questions else None
        self._last_item: str | None = None

    def record(self, line: int, cells: list[str]) -> Iterator[Record | RejectedRow]:
        """The record of a row; none for one more question, and for the header once more."""
        width = len(self._names)
        if len(cells) != width:
            if any(cells[width:]):
                yield self._rows.bad(line, _too_wide(len(cells), width))
                return
            cells = [*cells[:width], *[""] * (width - len(cells))]
        if self._item is not None:
            if cells[self._item] == self._last_item:
                self._rows.log.questions += 1
                return
            self._last_item = cells[self._item]
        if cells != self._header or width == 1:
            yield self._rows.row(line, dict(zip(self._names, cells, strict=True)), table=True)


def _too_wide(cells: int, columns: int) -> str:
    return _n(
        "{cells} cells under {count} column; is a quote missing?",
        "{cells} cells under {count} columns; is a quote missing?",
        columns,
        cells=cells,
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
