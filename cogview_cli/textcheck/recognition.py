"""What stands on pieces of a picture, a line or a column each. Only the worker imports this.

The model reads a line as a whole, and leans on the neighbours of a character that it does not
know well: 诲 in 上诲滩 is read as 海. What it is not sure of is read again alone.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy

# A character read with less confidence is read again.
ALONE_BELOW = 0.97
# It is replaced if another one is read with this confidence then. Of such replacements in 700 drawn
# pictures, 16 were right and 2 wrong; of those with less confidence, 7 and 9.
SURE_ALONE = 0.9
# So many of a picture at most, those first that are least sure: each takes 15 ms.
_MOST_ALONE = 12
# Half the width of what is read alone, in heights of the line: the box around a line is a little
# higher than its characters, which are about as wide as high.
_REACH = 0.5
# What 一 is taken for; ー is wide by itself.
_DASHES = "—―"


class Recognized(NamedTuple):
    """The text of one piece; `confidences`, 0 to 1, and `centres`, pixels from the beginning of
    the piece, hold one value for each character of `text`."""

    text: str
    confidences: list[float]
    centres: list[float]

    def replaced(self, at: int, char: str, confidence: float) -> Recognized:
        """The same with another character at `at`."""
        confidences = [*self.confidences[:at], confidence, *self.confidences[at + 1 :]]
        return self._replace(
            text=self.text[:at] + char + self.text[at + 1 :], confidences=confidences
        )


class _Doubt(NamedTuple):
    """A character that is not sure: its confidence, and where it is."""

    confidence: float
    piece: int
    at: int


class _Cell(NamedTuple):
    """The surroundings of one character, and its centre in them, in pixels from the left."""

    pixels: Any
    centre: float


def recognize(
    engine: Any, pieces: Sequence[Any], upright: Sequence[bool], *, keep_doubts: bool
) -> list[Recognized]:
    """The text of each of `pieces` (height x width x 3, blue first).

    `upright`: which are columns, turned to the left by a quarter so that they lie. `keep_doubts`:
    a character that is read the same alone, and more surely, keeps its low confidence: that is
    what tells those that are half of one and half of another.
    """
    lines = _read(engine, pieces)
    doubts = sorted(_doubts(lines))[:_MOST_ALONE]
    cells = [
        _cell(pieces[piece], lines[piece].centres[at], turned=upright[piece])
        for _confidence, piece, at in doubts
    ]
    alone = _read(engine, [cell.pixels for cell in cells])
    for (confidence, piece, at), cell, read in zip(doubts, cells, alone, strict=True):
        char, sure = _nearest(read, cell.centre)
        same = char == lines[piece].text[at]
        if sure > confidence and (not keep_doubts if same else sure >= SURE_ALONE):
            lines[piece] = lines[piece].replaced(at, char, sure)
    return lines


def _read(engine: Any, pieces: Sequence[Any]) -> list[Recognized]:
    if not pieces:
        return []
    read = engine.recognize_txt(list(pieces))
    return [
        _recognized(text, words, piece.shape[1])
        for text, words, piece in zip(read.txts, read.word_results, pieces, strict=True)
    ]


def _recognized(text: str, words: Any, width: int) -> Recognized:
    """What the engine says of a piece `width` pixels wide; it gives blanks no place."""
    columns = [column for word in words.word_cols for column in word]
    if len(words.confs) != len(text) or len(columns) != len("".join(text.split())):
        return Recognized(text, [], [])
    scale, following = width / words.line_txt_len, iter(columns)
    centres = [0.0 if char.isspace() else (next(following) + 0.5) * scale for char in text]
    return Recognized(text, list(words.confs), centres)


def _doubts(lines: Sequence[Recognized]) -> Iterator[_Doubt]:
    for piece, line in enumerate(lines):
        # Without confidences, there is nothing to doubt.
        for at, (char, confidence) in enumerate(zip(line.text, line.confidences, strict=False)):
            if confidence < ALONE_BELOW and _is_square(char):
                yield _Doubt(confidence, piece, at)


def _is_square(char: str) -> bool:
    """Whether a character is as wide as high: of Latin letters, others would be seen with it."""
    return unicodedata.east_asian_width(char) == "W" or char in _DASHES


def _cell(piece: Any, centre: float, *, turned: bool) -> _Cell:
    """The character at `centre` of a piece, as it stands on the picture."""
    height, width = piece.shape[:2]
    begin = min(max(0, round(centre - _REACH * height)), width - 1)
    cell = piece[:, begin : max(begin + 1, round(centre + _REACH * height))]
    if turned:
        return _Cell(numpy.ascontiguousarray(numpy.rot90(cell, -1)), height / 2)
    return _Cell(numpy.ascontiguousarray(cell), centre - begin)


def _nearest(read: Recognized, centre: float) -> tuple[str, float]:
    """The character that stands nearest to `centre`, and its confidence; 0 if there is none."""
    found = zip(read.centres, read.text, read.confidences, strict=False)
    square = [(abs(at - centre), char, sure) for at, char, sure in found if _is_square(char)]
    _distance, char, sure = min(square, default=(0.0, "", 0.0))
    return char, sure
