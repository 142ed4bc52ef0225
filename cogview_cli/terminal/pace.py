"""How far a long work is, on a terminal: done, total, how fast, how long yet."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cogview_cli.i18n import _
from cogview_cli.terminal.output import on_terminal, say

_PLAIN_EVERY_S = 30.0


def pace(done: int, total: int, seconds: float) -> str:
    """`12/60; 3.1 pictures/s; 0:15 left`; of the first one only the numbers are known."""
    count = f"{done}/{total}"
    if not done or seconds <= 0:
        return count
    left = round((total - done) * seconds / done)
    rate = _("{rate:.1f} pictures/s", rate=done / seconds)
    return _("; ").join((count, rate, _("{time} left", time=f"{left // 60}:{left % 60:02}")))


class Progress:
    """Counts what is done; says so where people look."""

    def __init__(self, total: int, *, quiet: bool) -> None:
        self._total, self._quiet = total, quiet
        self._done = self._timed = 0
        self._begun = self._told = time.monotonic()
        self._status: Any = None

    def step(self, *, timed: bool = True) -> None:
        """One more is done; without `timed` it took no time that says anything of the others."""
        self._done += 1
        self._timed += timed
        if self._status is not None:
            self._status.update(self._line())
        elif not self._quiet and time.monotonic() - self._told > _PLAIN_EVERY_S:
            self._told = time.monotonic()
            say(self._line())

    def _line(self) -> str:
        untimed = self._done - self._timed
        line = pace(self._timed, self._total - untimed, time.monotonic() - self._begun)
        return line if not untimed else _("{line} (done before: {count})", line=line, count=untimed)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Shows it on a terminal while the work goes on."""
        if self._quiet or not on_terminal():
            yield
            return
        from rich.console import Console

        console = Console(stderr=True, highlight=False, markup=False)
        with console.status(self._line(), refresh_per_second=4) as self._status:
            try:
                yield
            finally:
                self._status = None

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Hides it while lines are written."""
        if self._status is not None:
            self._status.stop()
        try:
            yield
        finally:
            if self._status is not None:
                self._status.start()
