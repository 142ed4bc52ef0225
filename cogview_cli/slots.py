"""Slots for generations in flight, shared by every process of the user.

One lock file a slot, per base URL, key and model; the kernel frees a slot the
moment its owner dies. On 1302 this process's share shrinks, and grows back with
clean answers, so that several machines on one account settle too
(reference/api.md §5: the limit is concurrency, per account and model).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from filelock import BaseFileLock, Timeout

from cogview_cli.errors import MachineError, Temporary
from cogview_cli.i18n import _
from cogview_cli.liveness import kernel_lock

POLL_SECONDS = (0.02, 0.08)
SHRINK = 0.7
GROW_AFTER = 10
# A lock, a request, and for the image before it a download and its file.
FILES_A_SLOT = 4
FILES_BESIDES = 100


class Share:
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


class Slots:
    """`width` slots in `folder`; `hold` waits for one."""

    def __init__(self, folder: Path, width: int, *, patience: float = 600.0) -> None:
        """`patience`: seconds to wait while other processes hold every slot."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _no_locks(folder, error) from error
        allow_files(FILES_A_SLOT * width + FILES_BESIDES)
        self.share = Share(width)
        self.folder = folder
        self._held: set[int] = set()
        self._freed = asyncio.Event()
        # One task at a time looks for a slot: the others cost nothing while they wait.
        self._looking = asyncio.Lock()
        self._pause_until = 0.0
        self._patience = patience

    def pause(self, seconds: float) -> None:
        """Nobody of this process starts a generation for so long: the platform is busy."""
        self._pause_until = max(self._pause_until, asyncio.get_running_loop().time() + seconds)

    @asynccontextmanager
    async def hold(self, stopping: asyncio.Event) -> AsyncIterator[int]:
        """Holds a slot, or none once `stopping` is set; yields the epoch for `throttled`."""
        async with self._looking:
            found = await self._acquire(stopping)
        if found is None:
            yield self.share.epoch
            return
        lock, number = found
        try:
            yield self.share.epoch
        finally:
            lock.release()
            self._held.discard(number)
            self._freed.set()

    async def _acquire(self, stopping: asyncio.Event) -> tuple[BaseFileLock, int] | None:
        loop = asyncio.get_running_loop()
        hopeful = loop.time()
        while not stopping.is_set():
            pause = self._pause_until - loop.time()
            if pause > 0:
                await asyncio.sleep(min(pause, POLL_SECONDS[1]))
            elif len(self._held) < self.share.limit and (found := self._try()):
                return found
            else:
                hopeful = loop.time() if self._held else hopeful
                if loop.time() - hopeful > self._patience:
                    raise _all_taken(self._patience)
                await self._wait()
        return None

    def _try(self) -> tuple[BaseFileLock, int] | None:
        numbers = [n for n in range(self.share.ceiling) if n not in self._held]
        random.shuffle(numbers)
        for number in numbers:
            lock = kernel_lock(self.folder / f"{number:03}.lock")
            try:
                lock.acquire()
            except Timeout:
                continue
            except OSError as error:
                raise _no_locks(self.folder, error) from error
            self._held.add(number)
            return lock, number
        return None

    async def _wait(self) -> None:
        """Until a slot of ours is freed, or long enough to ask the kernel again."""
        self._freed.clear()
        try:
            async with asyncio.timeout(random.uniform(*POLL_SECONDS)):
                await self._freed.wait()
        except TimeoutError:
            return


def _no_locks(folder: Path, error: OSError) -> MachineError:
    return MachineError(
        _("no lock can be taken in '{path}': {why}", path=folder, why=error.strerror or error),
        hint=_("set COGVIEW_STATE_DIR to a folder on a local disk"),
    )


def allow_files(wanted: int) -> None:
    """Lets this process open so many files, as far as the system permits: often 1024, or 256."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if soft != resource.RLIM_INFINITY and soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _all_taken(seconds: float) -> Temporary:
    return Temporary(
        _("other cogview processes have held every slot for {seconds:.0f} s", seconds=seconds),
        hint=_("run it again later; a stopped process keeps its slots: ps aux | grep cogview"),
    )
