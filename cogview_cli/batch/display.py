"""What a batch says while it runs: a calm display on a terminal, plain lines off one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from cogview_cli.i18n import _
from cogview_cli.outcome import (
    LOSSES,
    WITH_IMAGE,
    Outcome,
    Problem,
    Status,
    Summary,
    ended_by_run,
)
from cogview_cli.terminal import output
from cogview_cli.terminal.ending import exchange_listener
from cogview_cli.terminal.output import OutputOptions
from cogview_cli.terminal.reporter import Reporter, cost_words, wrong_text_lines
from cogview_cli.terminal.text import cell_width, clean, clock, cut_cells

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

PLAIN_EVERY_SECONDS = 30.0
# A thousand refusals are counted, not recited; the report has them all.
FAILURES_TOLD = 20
# Their messages begin with what the status says: "paid, not saved: …".
SAID_BY_MESSAGE = (Status.UNKNOWN, Status.UNSAVED)


class BatchProgress(NamedTuple):
    """How far a run has come. Times in seconds, money as text."""

    total: int
    done: int
    saved: int
    failed: int
    in_flight: int
    cost: str
    elapsed: float
    left: float | None


def remaining(sent: int, to_send: int, elapsed: float) -> float | None:
    """Seconds until the rest is there, by the pace so far; None before the first one."""
    if not sent or elapsed <= 0:
        return None
    return (to_send - sent) * elapsed / sent


def plain_line(progress: BatchProgress) -> str:
    """The state of a run in one line for a log."""
    values = {
        **progress._asdict(),
        "elapsed": clock(progress.elapsed),
        "left": clock(progress.left),
    }
    if progress.failed:
        return _(
            "{done} of {total}: saved {saved}, failed {failed}, in flight {in_flight}, {cost},"
            " {elapsed} so far, about {left} left",
            **values,
        )
    return _(
        "{done} of {total}: saved {saved}, in flight {in_flight}, {cost},"
        " {elapsed} so far, about {left} left",
        **values,
    )


def lines(progress: BatchProgress, width: int, *, fancy: bool = True) -> tuple[str, str]:
    """Two lines of at most `width` cells: how far, and what of it."""
    full, empty, dot = ("━", "─", " · ") if fancy else ("#", "-", ", ")
    share = progress.done / progress.total if progress.total else 1.0
    left = _("{time} left", time=clock(progress.left))
    tail = f" {progress.done}/{progress.total}  {share:4.0%}  {left}"
    room = max(8, min(40, width - cell_width(tail)))
    filled = int(share * room)
    bar = full * filled + empty * (room - filled)
    parts = [
        _("saved {count}", count=progress.saved),
        _("in flight {count}", count=progress.in_flight),
        *([_("failed {count}", count=progress.failed)] if progress.failed else []),
        progress.cost,
        clock(progress.elapsed),
    ]
    cut = [cut_cells(text, width) for text in (bar + tail, dot.join(parts))]
    if not fancy:
        cut = [text.replace("…", ".") for text in cut]
    return cut[0], cut[1]


def _shown(outcome: Outcome) -> str:
    return _(outcome.status.replace("_", " "))


class Display:
    """Reports the outcomes of a batch as they come."""

    def __init__(
        self,
        style: OutputOptions,
        reporter: Reporter,
        summary: Summary,
        *,
        total: int,
        to_send: int,
        where: Callable[[int], str],
        in_flight: Callable[[], int],
        stop_reason: Callable[[], Problem | None] = lambda: None,
        queue: Callable[[], str] | None = None,
    ) -> None:
        """`where(index)` names a row's file and line; `queue()` tells how far that is, or ""."""
        self._queue = queue or (lambda: "")
        self._style, self._reporter, self._summary = style, reporter, summary
        self._total, self._to_send = total, to_send
        self._where, self._in_flight, self._stop_reason = where, in_flight, stop_reason
        self._began = self._last_line = time.monotonic()
        self._told = self._texts_told = 0
        self._live: Live | None = None

    @property
    def progress(self) -> BatchProgress:
        """How far the run has come."""
        counts, elapsed = self._summary.counts, time.monotonic() - self._began
        done = sum(counts.values())
        sent = done - (self._total - self._to_send)
        return BatchProgress(
            total=self._total,
            done=done,
            saved=sum(counts[status] for status in WITH_IMAGE),
            failed=sum(counts[status] for status in LOSSES),
            in_flight=self._in_flight(),
            cost=cost_words(self._summary),
            elapsed=elapsed,
            left=remaining(sent, self._to_send, elapsed),
        )

    def outcome(self, outcome: Outcome) -> None:
        """One outcome: data on stdout, trouble on stderr."""
        with self._away():
            try:
                self._reporter.data(outcome)
            finally:
                self._tell(outcome)

    def _tell(self, outcome: Outcome) -> None:
        for text in () if self._style.quiet else outcome.warnings:
            self._say(_("warning: {where}: {text}", where=self._where(outcome.row), text=text))
        if outcome.wrong_text:
            self._tell_text(outcome)
        problem = outcome.problem
        if problem and not ended_by_run(outcome, self._stop_reason()):
            self._told += 1
            if self._told <= FAILURES_TOLD:
                self._say(self._trouble(outcome, problem.message))
            elif self._told == FAILURES_TOLD + 1:
                self._say(_("more failures follow; they are counted at the end"))
        elif self._style.verbose:
            self._say(f"{self._where(outcome.row)}: {_shown(outcome)}")
        self._now_and_then()

    def _tell_text(self, outcome: Outcome) -> None:
        """The first few; the report and the sidecars have them all."""
        self._texts_told += 1
        if self._style.quiet or self._texts_told > FAILURES_TOLD + 1:
            return
        if self._texts_told <= FAILURES_TOLD:
            for line in wrong_text_lines(self._reporter.shown(outcome)):
                self._say(line)
        else:
            self._say(_("more pictures carry wrong text; they are counted at the end"))

    def _trouble(self, outcome: Outcome, message: str) -> str:
        # Where text was read, the message says that the picture is there.
        if outcome.status in SAID_BY_MESSAGE or outcome.text is not None:
            return _("error: {where}: {message}", where=self._where(outcome.row), message=message)
        return _(
            "error: {where}: {status}: {message}",
            where=self._where(outcome.row),
            status=_shown(outcome),
            message=message,
        )

    def _now_and_then(self) -> None:
        due = time.monotonic() - self._last_line >= PLAIN_EVERY_SECONDS
        if due and self._live is None and not self._style.quiet:
            self._last_line = time.monotonic()
            output.say(clean(self._queue() or plain_line(self.progress), 400))

    def tick(self) -> None:
        """Time has passed, and perhaps nothing else."""
        self._now_and_then()

    def note(self, text: str, *, urgent: bool = False) -> None:
        """Something that takes time or was retried; what is urgent is always said."""
        if self._style.verbose or (urgent and not self._style.quiet):
            with self._away():
                output.say(clean(text, 300))

    def _say(self, text: str) -> None:
        output.say(clean(text, 300))

    @contextmanager
    def _away(self) -> Iterator[None]:
        """Lines are never written into the display."""
        if self._live is None:
            yield
            return
        self._live.stop()
        try:
            yield
        finally:
            # A stopped one believes that its lines are still the last on the screen.
            self._live = self._new_live(self._live.console)

    @contextmanager
    def running(self) -> Iterator[None]:
        """The live display while the work goes on, if people are watching."""
        # What --debug shows is told from many places at once.
        if not output.on_terminal() or self._style.quiet or exchange_listener():
            yield
            return
        from rich.console import Console

        self._live = self._new_live(Console(stderr=True, highlight=False, markup=False))
        try:
            yield
        finally:
            live, self._live = self._live, None
            live.stop()

    def _new_live(self, console: Console) -> Live:
        from rich.live import Live

        live = Live(
            get_renderable=lambda: self._picture(console.width, console.encoding),
            console=console,
            transient=True,
            refresh_per_second=4,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        live.start(refresh=True)
        return live

    def _picture(self, width: int, encoding: str) -> RenderableType:
        from rich.text import Text

        fancy = encoding.lower().replace("-", "").startswith("utf")
        bar, detail = lines(self.progress, width - 1, fancy=fancy)
        queue = cut_cells(clean(self._queue()), width - 1)
        text = "\n".join(filter(None, (bar, detail, queue)))
        return Text(text, no_wrap=True, overflow="crop")
