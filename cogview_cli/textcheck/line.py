"""A block of text as the comparison walks it, and the order in which people read. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cogview_cli.textcheck.plain import composed, letters
from cogview_cli.textcheck.reading import Block, Point

POINT = "."
_NUMBER_MARKS = ".,"


class Read(NamedTuple):
    """One compared character as it was read.

    `source`: which character of the line it came from. `in_number`: it goes on with the number
    that the character before it belongs to.
    """

    plain: str
    source: int
    confidence: float
    in_number: bool


class Line(NamedTuple):
    """One block: its text and its compared characters."""

    text: str
    box: tuple[Point, ...]
    letters: tuple[Read, ...]

    def shown(self, at: int) -> str:
        """The character of the picture that the compared one came from."""
        return self.text[self.letters[at].source]

    def between(self, first: int, last: int) -> str:
        """The text from one compared character to another, both included."""
        return self.text[self.letters[first].source : self.letters[last].source + 1]


def line_of(block: Block) -> Line:
    """The line that a block makes; confidences that do not fit its text count as certain."""
    text = composed(block.text)
    known = block.confidences if len(block.confidences) == len(text) else (1.0,) * len(text)
    return Line(text, block.box, tuple(_reads(text, known)))


def _reads(text: str, confidences: Sequence[float]) -> Iterable[Read]:
    before = -1
    for plain, source in letters(text):
        linked = before >= 0 and _same_number(text[before : source + 1])
        yield Read(plain, source, confidences[source], linked)
        before = source


def _same_number(piece: str) -> bool:
    """Whether the ends of `piece`, two compared characters, are digits of one number."""
    between = piece[1:-1]
    return (
        piece[0].isdecimal()
        and piece[-1].isdecimal()
        and (not between or (len(between) == 1 and between in _NUMBER_MARKS))
    )


def number_mark(text: str, first: int, second: int) -> str | None:
    """What stands between two digits of a number, "" for nothing; None if they are of none."""
    piece = unicodedata.normalize("NFKC", text[first : second + 1])
    return piece[1:-1] if len(piece) >= 2 and _same_number(piece) else None


def in_reading_order(lines: Iterable[Line]) -> list[Line]:
    """Rows from the top, and columns of a row from the left; columns of vertical lettering last,
    from the right."""
    flat: list[Line] = []
    upright: list[Line] = []
    for line in lines:
        (upright if _is_upright(line) else flat).append(line)
    return [*_rows(flat), *sorted(upright, key=lambda line: (-_centre(line)[0], _centre(line)[1]))]


def _rows(lines: list[Line]) -> list[Line]:
    """Lines whose middle lies within the height of the row's first one are of one row."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: _centre(line)[1]):
        if rows and _centre(line)[1] - _centre(rows[-1][0])[1] < _height(rows[-1][0]) / 2:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda line: _centre(line)[0])]


def _centre(line: Line) -> Point:
    if not line.box:
        return 0.0, 0.0
    return (
        sum(x for x, _y in line.box) / len(line.box),
        sum(y for _x, y in line.box) / len(line.box),
    )


def _extent(line: Line, axis: int) -> float:
    values = [point[axis] for point in line.box] or [0.0]
    return max(values) - min(values)


def _height(line: Line) -> float:
    return _extent(line, 1)


def _is_upright(line: Line) -> bool:
    return _height(line) > 1.5 * _extent(line, 0)
