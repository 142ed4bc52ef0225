"""Slots for generations in flight, shared by every process of the user.

One lock file a slot, per base URL, key and model; the kernel frees a slot the
moment its owner dies. On 1302 this process's share shrinks, and grows back with
clean answers, so that several machines on one account settle too
(the limit is on requests in progress, per account and model:
cogview_cli/api/README.md#concurrency).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from cogview_cli.disk.locks import Busy, KernelLock, WaitList, kernel_lock
from cogview_cli.engine import chance
from cogview_cli.engine.fairness import LOOK_SECONDS, ConcurrencyLimit, Patience, Turns
from cogview_cli.errors import MachineError, Temporary
from cogview_cli.i18n import _

POLL_SECONDS = (LOOK_SECONDS, 0.08)
# A lock, a request, and for the image before it a download and its file.
FILES_A_SLOT = 4
FILES_BESIDES = 100


class SlotLease:
    """A slot in hand, or none when the run is stopping; `epoch` is what a throttle is told."""

    def __init__(self, epoch: int, hand_over: Callable[[], bool] = lambda: False) -> None:
        self.epoch = epoch
        self.hand_over = hand_over  # see Slots.hold


class _Locks:
    """The lock file of each slot; those in `held` are this process's own."""

    def __init__(self, folder: Path, width: int) -> None:
        self._folder, self._width = folder, width
        self._held: dict[int, KernelLock] = {}

    def __len__(self) -> int:
        return len(self._held)

    def take(self) -> int | None:
        """The number of a slot that was free and is ours now. MachineError without locks."""
        numbers = [number for number in range(self._width) if number not in self._held]
        numbers.sort(key=lambda _number: os.urandom(4))  # all processes would want the first
        return next(filter(self._taken, numbers), None)

    def _taken(self, number: int) -> bool:
        lock = kernel_lock(self._folder / f"{number:03}.lock")
        try:
            lock.acquire()
        except Busy:
            return False
        except OSError as error:
            raise _no_locks(self._folder, error) from error
        self._held[number] = lock
        return True

    def release(self, number: int) -> None:
        self._held.pop(number).release()


class _HandOver:
    """A slot on its way from a task that held it to the one of this process that waits."""

    def __init__(self) -> None:
        self.awaited = False
        self._slot: int | None = None

    @property
    def passed(self) -> bool:
        return self._slot is not None

    def give(self, number: int) -> None:
        self._slot = number

    def take(self) -> int | None:
        number, self._slot = self._slot, None
        return number


class Slots:
    """`width` slots in `folder`; `hold` waits for one."""

    def __init__(self, folder: Path, width: int, *, patience: float = 600.0) -> None:
        """`patience`: seconds to wait while other processes hold every slot."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _no_locks(folder, error) from error
        allow_files(FILES_A_SLOT * width + FILES_BESIDES)
        self.folder = folder
        self.share = ConcurrencyLimit(width)
        self._locks = _Locks(folder, width)
        self._turns = Turns()
        self._handed = _HandOver()
        self._patience = patience
        self._queue = WaitList(folder / "waiting")
        # One task at a time looks for a slot: the others cost nothing while they wait.
        self._looking = asyncio.Lock()
        self._news = asyncio.Event()

    def pause(self, seconds: float) -> None:
        """Nobody of this process starts a generation for so long: the platform is busy."""
        self._turns.pause(seconds, _now())

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

    def _hand_over(self, mine: list[int]) -> bool:
        """Whether another task has the slot now."""
        wanted = mine and self._handed.awaited and not self._handed.passed
        held, limit = len(self._locks), self.share.limit
        if not (wanted and self._turns.may_keep(_now(), held, limit, self._queue.others)):
            return False
        self._handed.give(mine.pop())
        self._news.set()
        return True

    def _release(self, number: int) -> None:
        self._locks.release(number)
        self._turns.freed(_now())
        self._news.set()

    async def _acquire(self, stopping: asyncio.Event) -> int | None:
        try:
            self._handed.awaited = True
            return await self._next(stopping)
        except BaseException:
            if (number := self._handed.take()) is not None:
                self._release(number)
            raise
        finally:
            self._handed.awaited = False
            self._queue.leave()

    async def _next(self, stopping: asyncio.Event) -> int | None:
        patience = Patience(self._patience, _now())
        while not (self._handed.passed or stopping.is_set()):
            if delay := self._turns.delay(_now(), self._queue.others):
                if self._turns.paused(_now()):
                    self._queue.leave()  # nobody need step aside meanwhile
                await asyncio.sleep(delay)
            elif (number := self._take()) is not None:
                return number
            else:
                self._go_on_waiting(patience)
                await self._wait()
        return self._handed.take()

    def _take(self) -> int | None:
        return self._locks.take() if len(self._locks) < self.share.limit else None

    def _go_on_waiting(self, patience: Patience) -> None:
        """Says so to other processes if this one holds no slot. Temporary after too long."""
        if not len(self._locks):
            self._queue.enter()
        if patience.spent(_now(), len(self._locks)):
            raise _all_taken(self._patience)

    async def _wait(self) -> None:
        """Until a slot of ours is freed, or long enough to ask the kernel again."""
        self._news.clear()
        try:
            async with asyncio.timeout(chance.uniform(*POLL_SECONDS)):
                await self._news.wait()
        except TimeoutError:
            return


def _now() -> float:
    return asyncio.get_running_loop().time()


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
