"""The paid part of a `batch`: what is left is reported, the rest run, all of it summed up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cogview_cli.api import models
from cogview_cli.batch.checking import Checking
from cogview_cli.batch.closing import Closing
from cogview_cli.batch.display import Display
from cogview_cli.batch.edited import Edited, edited_line, edited_rows, set_aside
from cogview_cli.batch.findings import Findings
from cogview_cli.batch.grid import Grids
from cogview_cli.batch.item import Item
from cogview_cli.batch.layout_files import LayoutFiles
from cogview_cli.batch.options import BatchOptions
from cogview_cli.batch.plan import Plan
from cogview_cli.batch.previous_run import PreviousRun
from cogview_cli.disk.atomic import check_writable, ensure_folder
from cogview_cli.engine import pool, session
from cogview_cli.engine.confirm import Price, confirm
from cogview_cli.engine.deadline import CODE as DEADLINE
from cogview_cli.engine.job_runner import JobRunner
from cogview_cli.errors import CogviewError, ExitCode, MachineError
from cogview_cli.i18n import _
from cogview_cli.ledger import marks
from cogview_cli.outcome import (
    LOSSES,
    WITH_IMAGE,
    Outcome,
    Problem,
    Status,
    Summary,
    ended_by_run,
    image_records,
    problem_of,
)
from cogview_cli.pictures.takes import put_right
from cogview_cli.terminal import ending, output
from cogview_cli.terminal.reporter import Reporter
from cogview_cli.terminal.text import clean

if TYPE_CHECKING:
    from cogview_cli.batch.queued import QueuedBatch

# A direct batch that costs more hears of the queue.
CHEAPER_ABOVE = Decimal(10)


class BatchRun:
    """One run over a plan whose rows are all good."""

    def __init__(self, options: BatchOptions, plan: Plan, reporter: Reporter | None = None) -> None:
        self._options, self._plan = options, plan
        self._tariff = options.settings.tariff
        sandbox, currency = options.settings.sandbox, self._tariff.currency
        self._summary = Summary(single=False, sandbox=sandbox, currency=currency)
        base = str(Path.cwd()) if options.relative else None
        self._reporter = reporter or Reporter(options.style, relative_to=base, sandbox=sandbox)
        self._grids = _more_files(options, plan)
        self._display: Display | None = None
        self._reason: Problem | None = None
        self._summary.checking = options.settings.checks_text
        self._checking: Checking | None = None
        self._queued: QueuedBatch | None = None

    def run(self) -> int:
        """Runs it; the exit code."""
        with ending.counted(self._summary, lambda: self._display is not None):
            asyncio.run(self._run())
        marks.remove_folder(self._options.folder)
        if self._display is not None:
            Closing(self._options, self._plan, self._summary, self._reporter).close(self._reason)
        return int(self._summary.exit_code)

    async def _run(self) -> None:
        settings = self._options.settings
        async with session.open_session(settings) as opened:
            previous = self._options.previous_run(opened.ledger)
            put_right(opened.ledger, previous.namespace)
            self._prepare(previous.decide(self._plan))
            if self._grids:
                self._grids.check()
            self._checking = Checking(self._options, self._plan, previous)
            async with self._open_queue(opened, previous):
                self._check.decide()
                edited = self._edited(previous)
                self._ask()
                self._make_folder()
                if self._options.replace_edited:
                    set_aside(edited, self._options.folder)
                width = sum(lane_width(self._options, model) for model in self._plan.models())
                async with (
                    session.open_job_runner(
                        opened, settings, self._note, width, self._options.deadline
                    ) as runner,
                    self._check.reading(runner, opened.ledger),
                ):
                    if self._queued and not self._options.queue:
                        runner.set_aside(self._queued.under_way())
                    self._display = self._new_display(runner)
                    with self._display.running():
                        await self._work(runner, previous)

    @asynccontextmanager
    async def _open_queue(
        self, opened: session.OpenSession, previous: PreviousRun
    ) -> AsyncIterator[None]:
        """The vendor's queue where it is asked for, or has what is asked for; looked at once."""
        if not (self._options.queue or self._plan.counts().waiting):
            yield
            return
        from cogview_cli.batch.queued import QueuedBatch
        from cogview_cli.queue.session import open_queue

        async with open_queue(
            opened.endpoint,
            opened.ledger,
            timeout=self._options.settings.timeout,
            say=self._note,
            sleep=lambda seconds: queued.sleep(seconds),
        ) as queue:
            queued = QueuedBatch(self._options, self._plan, previous, queue, self._check)
            await queued.look_back()
            self._queued = queued
            yield

    @property
    def _check(self) -> Checking:
        """What is done about text, once it is known what earlier runs have left."""
        assert self._checking is not None
        return self._checking

    def _new_display(self, runner: JobRunner) -> Display:
        counts = self._plan.counts()
        return Display(
            self._options.style,
            self._reporter,
            self._summary,
            total=counts.total,
            to_send=counts.to_do,
            where=self._plan.place,
            in_flight=lambda: runner.in_flight,
            stop_reason=lambda: runner.stop_reason,
            queue=self._queued.progress if self._queued else None,
        )

    def _note(self, text: str, *, urgent: bool = False) -> None:
        if self._display is not None:
            self._display.note(text, urgent=urgent)
        elif self._options.style.verbose:
            output.say(clean(text, 300))

    # Before the first request.

    def _prepare(self, findings: Findings) -> None:
        for line in findings.warnings():
            output.warn(clean(line, 600))
        for mark in findings.stale:
            marks.discard(mark)

    def _ask(self) -> None:
        """Asks before much is spent; UsageError where there is nobody to ask."""
        options, price = self._options, self._options.price(self._plan)
        if not options.style.quiet and (line := cheaper_line(options, self._plan, price)):
            output.say(line)
        few = _("--limit 10 tries the first ten")
        confirm(price, options.settings, yes=options.yes, hint=few)

    def _edited(self, previous: PreviousRun) -> list[Edited]:
        """The rows whose picture is of an earlier prompt, told."""
        if not self._options.selection.is_whole:
            return []
        found = edited_rows(self._plan, previous.sidecars)
        line = edited_line(found, self._plan, replace=self._options.replace_edited)
        if line and not self._options.style.quiet:
            output.say(line)
        return found

    def _make_folder(self) -> None:
        if self._plan.counts().to_do:
            ensure_folder(self._options.folder, self._options.folder)
            check_writable(self._options.folder)

    # The run.

    async def _work(self, runner: JobRunner, previous: PreviousRun) -> None:
        try:
            await self._go_through(runner, previous)
        except CogviewError as error:
            # All in flight has ended; among it may be what weighs more than this.
            runner.stop(problem_of(error))
            self._summary.codes.add(ending.write_error(error))
        self._never_sent(runner)
        self._reason = self._stopped_by(runner)
        if self._reason:
            self._summary.codes.add(self._reason.exit_code)
        if self._grids:
            await self._finish_grids()

    def _stopped_by(self, runner: JobRunner) -> Problem | None:
        """What ended the run before its work was done; a deadline may come after all was sent."""
        reason = runner.stop_reason
        all_sent = not self._summary.counts[Status.NOT_SENT]
        if reason and reason.code == DEADLINE and all_sent:
            reason = None
        return reason or (self._queued.reason if self._queued else None)

    async def _go_through(self, runner: JobRunner, previous: PreviousRun) -> None:
        try:
            for outcome in self._check.settled():
                self._report(runner, outcome, fresh=False)
        except output.StdoutClosed:
            runner.stop(pool.STDOUT_CLOSED)
        await pool.run_all(
            runner, self._lanes(runner, previous), partial(self._report, runner, fresh=True)
        )
        if self._queued and self._display:
            report = partial(self._report, runner, fresh=True)
            await self._queued.run(runner, report, self._display.tick)

    def _lanes(self, runner: JobRunner, previous: PreviousRun) -> Iterator[pool.Lane]:
        """One lane a model, so that none waits for the slots of another; one for free ones."""
        for model in () if self._options.queue else self._plan.models_to_send():
            jobs = (partial(self._check.run, runner, item) for item in self._plan.to_send(model))
            yield pool.Lane(jobs, lane_width(self._options, model))
        width = models.TIER_SLOTS[self._options.settings.tier]
        fetches = (partial(self._fetch, runner, previous, item) for item in self._plan.to_fetch())
        yield pool.Lane(fetches, width)
        checks = (partial(self._check.look_again, item) for item in self._plan.to_check())
        yield pool.Lane(checks, width)

    async def _fetch(self, runner: JobRunner, previous: PreviousRun, item: Item) -> Outcome:
        """An image that an earlier run paid for, or left with the server; free."""
        entry = previous.entry(item)
        # What this run has read out of the queue is counted by this run.
        new = entry.part is not None and previous.is_ours(entry)
        outcome = await runner.finish(entry)
        hint = _("run the same command again")
        problem = outcome.problem
        if problem and problem.retryable:
            problem = problem._replace(hint=hint)
        cost, price = (entry.price, entry.price) if new else (Decimal(0), None)
        outcome = outcome._replace(
            row=item.index, n=item.n, cost=cost, price=price, problem=problem
        )
        return await self._check.judged(item, outcome)

    def _report(self, runner: JobRunner, found: Outcome, *, fresh: bool) -> None:
        outcome = self._check.as_told(found)
        if outcome is None:
            return
        self._summary.add(outcome)
        reason = runner.stop_reason
        own = outcome._replace(problem=None) if ended_by_run(outcome, reason) else outcome
        self._plan.ended(own, self._kept(outcome))
        if self._grids and outcome.files and outcome.status in WITH_IMAGE:
            self._grids.picture(outcome, fresh=fresh and outcome.status == Status.SAVED)
        if self._options.fail_fast and fresh and outcome.status in LOSSES and outcome.problem:
            runner.stop(_first_failure(outcome.problem))
        assert self._display is not None
        self._display.outcome(outcome)

    def _kept(self, outcome: Outcome) -> list[dict[str, Any]] | None:
        """What a report, a grid or the files of a layout need, if one is asked for."""
        asked = self._options.report or self._grids
        return image_records(self._reporter.shown(outcome)) if asked else None

    def _never_sent(self, runner: JobRunner) -> None:
        """What the end of the run came before: told one by one to scripts, counted for people."""
        if self._queued:
            self._still_queued(runner, self._queued)
        left = self._plan.counts().unfinished
        if not left:
            return
        if not self._options.style.json or self._stdout_closed(runner):
            self._summary.counts[Status.NOT_SENT] += left
            return
        for item in self._plan.unfinished():
            job = item.job(self._options.destination, "")
            with suppress(output.StdoutClosed):
                self._report(runner, runner.never_sent(job), fresh=False)

    def _still_queued(self, runner: JobRunner, queued: QueuedBatch) -> None:
        """What waits in the vendor's queue, and what could not be put there."""
        for found in chain(queued.waiting(), queued.unsent(runner.stop_reason)):
            outcome = self._check.as_told(found) or found
            self._summary.add(outcome)
            self._plan.ended(outcome, self._kept(outcome))
            if self._options.style.json and not self._stdout_closed(runner):
                with suppress(output.StdoutClosed):
                    self._reporter.data(outcome)

    @staticmethod
    def _stdout_closed(runner: JobRunner) -> bool:
        return runner.stop_reason == pool.STDOUT_CLOSED

    async def _finish_grids(self) -> None:
        assert self._grids is not None
        for trouble in await self._grids.finish():
            why = _("a file for the scorer or a grid could not be made: {reason}", reason=trouble)
            output.show_error(MachineError(why))
            self._summary.codes.add(ExitCode.MACHINE)


