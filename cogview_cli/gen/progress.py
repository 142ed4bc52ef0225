"""The line that says how long a `gen` has been at work, and how long it usually takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from cogview_cli.api import models
from cogview_cli.api.request import ImageRequest
from cogview_cli.i18n import _
from cogview_cli.terminal import output
from cogview_cli.terminal.output import OutputOptions
from cogview_cli.terminal.reporter import Reporter
from cogview_cli.terminal.text import clock

EVERY_SECONDS = 1.0
NOTE_SECONDS = 8.0


def at_work(request: ImageRequest, elapsed: str) -> str:
    """Elapsed against usual time; without that for a model whose time is not known."""
    expected = models.expected_seconds(request.model, request.quality)
    if not expected:
        return _("{model} is drawing: {elapsed}", model=request.model, elapsed=elapsed)
    return _(
        "{model} is drawing: {elapsed} of about {seconds} s",
        model=request.model,
        elapsed=elapsed,
        seconds="–".join(map(str, dict.fromkeys(expected))),
    )


class GenProgress:
    """Elapsed against expected time, done of wanted, and for a while what went wrong."""

    def __init__(
        self,
        request: ImageRequest,
        count: int,
        reporter: Reporter,
        style: OutputOptions,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._request, self._count, self._done = request, count, 0
        self._reporter = reporter
        self._now, self._began = now, now()
        self._note, self._noted, self._alone = "", 0.0, False
        # Asked once: while rich shows a line, the stderr of before 15 says that it is no terminal.
        self._watched = output.on_terminal() and not (style.quiet or style.verbose)

    def text(self) -> str:
        """The line as it stands now; what is urgent stands there alone, so that it fits."""
        fresh = self._note and self._now() - self._noted < NOTE_SECONDS
        if fresh and self._alone:
            return self._note
        line = at_work(self._request, clock(self._now() - self._began))
        if self._count > 1:
            line += _(", {done} of {count} done", done=self._done, count=self._count)
        return line + _("; ") + self._note if fresh else line

    def done(self) -> None:
        """One more has ended."""
        self._done += 1

    def note(self, text: str, *, urgent: bool = False) -> None:
        """Something that takes time or was retried; see `Reporter.note`."""
        self._note, self._noted, self._alone = text, self._now(), urgent
        self._reporter.note(self.text() if self._watched else text, urgent=urgent)

    @asynccontextmanager
    async def ticking(self) -> AsyncIterator[None]:
        """Brings the line up to date once a second, where one is shown."""
        if not self._watched:
            yield
            return
        ticker = asyncio.create_task(self._tick())
        try:
            yield
        finally:
            ticker.cancel()
            with suppress(asyncio.CancelledError):
                await ticker

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            self._reporter.note(self.text())
