"""The boxes around text on a picture: 4 x 2, float32, clockwise from the top left. Pure."""

from __future__ import annotations

from typing import Any

import numpy

# From here on RapidOCR takes a box for a column and turns it to the left.
_UPRIGHT = 1.5


def is_upright(box: Any) -> bool:
    """Whether RapidOCR takes the text for a column."""
    width, height = _sides(box)
    return int(height) >= _UPRIGHT * int(width)


def lengthened(box: Any, beyond: float) -> Any:
    """The box with so many heights of its line more at both ends; it may leave the picture."""
    right, down = box[1] - box[0], box[3] - box[0]
    width, height = _sides(box)
    if is_upright(box):
        more = down * (beyond * width / max(1.0, height))
        signs = (-1, -1, 1, 1)
    else:
        more = right * (beyond * height / max(1.0, width))
        signs = (-1, 1, 1, -1)
    return numpy.array(
        [corner + sign * more for corner, sign in zip(box, signs, strict=True)], numpy.float32
    )


def _sides(box: Any) -> tuple[float, float]:
    """Width and height in pixels, of opposite sides the longer one."""
    top, right, bottom, left = (numpy.linalg.norm(box[at] - box[at - 3]) for at in range(4))
    return float(max(top, bottom)), float(max(right, left))
