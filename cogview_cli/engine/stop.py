"""Whether a run goes on: one switch for the runner, the sender and the slots."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from cogview_cli.errors import SIGNALS
from cogview_cli.outcome import Problem

T = TypeVar("T")


class StopSwitch:
    """Thrown once: nothing new is sent then, and the first reason is the one that counts."""

    def __init__(self) -> None:
        self.thrown = asyncio.Event()
        # A signal is among the reasons: what can be gone on with later is not waited for.
        self.signalled = asyncio.Event()
        self.reason: Problem | None = None
        self._waiting: list[asyncio.Future[None]] = []

    def stop(self, reason: Problem) -> None:
        """Nothing new is sent from now on; what is in flight is waited for."""
        self.reason = self.reason or reason
        self.thrown.set()
        if reason.exit_code in SIGNALS:
            self.signalled.set()
        self.look_again()

    def look_again(self) -> None:
        """Something has changed that `until` may wait for."""
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def until(self, true: Callable[[], bool]) -> None:
        """Waits until `true()`, asked at every change, or until the switch is thrown."""
        while not (self.thrown.is_set() or true()):
            future = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future

    async def sleep(self, seconds: float) -> None:
        """Waits so long, or until the switch is thrown."""
        await _wait(self.thrown, seconds)

    async def sleep_unless_signalled(self, seconds: float) -> None:
        """Waits so long, or until a signal."""
        await _wait(self.signalled, seconds)

    async def unless_signalled(self, work: Coroutine[Any, Any, T]) -> T | None:
        """What `work` returns; None if a signal comes before, which ends it."""
        task = asyncio.create_task(work)
        signal = asyncio.create_task(self.signalled.wait())
        try:
            await asyncio.wait({task, signal}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            signal.cancel()
            if not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await task


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
