"""Tables as text: in columns where they fit, else a row as a short list. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from cogview_cli.help.styled import OFF, ON, fold_styled, width

GAP = 2
# A column of words that has less room than this is no pleasure to read.
NARROWEST = 14

Row = Sequence[str]


def table(head: Row, rows: Sequence[Row], columns: int | None) -> list[str]:
    """The lines of a table at most `columns` wide; None leaves each row on one line."""
    cells = list(zip(head, *rows, strict=True))
    widths = [max(map(width, column)) for column in cells]
    if columns is not None:
        least = [max(map(_least, column)) for column in cells]
        widths = shrunk(widths, least, columns - GAP * (len(widths) - 1))
        if sum(widths) + GAP * (len(widths) - 1) > columns:
            return [line for row in rows for line in _listed(head, row, columns)]
    headline = [f"{ON}{cell}{OFF}" if cell else "" for cell in head]
    return [line for row in (headline, *rows) for line in _in_columns(row, widths)]


def _least(cell: str) -> int:
    """The room a cell needs: for its longest word, and for words at all."""
    longest = max(map(width, fold_styled(cell, 1)))
    return max(longest, min(NARROWEST, width(cell)))


def shrunk(widths: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """The widths taken off, the widest first, until they fit or no column can be narrower."""
    found = list(widths)
    while sum(found) > room:
        can = [n for n, wide in enumerate(found) if wide > least[n]]
        if not can:
            break
        found[max(can, key=found.__getitem__)] -= 1
    return found


def _in_columns(row: Row, widths: Sequence[int]) -> Iterator[str]:
    folded = [fold_styled(cell, wide) for cell, wide in zip(row, widths, strict=True)]
    for parts in zip_longest(*folded, fillvalue=""):
        padded = [
            part + " " * (wide - width(part)) for part, wide in zip(parts, widths, strict=True)
        ]
        yield (" " * GAP).join(padded).rstrip()


def _listed(head: Row, row: Row, columns: int) -> Iterator[str]:
    """One row: the first cell on its own line, the words below it, then what else is known."""
    yield f"{ON}{row[0]}{OFF}"
    facts = [f"{name}: {cell}" for name, cell in zip(head[1:-1], row[1:-1], strict=True) if cell]
    for text in (row[-1], "; ".join(facts)):
        yield from (f"    {line}" for line in fold_styled(text, columns - 4) if line)
