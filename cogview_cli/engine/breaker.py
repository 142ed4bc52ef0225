"""Whether a run should go on: a retry allowance and a breaker. Pure.

Retries must not make an outage worse: they draw on one allowance for the whole run,
which clean answers fill again, and after a row of requests that never left this
machine only one at a time is tried.
"""

from __future__ import annotations

from collections import Counter

from cogview_cli.api.error_codes import ErrorClass

ALLOWANCE = 100
COST_OF_FAILURE = 5
UNSENT_IN_A_ROW = 5
SAME_REFUSALS = 3
# Failures that say something about network, platform or account, not about one request.
_DRAWING = (None, ErrorClass.TRANSIENT, ErrorClass.LATER)


class CircuitBreaker:
    """What the requests of one run tell about the next ones."""

    def __init__(self) -> None:
        self.left = ALLOWANCE
        self._unsent = 0
        self._refusals: Counter[str] = Counter()
        self._taken = False

    @property
    def probing(self) -> bool:
        """The network seems dead: one request at a time."""
        return self._unsent >= UNSENT_IN_A_ROW

    @property
    def exhausted(self) -> bool:
        """Too many failures for the successes: give up for now."""
        return self.left < COST_OF_FAILURE

    @property
    def all_alike(self) -> str | None:
        """The one code that every request so far was rejected with, three times at least."""
        if self._taken or len(self._refusals) != 1:
            return None
        [(code, count)] = self._refusals.items()
        return code if count >= SAME_REFUSALS else None

    def answered(self, retries: int) -> None:
        """A clean answer after so many retries; they turned out to be worth it."""
        self._taken = True
        self._unsent = 0
        self.left = min(ALLOWANCE, self.left + 1 + COST_OF_FAILURE * retries)

    def failed(self, kind: ErrorClass | None, code: str) -> None:
        """A try without an image; `kind` None means it was never sent."""
        self._unsent = self._unsent + 1 if kind is None else 0
        if kind in _DRAWING:
            self.left -= COST_OF_FAILURE
        if kind is ErrorClass.BAD_REQUEST:
            self._refusals[code] += 1
        elif kind is ErrorClass.REFUSED:
            self._taken = True  # its parameters were fine, its content was not
