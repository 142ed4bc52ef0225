"""The saver, loaded while the first request is on its way: nothing before needs it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from cogview_cli.pictures.failure import Stalled

if TYPE_CHECKING:
    from cogview_cli.ledger import Entry
    from cogview_cli.outcome import Outcome
    from cogview_cli.pictures.saver import ImageSaver

# The first byte of a request is out by then; an answer takes seconds.
SOON_SECONDS = 0.1


class LaterSaver:
    """An ImageSaver that is made at its first use; `prepare` loads what it needs beside a wait."""

    def __init__(self, make: Callable[[], ImageSaver]) -> None:
        self._make = make
        self._soon: asyncio.TimerHandle | None = None

    @cached_property
    def _made(self) -> ImageSaver:
        return self._make()

    def prepare(self) -> None:
        """Loads the modules a moment later, in a thread, once."""
        if self._soon is None:
            loop = asyncio.get_running_loop()
            self._soon = loop.call_later(SOON_SECONDS, loop.run_in_executor, None, _load)

    async def finish(self, entry: Entry, stalled: Stalled = lambda: None) -> Outcome:
        """Saves every image of `entry`, as ImageSaver does."""
        return await self._made.finish(entry, stalled)

    async def finish_earlier(self, entry: Entry) -> Outcome:
        """The same for what an earlier run may have begun."""
        return await self._made.resuming().finish(entry)

    async def put_off(self, entry: Entry) -> Outcome:
        """The outcome of an answer whose images are left for later."""
        return await self._made.put_off(entry)

    async def close(self) -> None:
        """Closes the connections, if there are any, and loads nothing any more."""
        if self._soon is not None:
            self._soon.cancel()  # a thread asked for after the loop's end is an error
        if "_made" in self.__dict__:
            await self._made.close()


def _load() -> None:
    import PIL.Image  # noqa: F401

    import cogview_cli.pictures.saver  # noqa: F401
