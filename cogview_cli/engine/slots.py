"""Slots for generations in flight, shared by every process of the user.

One lock file a slot, per base URL, key and model; the kernel frees a slot the
moment its owner dies. On 1302 this process's share shrinks, and grows back with
clean answers, so that several machines on one account settle too
(the limit is on requests in progress, per account and model:
cogview_cli/api/README.md#concurrency).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from filelock import BaseFileLock, Timeout

from cogview_cli.disk.locks import WaitList, kernel_lock
from cogview_cli.errors import MachineError, Temporary
from cogview_cli.i18n import _

POLL_SECONDS = (0.02, 0.08)
# So long a freed slot is left to a process that has none: time enough to ask for it.
YIELD_SECONDS = 0.4
SHRINK = 0.7
GROW_AFTER = 10
# A lock, a request, and for the image before it a download and its file.
FILES_A_SLOT = 4
FILES_BESIDES = 100


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


class SlotLease:
    """A slot in hand, or none when the run is stopping; `epoch` is for `Share.throttled`."""

    def __init__(self, epoch: int, hand_over: Callable[[], None] = lambda: None) -> None:
        self.epoch = epoch
        self.hand_over = hand_over  # see Slots.hold


class Slots:
    """`width` slots in `folder`; `hold` waits for one."""

    def __init__(self, folder: Path, width: int, *, patience: float = 600.0) -> None:
        """`patience`: seconds to wait while other processes hold every slot."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _no_locks(folder, error) from error
        allow_files(FILES_A_SLOT * width + FILES_BESIDES)
        self.share = ConcurrencyLimit(width)
        self.folder = folder
        self._held: dict[int, BaseFileLock] = {}
        self._freed = asyncio.Event()
        # One task at a time looks for a slot: the others cost nothing while they wait.
        self._looking = asyncio.Lock()
        self._waits = False
        self._passed_on: int | None = None
        self._pause_until = self._yield_until = 0.0
        self._patience = patience
        self._queue = WaitList(folder / "waiting")

    def pause(self, seconds: float) -> None:
        """Nobody of this process starts a generation for so long: the platform is busy."""
        self._pause_until = max(self._pause_until, asyncio.get_running_loop().time() + seconds)

    @asynccontextmanager
    async def hold(self, stopping: asyncio.Event) -> AsyncIterator[SlotLease]:
        """Holds a slot, or none once `stopping` is set.

        With `hand_over` the next one of this process that waits, if any, gets the slot before
        the block ends, and must not connect before what this one still writes is on the disk.
        """
        async with self._looking:
            number = await self._acquire(stopping)
        if number is None:
            yield SlotLease(self.share.epoch)
            return
        mine = [number]
        try:
            yield SlotLease(self.share.epoch, lambda: self._hand_over(mine))
        finally:
            for left in mine:
                self._release(left)

    def _hand_over(self, mine: list[int]) -> None:
        wanted = self._waits and self._passed_on is None and self._pause() <= 0
        if mine and wanted and len(self._held) <= self.share.limit and not self._queue.others():
            self._passed_on = mine.pop()
            self._freed.set()

    def _release(self, number: int) -> None:
        self._held.pop(number).release()
        self._yield_until = asyncio.get_running_loop().time() + YIELD_SECONDS
        self._freed.set()

    async def _acquire(self, stopping: asyncio.Event) -> int | None:
        try:
            self._waits = True
            return await self._next(stopping)
        except BaseException:
            if self._passed_on is not None:
                self._release(self._taken())
            raise
        finally:
            self._waits = False
            self._queue.leave()

    async def _next(self, stopping: asyncio.Event) -> int | None:
        loop = asyncio.get_running_loop()
        hopeful = loop.time()
        while self._passed_on is None and not stopping.is_set():
            if self._pause() > 0:
                self._queue.leave()  # nobody need step aside meanwhile
                await asyncio.sleep(min(self._pause(), POLL_SECONDS[1]))
                continue
            if self._is_yielding():
                await asyncio.sleep(POLL_SECONDS[0])
                continue
            if len(self._held) < self.share.limit and (found := self._try()) is not None:
                return found
            if self._held:
                hopeful = loop.time()
            else:
                self._queue.enter()
            if loop.time() - hopeful > self._patience:
                raise _all_taken(self._patience)
            await self._wait()
        return None if self._passed_on is None else self._taken()

    def _taken(self) -> int:
        number, self._passed_on = self._passed_on, None
        assert number is not None
        return number

    def _is_yielding(self) -> bool:
        """Whether the slot that was freed last is for a process that has none."""
        now = asyncio.get_running_loop().time()
        return now < self._yield_until and self._queue.others()

    def _pause(self) -> float:
        """Seconds that nobody of this process may start."""
        return self._pause_until - asyncio.get_running_loop().time()

    def _try(self) -> int | None:
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
            self._held[number] = lock
            return number
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
