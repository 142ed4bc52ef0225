"""The saver, loaded while the first request is on its way: nothing before needs it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from cogview_cli.i18n import _
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.outcome import Status
from cogview_cli.pictures.failure import Stalled
from cogview_cli.pictures.outcomes import outcome_of, unsaved_problem

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
        return await self._done(entry, lambda saver: saver.finish(entry, stalled))

    async def finish_earlier(self, entry: Entry) -> Outcome:
        """The same for what an earlier run may have begun."""
        return await self._done(entry, lambda saver: saver.resuming().finish(entry))

    async def put_off(self, entry: Entry) -> Outcome:
        """The outcome of an answer whose images are left for later."""
        return await self._done(entry, lambda saver: saver.put_off(entry))

    async def _done(
        self, entry: Entry, work: Callable[[ImageSaver], Awaitable[Outcome]]
    ) -> Outcome:
        try:
            saver = self._made
        except Exception as error:  # a file of the program that is gone or damaged
            return _not_loaded(entry, error)
        return await work(saver)

    async def close(self) -> None:
        """Closes the connections, if there are any, and loads nothing any more."""
        if self._soon is not None:
            self._soon.cancel()  # a thread asked for after the loop's end is an error
        if "_made" in self.__dict__:
            await self._made.close()


def _load() -> None:
    with suppress(Exception):  # it is tried again, and told, when it is needed
        import PIL.Image  # noqa: F401

        import cogview_cli.pictures.saver  # noqa: F401


def _not_loaded(entry: Entry, error: Exception) -> Outcome:
    """Paid, and nothing here can save it, nor any other: the answer stays in the ledger."""
    problem = unsaved_problem(Message.of("not-loaded", why=error), id=entry.id)
    hint = _("install it again, then: cogview recover")
    outcome = outcome_of(entry, Status.UNSAVED, problem=problem._replace(hint=hint, ends_run=True))
    return outcome._replace(cost=entry.price)
