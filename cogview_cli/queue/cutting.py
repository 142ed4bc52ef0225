"""How requests are cut into parts: one model a file, within the vendor's limits. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from cogview_cli.api.batches import MOST_BYTES, MOST_LINES, QUEUE_LIMIT
from cogview_cli.ledger.queue_parts import Part


class Limits(NamedTuple):
    """The most that one part may hold."""

    lines: int = MOST_LINES
    bytes: int = MOST_BYTES

    def smaller(self, lines: int) -> Limits:
        """For a server to which a part of so many lines was too large."""
        return self._replace(lines=max(1, lines // 2))


def limits_of(size: int | None) -> Limits:
    """The limits of a part; `size` is what the user asks for."""
    return Limits(min(size or MOST_LINES, MOST_LINES, QUEUE_LIMIT))


class Cutter:
    """Fills one part after the other, in order; `fits` tells when the next one begins."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.lines = self._bytes = 0

    def fits(self, size: int) -> bool:
        """Whether a line of `size` bytes may go into this part; an empty one takes any."""
        full = self.lines >= self._limits.lines or self._bytes + size > self._limits.bytes
        return not self.lines or not full

    def add(self, size: int) -> None:
        """Puts a line into this part."""
        self.lines += 1
        self._bytes += size


def room(parts: Iterable[Part], model: str, limit: int = QUEUE_LIMIT) -> int:
    """How many requests of a model the queue takes beside `parts`, which are in it already."""
    return max(0, limit - sum(part.waiting for part in parts if part.model == model))
