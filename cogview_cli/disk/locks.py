"""Which processes are alive: each holds a kernel lock, gone the moment its owner dies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from filelock import FileLock


LOCK_SUFFIX = ".lock"


class Busy(OSError):
    """Another process holds the lock."""


class KernelLock(Protocol):
    """A lock on a file that ends with its process. The file stays when it is released."""

    def acquire(self) -> None:
        """Takes it without waiting. Raises Busy, or OSError where there are no such locks."""

    def probe(self) -> None:
        """Sees whether an owner has it: Busy then. FileNotFoundError where there is no file."""

    def release(self) -> None:
        """Lets others have it."""


def kernel_lock(path: Path) -> KernelLock:
    """A lock on `path` that the kernel frees when this process ends, however it ends.

    flock, as filelock takes it too; but filelock takes a tenth of a start to load.
    """
    try:
        import fcntl  # noqa: F401
    except ImportError:  # Windows
        return _ByLibrary(path)
    return _Flock(path)


class _Flock:
    """flock(2) on a file that is made if need be."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        self._take(os.O_CREAT, shared=False)

    def probe(self) -> None:
        """Takes it beside others that probe: only an owner is Busy. No file, no lock."""
        self._take(0, shared=True)

    def _take(self, more: int, *, shared: bool) -> None:
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | more
        descriptor = os.open(self._path, flags, 0o600)
        try:
            self._lock(descriptor, shared=shared)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def _lock(self, descriptor: int, *, shared: bool) -> None:
        import fcntl

        try:
            fcntl.flock(descriptor, fcntl.LOCK_NB | (fcntl.LOCK_SH if shared else fcntl.LOCK_EX))
        except (BlockingIOError, PermissionError):  # some file systems say EACCES
            raise Busy(self._path.name) from None
        if not os.fstat(descriptor).st_nlink:  # removed meanwhile: it would keep nobody out
            raise Busy(self._path.name)

    def release(self) -> None:
        if self._descriptor is None:
            return
        import fcntl

        try:  # a child that was forked meanwhile has it open, too
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        finally:
            os.close(self._descriptor)
            self._descriptor = None


class _ByLibrary:
    """The same where there is no flock."""

    def __init__(self, path: Path) -> None:
        self._lock = _file_lock(path)

    def acquire(self) -> None:
        from filelock import Timeout

        try:
            self._lock.acquire()
        except Timeout as error:
            raise Busy(error.lock_file) from None

    def probe(self) -> None:
        self.acquire()

    def release(self) -> None:
        self._lock.release()


def _file_lock(path: Path) -> FileLock:
    """filelock's own; a lock file that outlives its owner is no substitute."""
    from filelock import FileLock

    return FileLock(
        str(path),
        timeout=0,
        thread_local=False,
        is_singleton=False,
        mode=0o600,
        fallback_to_soft=False,
    )


def hold_open(descriptor: int) -> bool:
    """Locks a file that this process has just made, for as long as it is open.

    False if another process holds it, or has removed it. Where there is no flock nothing is held.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True
    return os.fstat(descriptor).st_nlink > 0


class ProcessLock:
    """Marks this process as alive under a fresh name until it releases or dies."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.name = os.urandom(8).hex()
        self._path = folder / f"{self.name}{LOCK_SUFFIX}"
        self._lock = kernel_lock(self._path)
        self._lock.acquire()

    def release(self) -> None:
        """Releases the lock and removes its file."""
        self._lock.release()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def is_alive(folder: Path, name: str) -> bool:
    """Whether the process that started run `name` is still alive.

    OSError where that cannot be told: another user's file, or no file at all.
    """
    path = folder / f"{name}{LOCK_SUFFIX}"
    if not path.exists():
        return False
    lock = kernel_lock(path)
    try:
        lock.probe()
    except FileNotFoundError:  # it has ended just now
        return False
    except Busy:
        return True
    if os.name == "nt":  # an open file cannot be removed there
        lock.release()
    with suppress(OSError):  # before others can have it: a lock on no name would keep nobody out
        path.unlink(missing_ok=True)
    lock.release()
    return False


class WaitList:
    """The processes that wait for something and have none of it yet: a lock file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ours: ProcessLock | None = None

    def enter(self) -> None:
        """Puts this process on the list. If that fails, it can wait all the same."""
        if self._ours is None:
            with suppress(OSError):
                self._ours = ProcessLock(self._folder)

    def leave(self) -> None:
        """Takes this process off the list."""
        if self._ours is not None:
            self._ours.release()
            self._ours = None

    def others(self) -> bool:
        """Whether another process waits; removes the files of dead ones."""
        try:
            names = {name.removesuffix(LOCK_SUFFIX) for name in os.listdir(self._folder)}
        except OSError:
            return False
        ours = {self._ours.name} if self._ours else set()
        return any(self._is_waiting(name) for name in names - ours)

    def _is_waiting(self, name: str) -> bool:
        """False for what is no lock of this user's: nobody has to step aside for it."""
        try:
            return is_alive(self._folder, name)
        except OSError:
            return False


@contextmanager
def exclusive_lock(path: Path, *, wait: bool, seconds: float | None = None) -> Iterator[None]:
    """Holds the lock at `path`; raises Busy if another process does, unless `wait`.

    `seconds`: how long to wait at most.
    """
    from filelock import Timeout

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = _file_lock(path)
    try:
        most = -1 if seconds is None else seconds
        lock.acquire(timeout=most if wait else 0, poll_interval=0.2)
    except Timeout:
        raise Busy(path.name) from None
    try:
        yield
    finally:
        lock.release()
