"""Tables as text: in columns where they fit, else a row as a short list. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cogview_cli.help.styled import OFF, ON, fold_styled, width

GAP = 2
# The last column is the one with the words; with less room than this rows become lists.
LEAST_WORDS = 30

Row = Sequence[str]


def table(head: Row, rows: Sequence[Row], columns: int | None, least: int) -> list[str]:
    """The lines of a table at most `columns` wide; None leaves each row on one line.

    `least`: columns of a table that need not be narrow.
    """
    widths = [max(map(width, column)) for column in zip(*([head, *rows]), strict=True)]
    before = sum(widths[:-1]) + GAP * (len(widths) - 1)
    room = (columns or max(least, before + widths[-1])) - before
    if room < min(LEAST_WORDS, widths[-1]):
        return [line for row in rows for line in _listed(head, row, columns or least)]
    headline = [f"{ON}{cell}{OFF}" if cell else "" for cell in head]
    return [line for row in (headline, *rows) for line in _in_columns(row, widths, room)]


def _in_columns(row: Row, widths: Sequence[int], room: int) -> Iterator[str]:
    left = "".join(
        cell + " " * (wide - width(cell) + GAP)
        for cell, wide in zip(row[:-1], widths[:-1], strict=True)
    )
    words = fold_styled(row[-1], room)
    yield f"{left}{words[0]}".rstrip()
    yield from (f"{' ' * width(left)}{line}" for line in words[1:])


def _listed(head: Row, row: Row, columns: int) -> Iterator[str]:
    """One row: the first cell on its own line, the words below it, then what else is known."""
    yield f"{ON}{row[0]}{OFF}"
    facts = [f"{name}: {cell}" for name, cell in zip(head[1:-1], row[1:-1], strict=True) if cell]
    for text in (row[-1], *facts):
        yield from (f"    {line}" for line in fold_styled(text, columns - 4))
