"""Which processes are alive: each holds a kernel lock, gone the moment its owner dies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout


class Busy(Exception):
    """Another process holds the lock."""


def kernel_lock(path: Path) -> FileLock:
    """A lock on `path` that the kernel frees when this process ends, however it ends.

    Acquiring it raises OSError where there are no such locks: a lock file that outlives
    its owner is no substitute.
    """
    return FileLock(
        str(path),
        timeout=0,
        thread_local=False,
        is_singleton=False,
        mode=0o600,
        fallback_to_soft=False,
    )


class ProcessLock:
    """Marks this process as alive under a fresh name until it releases or dies."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.name = os.urandom(8).hex()
        self._path = folder / f"{self.name}.lock"
        self._lock = kernel_lock(self._path)
        self._lock.acquire()

    def release(self) -> None:
        """Releases the lock and removes its file."""
        self._lock.release()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def is_alive(folder: Path, name: str) -> bool:
    """Whether the process that started run `name` is still alive."""
    path = folder / f"{name}.lock"
    if not path.exists():
        return False
    lock = kernel_lock(path)
    try:
        lock.acquire()
    except Timeout:
        return True
    lock.release()
    with suppress(OSError):
        path.unlink(missing_ok=True)
    return False


class WaitList:
    """The processes that wait for something and have none of it yet: a lock file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ours: ProcessLock | None = None

    def enter(self) -> None:
        """Puts this process on the list. If that fails, it can wait all the same."""
        if self._ours is None:
            with suppress(OSError, Timeout):
                self._ours = ProcessLock(self._folder)

    def leave(self) -> None:
        """Takes this process off the list."""
        if self._ours is not None:
            self._ours.release()
            self._ours = None

    def others(self) -> bool:
        """Whether another process waits; removes the files of dead ones."""
        try:
            names = {name.removesuffix(".lock") for name in os.listdir(self._folder)}
        except OSError:
            return False
        ours = {self._ours.name} if self._ours else set()
        return any(is_alive(self._folder, name) for name in names - ours)


@contextmanager
def exclusive_lock(path: Path, *, wait: bool, seconds: float | None = None) -> Iterator[None]:
    """Holds the lock at `path`; raises Busy if another process does, unless `wait`.

    `seconds`: how long to wait at most.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = kernel_lock(path)
    try:
        most = -1 if seconds is None else seconds
        lock.acquire(timeout=most if wait else 0, poll_interval=0.2)
    except Timeout:
        raise Busy(path.name) from None
    try:
        yield
    finally:
        lock.release()
