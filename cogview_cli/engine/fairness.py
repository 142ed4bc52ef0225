"""How many slots this process may hold, and when it may take one. Pure: time is an argument."""

from __future__ import annotations

from collections.abc import Callable

# So long a freed slot is left to a process that has none: time enough to ask for it.
YIELD_SECONDS = 0.4
# How often it is looked whether a slot can be had, or a pause has ended; seconds.
LOOK_SECONDS = 0.02
PAUSED_SECONDS = 0.08
SHRINK = 0.7
GROW_AFTER = 10


class ConcurrencyLimit:
    """How many slots this process uses at most: shrinks on a throttle, grows back. Pure."""

    def __init__(self, ceiling: int) -> None:
        self.ceiling = ceiling
        self.limit = ceiling
        self.epoch = 0
        self._clean = 0

    def throttled(self, epoch: int) -> None:
        """A 1302 to a request begun in `epoch`; one cut an epoch is enough."""
        if epoch == self.epoch:
            self.limit = max(1, int(self.limit * SHRINK))
            self.epoch += 1
            self._clean = 0

    def answered(self) -> None:
        """A clean answer."""
        self._clean += 1
        if self._clean >= max(self.limit, GROW_AFTER) and self.limit < self.ceiling:
            self.limit += 1
            self._clean = 0


class Turns:
    """When this process may take a slot: not in a pause, nor before one that has none.

    `others` tells whether another process waits with no slot at all; it is asked only
    where that decides. Times are those of one monotonic clock, in seconds.
    """

    def __init__(self) -> None:
        self._paused_until = self._yields_until = 0.0

    def pause(self, seconds: float, now: float) -> None:
        """Nothing is started for so long; the longest of several pauses counts."""
        self._paused_until = max(self._paused_until, now + seconds)

    def freed(self, now: float) -> None:
        """A slot of ours is free for all: whoever has none comes first for a while."""
        self._yields_until = now + YIELD_SECONDS

    def paused(self, now: float) -> bool:
        """Whether nothing may start now."""
        return now < self._paused_until

    def delay(self, now: float, others: Callable[[], bool]) -> float:
        """Seconds until it may be asked again whether to take a slot; 0 if one may be taken."""
        if self.paused(now):
            return min(self._paused_until - now, PAUSED_SECONDS)
        return LOOK_SECONDS if now < self._yields_until and others() else 0.0

    def may_keep(self, now: float, held: int, limit: int, others: Callable[[], bool]) -> bool:
        """Whether a slot may go to another task of this process rather than be freed."""
        return not self.paused(now) and held <= limit and not others()


class Patience:
    """How long a process waits while others hold every slot; its own it waits for without end."""

    def __init__(self, seconds: float, now: float) -> None:
        self._seconds = seconds
        self._since = now

    def spent(self, now: float, held: int) -> bool:
        """Whether it has waited too long; never while it holds slots itself."""
        if held:
            self._since = now
        return now - self._since > self._seconds
