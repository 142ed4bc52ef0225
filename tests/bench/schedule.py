"""The best that a run can do. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from tests.bench.server import Stats


def greedy(latencies: Iterable[float], slots: int) -> float:
    """Seconds until the last one ends if each starts, in order, as soon as a slot is free."""
    free = [0.0] * slots
    for seconds in latencies:
        heapq.heapreplace(free, free[0] + seconds)
    return max(free)


def slot_use(books: Stats, slots: int) -> float:
    """The mean number of generations in flight, over the slots, from the first to the last."""
    return books.area / (slots * (books.last - books.first))
