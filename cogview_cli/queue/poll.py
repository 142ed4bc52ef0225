"""When to look at the queue again. Pure."""

from __future__ import annotations

FIRST_SECONDS, LONGEST_SECONDS, GROWTH = 30.0, 300.0, 1.5
# An in-process sandbox is quick, and gone with its process.
SANDBOX_SECONDS = 0.5


def interval(looks: int, *, every: float | None = None, retry_after: float | None = None) -> float:
    """Seconds until the next look, after so many of them in a row that brought nothing new.

    `every`: what the user asks for. The server may ask for more patience, not for less.
    """
    own = every or min(LONGEST_SECONDS, FIRST_SECONDS * GROWTH ** min(looks, 20))
    return max(own, min(retry_after or 0.0, LONGEST_SECONDS))
