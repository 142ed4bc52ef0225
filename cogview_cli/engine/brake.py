"""Money that buys nothing stops: when a run may send while its pictures are not kept. Pure.

Every request of the run that was sent is open until it is known what came of it. After
BAD_IN_A_ROW in a row that brought no picture (an outcome that is unknown, a picture that
is not on disk, or one whose first download has failed and is tried again), nothing more is
sent until one is saved. When all that is open has ended without a picture, single requests
find out whether the trouble has passed; it has not after PROBES of them, or after
BAD_IN_A_ROW pictures that were paid and came to nothing.
"""

from __future__ import annotations

BAD_IN_A_ROW = 5
PROBES = 3


class Brake:
    """What the pictures of the requests that were sent tell about sending more."""

    def __init__(self) -> None:
        self._open: set[str] = set()
        self._stalled: set[str] = set()
        self._unknown = self._unsaved = 0
        self._failed_probes = 0
        self._probe: str | None = None

    @property
    def closed(self) -> bool:
        """Too many in a row brought no picture."""
        return len(self._stalled) + self._unknown + self._unsaved >= BAD_IN_A_ROW

    @property
    def may_send(self) -> bool:
        """Whether another request may leave now; closed, one at a time."""
        return not self.closed or not self._open

    @property
    def spent(self) -> bool:
        """Whether the run should end."""
        return self._unsaved >= BAD_IN_A_ROW or self._failed_probes >= PROBES

    @property
    def unsaved(self) -> int:
        """Pictures in a row that were paid and are not on disk."""
        return self._unsaved

    @property
    def failed_probes(self) -> int:
        """How many single requests have found the trouble still there."""
        return self._failed_probes

    def sent(self, key: str) -> None:
        """A request leaves."""
        if self.closed:
            self._probe = key
        self._open.add(key)

    def stalled(self, key: str) -> None:
        """The download of its picture has failed once and is tried again."""
        if key in self._open:
            self._stalled.add(key)

    def saved(self, key: str) -> None:
        """Its picture is on disk: what came before counts no more."""
        self._end(key)
        self._stalled.clear()
        self._unknown = self._unsaved = self._failed_probes = 0

    def unknown(self, key: str) -> None:
        """It may have been paid, and no picture can be had."""
        self._unknown += 1
        self._end(key, failed=True)

    def unsaved_picture(self, key: str) -> None:
        """It was paid, and its picture is not on disk."""
        self._unsaved += 1
        self._end(key, failed=True)

    def free(self, key: str) -> None:
        """It cost nothing, or was told apart: says nothing of the others."""
        self._end(key)

    def _end(self, key: str, *, failed: bool = False) -> None:
        self._open.discard(key)
        self._stalled.discard(key)
        if key == self._probe:
            self._probe = None
            self._failed_probes += failed
