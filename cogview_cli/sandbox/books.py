"""What the sandbox saw and charged, for tests to compare with a client's own records."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal

NEWEST_BODIES = 10_000


def _bodies() -> deque[dict[str, object]]:
    return deque(maxlen=NEWEST_BODIES)


@dataclass
class QueueStats:
    """Counts of the batch queue; `charges` says how often each custom_id was made."""

    uploads: int = 0
    creates: int = 0
    charges: Counter[str] = field(default_factory=Counter)
    cost: Decimal = Decimal(0)

    def as_dict(self) -> dict[str, object]:
        charges = dict(self.charges)
        counts: dict[str, object] = {"uploads": self.uploads, "creates": self.creates}
        return {**counts, "charges": charges, "cost": str(self.cost)}


@dataclass
class Stats:
    """Counts since the start.

    A charge is a 200 answer produced, whether or not it reached the client. What the queue
    and tasks made counts in `charges` and `cost`, too. `skipped` is how many seconds the clock
    of the queue and of the links is ahead.
    `leaks` lists what the image host should never have received.
    """

    charges: Counter[str] = field(default_factory=Counter)
    posts: Counter[str] = field(default_factory=Counter)
    downloads: Counter[str] = field(default_factory=Counter)
    cost: Decimal = Decimal(0)
    in_flight: int = 0
    max_in_flight: int = 0
    leaks: list[str] = field(default_factory=list)
    bodies: deque[dict[str, object]] = field(default_factory=_bodies)
    queue: QueueStats = field(default_factory=QueueStats)
    skipped: float = 0.0

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self.skipped

    def charge(self, prompt: str, price: Decimal) -> None:
        """Book one produced answer."""
        self.charges[prompt] += 1
        self.cost += price

    def charge_queued(self, custom_id: str, prompt: str, price: Decimal) -> None:
        """Book one picture of the queue at the queue's price."""
        self.charge(prompt, price)
        self.queue.charges[custom_id] += 1
        self.queue.cost += price

    @contextmanager
    def working(self) -> Iterator[None]:
        """Count one request as in flight."""
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            yield
        finally:
            self.in_flight -= 1

    def as_dict(self) -> dict[str, object]:
        """The books as JSON values; money is a string."""
        return {
            "charges": dict(self.charges),
            "posts": dict(self.posts),
            "downloads": dict(self.downloads),
            "cost": str(self.cost),
            "in_flight": self.in_flight,
            "max_in_flight": self.max_in_flight,
            "leaks": list(self.leaks),
            "bodies": list(self.bodies),
            "queue": self.queue.as_dict(),
        }
