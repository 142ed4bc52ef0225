"""Whether a run goes on: one switch for the runner, the sender and the slots."""

from __future__ import annotations

import asyncio

from cogview_cli.outcome import Problem


class StopSwitch:
    """Thrown once: nothing new is sent then, and the first reason is the one that counts."""

    def __init__(self) -> None:
        self.thrown = asyncio.Event()
        self.reason: Problem | None = None

    def stop(self, reason: Problem) -> None:
        """Nothing new is sent from now on; what is in flight is waited for."""
        self.reason = self.reason or reason
        self.thrown.set()

    async def sleep(self, seconds: float) -> None:
        """Waits so long, or until the switch is thrown."""
        try:
            async with asyncio.timeout(seconds):
                await self.thrown.wait()
        except TimeoutError:
            return
