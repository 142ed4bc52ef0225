"""What was read off one picture. Pure."""

from __future__ import annotations

from enum import StrEnum
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


class Look(StrEnum):
    """How a picture is looked at; in this order, each where the one before leaves a doubt."""

    QUICK = "quick"
    WIDE = "wide"
    WIDER = "wider"
    THOROUGH = "thorough"
    GREY = "grey"


class Reading(NamedTuple):
    """All that was read off a picture in one look, in no certain order."""

    blocks: tuple[Block, ...]
