"""What was read off one picture. Pure."""

from __future__ import annotations

from typing import NamedTuple

Point = tuple[float, float]


class Block(NamedTuple):
    """One piece of text as it stands on the picture, a line or a column.

    `box`: its corners in pixels of the picture, clockwise from the text's first corner.
    `confidences`: 0 to 1, one for each character of `text`; empty where they are not known.
    """

    text: str
    box: tuple[Point, ...] = ()
    confidences: tuple[float, ...] = ()


class Reading(NamedTuple):
    """All that was read off a picture in one look, in no certain order.

    `reduced`: text was looked for at a smaller size, so a second look may tell more.
    """

    blocks: tuple[Block, ...]
    reduced: bool = False
