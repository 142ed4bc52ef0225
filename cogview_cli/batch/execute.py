"""The paid part of a `batch`: what is left is reported, the rest run, all of it summed up."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TypeVar

from cogview_cli.api import models
from cogview_cli.batch import prepare, report
from cogview_cli.batch.display import Display
from cogview_cli.batch.grid import Grids
from cogview_cli.batch.options import Order
from cogview_cli.batch.plan import Item, Plan
from cogview_cli.batch.previous_run import Past
from cogview_cli.disk.atomic import check_writable, ensure_folder
from cogview_cli.engine import session
from cogview_cli.engine.job_runner import Generator
from cogview_cli.errors import CogviewError, ExitCode, MachineError, UsageError
from cogview_cli.i18n import _
from cogview_cli.outcome import (
    LOSSES,
    Outcome,
    Problem,
    Summary,
    ended_by_run,
    image_records,
    problem_of,
)
from cogview_cli.terminal import output
from cogview_cli.terminal.reporter import Reporter, summary_line
from cogview_cli.terminal.text import clean

HINTS_SHOWN = 3
T = TypeVar("T")


class Work:
    """One run over a plan whose rows are all good."""

    def __init__(self, order: Order, plan: Plan) -> None:
        self._order, self._plan = order, plan
        self._summary = Summary(single=False)
        base = str(Path.cwd()) if order.relative else None
        self._reporter = Reporter(order.style, relative_to=base)
        columns = order.grid[0] if order.grid else 0
        self._grids = Grids(plan, order.destination, columns) if order.grid else None
        self._display: Display | None = None
        self._reason: Problem | None = None

    def run(self) -> int:
        """Runs it; the exit code."""
        try:
            asyncio.run(self._run())
        finally:
            if self._display is not None:
                self._close()
        return int(self._summary.exit_code)

    async def _run(self) -> None:
        settings = self._order.settings
        async with session.opened(settings) as opened:
            past = self._order.past(opened.ledger)
            past.decide(self._plan)
            self._ask()
            self._make_folder()
            width = sum(stream_width(self._order, model) for model in self._plan.models())
            async with session.generator(opened, settings, self._note, width) as generator:
                self._display = self._new_display(generator)
                with self._display.running():
                    await self._work(generator, past)

    def _new_display(self, generator: Generator) -> Display:
        return Display(
            self._order.style,
            self._reporter,
            self._summary,
            total=self._plan.count(),
            to_send=self._plan.count("todo IN ('send', 'fetch')"),
            where=partial(prepare.file_and_line, self._plan),
            in_flight=lambda: generator.in_flight,
            stop_reason=lambda: generator.stop_reason,
        )

    def _note(self, text: str, *, urgent: bool = False) -> None:
        if self._display is not None:
            self._display.note(text, urgent=urgent)

    # Before the first request.

    def _ask(self) -> None:
        """Asks before much is spent; UsageError where there is nobody to ask."""
        order, price = self._order, self._plan.price("todo = 'send'")
        limit = order.settings.max_cost
        most = price if limit is None else min(price, limit)
        if order.settings.sandbox or order.yes or most <= order.settings.confirm_above:
            return
        count = self._plan.count("todo = 'send'")
        if not (sys.stdin and sys.stdin.isatty() and output.on_terminal()):
            if limit is not None:
                return
            raise _too_dear(count, price, order.settings.confirm_above)
        question = _("{count} images cost {price} CNY. Go on? [y/N]: ", count=count, price=price)
        if not _agreed(question):
            raise UsageError(_("nothing was sent"), hint=_("--limit 10 tries the first ten"))

    def _make_folder(self) -> None:
        if self._plan.count("todo IN ('send', 'fetch')"):
            ensure_folder(self._order.folder, self._order.folder)
            check_writable(self._order.folder)

    # The run.

    async def _work(self, generator: Generator, past: Past) -> None:
        try:
            await self._go_through(generator, past)
        except CogviewError as error:
            # All in flight has ended; among it may be what weighs more than this.
            generator.stop(problem_of(error))
        self._never_sent(generator)
        self._reason = generator.stop_reason
        if self._reason:
            self._summary.codes.add(self._reason.exit_code)
        if self._grids:
            await self._finish_grids()

    async def _go_through(self, generator: Generator, past: Past) -> None:
        try:
            for outcome in past.outcomes(self._plan):
                self._report(generator, outcome, fresh=False)
        except output.StdoutClosed:
            generator.stop(session.STDOUT_CLOSED)
        await session.run_all(
            generator, self._streams(generator, past), partial(self._report, generator, fresh=True)
        )

    def _streams(self, generator: Generator, past: Past) -> Iterator[session.Stream]:
        """One stream a model, so that none waits for the slots of another; one for free ones."""
        sends = "todo = 'send' AND items.model = ?"
        for model in self._plan.models("todo = 'send'"):
            jobs = (
                partial(generator.run, item.job(self._order.destination, past.namespace))
                for item in self._plan.items(sends, model)
            )
            yield session.Stream(jobs, stream_width(self._order, model))
        fetches = (
            partial(self._fetch, generator, past, item)
            for item in self._plan.items("todo = 'fetch'")
        )
        yield session.Stream(fetches, models.TIER_SLOTS[self._order.settings.tier])

    async def _fetch(self, generator: Generator, past: Past, item: Item) -> Outcome:
        """An image that an earlier run paid for; free."""
        outcome = await generator.finish(past.entry(item))
        hint = _("run the same command again")
        problem = outcome.problem and outcome.problem._replace(hint=hint)
        return outcome._replace(row=item.index, n=item.n, cost=Decimal(0), problem=problem)

    def _report(self, generator: Generator, outcome: Outcome, *, fresh: bool) -> None:
        self._summary.add(outcome)
        shown, reason = self._reporter.shown(outcome), generator.stop_reason
        own = outcome._replace(problem=None) if ended_by_run(outcome, reason) else outcome
        self._plan.ended(own, image_records(shown))
        if self._grids and outcome.files:
            self._grids.row_ended(outcome.row, fresh=fresh and outcome.status == "saved")
        if self._order.fail_fast and fresh and outcome.status in LOSSES and outcome.problem:
            generator.stop(_first_failure(outcome.problem))
        assert self._display is not None
        self._display.outcome(outcome)

    def _never_sent(self, generator: Generator) -> None:
        """What the end of the run came before: told one by one to scripts, counted for people."""
        left = self._plan.count("status IS NULL")
        if not left:
            return
        if not self._order.style.json or self._stdout_closed(generator):
            self._summary.counts["not_sent"] += left
            return
        for item in self._plan.items("status IS NULL"):
            job = item.job(self._order.destination, "")
            with suppress(output.StdoutClosed):
                self._report(generator, generator.never_sent(job), fresh=False)

    @staticmethod
    def _stdout_closed(generator: Generator) -> bool:
        return generator.stop_reason == session.STDOUT_CLOSED

    async def _finish_grids(self) -> None:
        assert self._grids is not None
        for trouble in await self._grids.finish():
            why = _("a grid could not be made: {reason}", reason=trouble)
            output.show_error(MachineError(why))
            self._summary.codes.add(ExitCode.MACHINE)

    # After it.

    def _close(self) -> None:
        """The failed rows, the report, and the closing words."""
        plan, order = self._plan, self._order
        failed = self._kept(partial(report.write_failed, order.folder, plan))
        if order.report:
            self._kept(partial(report.write_report, Path(order.report), plan, self._summary))
        try:
            if order.style.json:
                output.write_json(self._summary.record())
        except output.StdoutClosed:
            self._summary.codes.add(ExitCode.STDOUT_CLOSED)
        if self._reason and self._reason != session.STDOUT_CLOSED:
            output.show_error(CogviewError(self._reason.message, hint=self._reason.hint))
        groups = report.groups(plan)
        if groups or not order.style.quiet:
            for line in closing_lines(self._summary, groups):
                output.say(clean(line, 600))
            if failed:
                path = self._reporter.path(str(failed))
                output.say(clean(_("failed rows: {path}", path=path)))

    def _kept(self, write: Callable[[], T]) -> T | None:
        """What `write` wrote; if it can't, the run has ended badly on this machine."""
        try:
            return write()
        except OSError as error:
            output.show_error(_unwritten(error))
            self._summary.codes.add(ExitCode.MACHINE)
            return None