def _more_files(options: BatchOptions, plan: Plan) -> Grids | LayoutFiles | None:
    """What is made of the pictures beside them."""
    if options.defaults.layout:
        return LayoutFiles(plan, options.destination, options.defaults.layout)
    return Grids(plan, options.destination, options.grid[0]) if options.grid else None


def cheaper_line(options: BatchOptions, plan: Plan, price: Price) -> str:
    """What to say of the queue before a direct batch that it would make cheaper; "" if nothing."""
    if options.queue or price.known <= CHEAPER_ABOVE or options.settings.sandbox:
        return ""
    half = options.queue_price(plan)
    return "" if half is None else _("with --queue it costs {price}, within a day", price=half)


def lane_width(options: BatchOptions, model: str) -> int:
    """Images worked on at once: those generated and as many downloaded; 1 with --jobs 1.

    Where pictures are read, as many again may wait for that, so that none holds others up.
    """
    slots = session.slots_width(options.settings, model)
    if options.settings.checks_text:
        return 4 * slots
    return 1 if options.settings.jobs == 1 else 2 * slots


def _first_failure(problem: Problem) -> Problem:
    code = problem.exit_code
    return problem._replace(
        code="fail-fast",
        message=_("not sent: --fail-fast, and one has failed"),
        exit_code=ExitCode.REJECTED if code is ExitCode.REFUSED else code,
        hint="",
    )
