"""`cogview` that kills itself at one step on the disk: `python -m tests.takes.killed STEP -- …`.

Steps are counted over the whole run: each file that is opened for writing, synced, renamed,
linked or removed, each folder made, each commit of the ledger, before it and after. A STEP is
the number of one, or what is done and how its last path ends, and how many steps later:
`rename out/1.png:1`. The process dies before that is done. 0 kills nothing.
The file that TAKES_STEPS names gets a line a step. With TAKES_TABLE the stand-in reads.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

STEPS = "TAKES_STEPS"
_EVENTS = ("os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir")
_WRITING = os.O_WRONLY | os.O_RDWR


class _Steps:
    """Counts steps; at the last one the process is gone."""

    def __init__(self, last: str) -> None:
        what, _, self._end = last.rpartition(" ")
        self._what, self._numbers = what, itertools.count(1)
        self._end, _, later = self._end.partition(":")
        self._last = int(self._end) if not what else None
        self._later = int(later or 0)

    def __call__(self, what: str, *paths: str) -> None:
        number = next(self._numbers)
        if log := os.environ.get(STEPS):
            with Path(log).open("a", encoding="utf-8") as file:
                file.write(f"{number} {what} {' '.join(paths)}\n")
        if self._last is None and what == self._what and paths[-1].endswith(self._end):
            self._last = number + self._later
        if number == self._last:
            os.kill(os.getpid(), signal.SIGKILL)


def arm(last: str) -> None:
    """Puts the steps in."""
    step, log = _Steps(last), os.environ.get(STEPS)

    def heard(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _mode, flags = arguments
            if isinstance(path, str) and path != log and flags & _WRITING:
                step("open", path)
        elif event in _EVENTS:
            paths = (os.fspath(a) for a in arguments if isinstance(a, str | Path))
            step(event.removeprefix("os."), *paths)

    sys.addaudithook(heard)
    _count_syncs(step)
    _count_commits(step)


def _count_syncs(step: Callable[[str], None]) -> None:
    fsync = os.fsync

    def synced(descriptor: int) -> None:
        step("fsync")
        fsync(descriptor)

    os.fsync = synced  # type: ignore[assignment]


def _count_commits(step: Callable[[str], None]) -> None:
    from cogview_cli.ledger.file import LedgerFile

    transaction = LedgerFile.transaction

    @contextmanager
    def stepped(self: LedgerFile) -> Iterator[Any]:
        outermost = not self._db.in_transaction
        with transaction(self) as db:
            yield db
            if outermost:
                step("commit")
        if outermost:
            step("committed")

    LedgerFile.transaction = stepped  # type: ignore[method-assign]


def main() -> int:
    from cogview_cli.app import main as cogview
    from tests.takes import standin

    if os.environ.get(standin.TABLE):
        standin.install()
    arm(sys.argv[1])
    return cogview(sys.argv[3:])


if __name__ == "__main__":
    sys.exit(main())
