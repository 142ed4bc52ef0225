"""Whether a run goes on: one switch for the runner, the sender and the slots."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from cogview_cli.outcome import Problem


class StopSwitch:
    """Thrown once: nothing new is sent then, and the first reason is the one that counts."""

    def __init__(self) -> None:
        self.thrown = asyncio.Event()
        self.reason: Problem | None = None
        self._waiting: list[asyncio.Future[None]] = []

    def stop(self, reason: Problem) -> None:
        """Nothing new is sent from now on; what is in flight is waited for."""
        self.reason = self.reason or reason
        self.thrown.set()
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
        try:
            async with asyncio.timeout(seconds):
                await self.thrown.wait()
        except TimeoutError:
            return