def closing_lines(summary: Summary, groups: Sequence[report.Group]) -> Iterator[str]:
    """What came of it: the counts and the money, each kind of failure, what to do next."""
    yield summary_line(summary, sum(summary.counts.values()))
    for group in groups:
        yield f"  {group.line}"
    hints = dict.fromkeys(group.hint for group in groups if group.hint)
    for hint in list(hints)[:HINTS_SHOWN]:
        yield f"hint: {hint}"


def _too_dear(count: int, price: Decimal, limit: Decimal) -> UsageError:
    return UsageError(
        _(
            "{count} images cost {price} CNY, more than confirm-above ({limit} CNY)",
            count=count,
            price=price,
            limit=limit,
        ),
        hint=_("allow it with --yes, or set a limit: --max-cost"),
    )


def _unwritten(error: OSError) -> MachineError:
    path = error.filename2 or error.filename
    return MachineError(
        _("cannot write '{path}': {reason}", path=path, reason=_(str(error.strerror))),
        hint=_("free some space, or choose another place"),
    )


def _agreed(question: str) -> bool:
    """Whether the user says yes; the question goes to stderr, for stdout carries data only."""
    # asyncio takes the first Ctrl-C for itself; here it must end the run.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        sys.stderr.write(question)
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes")
    finally:
        signal.signal(signal.SIGINT, before)


def stream_width(order: Order, model: str) -> int:
    """Images worked on at once: those generated and as many downloaded; 1 with --jobs 1."""
    slots = session.slots_width(order.settings, model)
    return 1 if order.settings.jobs == 1 else 2 * slots


def _first_failure(problem: Problem) -> Problem:
    code = problem.exit_code
    return problem._replace(
        code="fail-fast",
        message=_("not sent: --fail-fast, and one has failed"),
        exit_code=ExitCode.REJECTED if code is ExitCode.REFUSED else code,
        hint="",
    )
