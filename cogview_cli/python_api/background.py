"""A run in a thread of its own: its results come one by one, nothing is printed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator
from queue import SimpleQueue
from typing import Any

from cogview_cli.errors import CogviewError, UsageError
from cogview_cli.i18n import _
from cogview_cli.outcome import Outcome
from cogview_cli.python_api.keywords import as_keywords, put_keywords
from cogview_cli.python_api.result import ImageResult, results_of
from cogview_cli.terminal import output
from cogview_cli.terminal.output import OutputOptions, StdoutClosed
from cogview_cli.terminal.reporter import Reporter

QUIET = OutputOptions(json=True, quiet=True)
Work = Callable[[Reporter], None]
log = logging.getLogger("cogview_cli")
log.addHandler(logging.NullHandler())


class _Collector(Reporter):
    """Hands each result over, until nobody takes any more."""

    def __init__(self, deliver: Callable[[ImageResult], None]) -> None:
        super().__init__(QUIET)
        self._deliver = deliver
        self.left = threading.Event()

    def outcome(self, outcome: Outcome) -> None:
        """One outcome."""
        self.data(outcome)

    def data(self, outcome: Outcome) -> None:
        """One outcome. Raises StdoutClosed, after which a run sends nothing more."""
        if self.left.is_set():
            raise StdoutClosed
        for result in results_of(outcome):
            self._deliver(result)


class _Ears:
    """Hears what the engine says; keeps the first error outside of any image."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self.told: list[str] = []

    def said(self, text: str, level: str) -> None:
        """A message for people."""
        log.log(logging.getLevelNamesMapping()[level.upper()], "%s", text)
        if text.startswith("error: "):
            self.told.append(text.removeprefix("error: "))

    def failed(self, error: BaseException) -> None:
        """An error that counts in how the run ends."""
        self.error = self.error or error


def results(work: Work) -> Generator[ImageResult, None, None]:
    """The results of a run in a thread, as they come; raises what ended it."""
    ears, ended = _Ears(), object()
    queue: SimpleQueue[Any] = SimpleQueue()
    collector = _Collector(queue.put)
    thread = threading.Thread(
        target=_run, args=(work, collector, ears, lambda: queue.put(ended)), name="cogview"
    )
    thread.start()
    try:
        while (result := queue.get()) is not ended:
            yield result
    finally:
        collector.left.set()
        thread.join()
    if isinstance(ears.error, Exception) and not isinstance(ears.error, StdoutClosed):
        if isinstance(ears.error, CogviewError):
            put_keywords(ears.error)
        raise ears.error


def _run(work: Work, collector: _Collector, ears: _Ears, done: Callable[[], None]) -> None:
    try:
        with output.heard_by(ears):
            work(collector)
    except BaseException as error:
        ears.failed(error)
        if isinstance(error, UsageError):
            _say_which(error, [as_keywords(line) for line in ears.told])
    finally:
        done()


def _say_which(error: UsageError, told: list[str]) -> None:
    """What is wrong goes with the error: who shows its hint alone needs a row at least."""
    for line in told:
        error.add_note(line)
    if told and "--skip-bad" in error.hint:  # a caller can leave rows out without an option
        error.hint = _("fix {row}", row=told[0])
