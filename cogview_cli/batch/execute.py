"""The paid part of a `batch`: what is left is reported, the rest run, all of it summed up."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TypeVar

from cogview_cli.api import models
from cogview_cli.batch import report
from cogview_cli.batch.display import Display
from cogview_cli.batch.edited import Edited, edited_line, edited_rows, set_aside
from cogview_cli.batch.failed_rows import Notes, keep_failed
from cogview_cli.batch.findings import Findings
from cogview_cli.batch.grid import Grids
from cogview_cli.batch.item import Group, Item
from cogview_cli.batch.layout_files import LayoutFiles
from cogview_cli.batch.options import BatchOptions
from cogview_cli.batch.plan import Plan
from cogview_cli.batch.previous_run import PreviousRun
from cogview_cli.disk.atomic import check_writable, ensure_folder, is_temporary
from cogview_cli.engine import pool, session
from cogview_cli.engine.confirm import confirm
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
from cogview_cli.terminal import ending, output
from cogview_cli.terminal.reporter import Reporter, summary_line
from cogview_cli.terminal.text import clean

HINTS_SHOWN = 3
T = TypeVar("T")


class BatchRun:
    """One run over a plan whose rows are all good."""

    def __init__(self, options: BatchOptions, plan: Plan, reporter: Reporter | None = None) -> None:
        self._options, self._plan = options, plan
        self._tariff = options.settings.tariff
        self._summary = Summary(single=False, currency=self._tariff.currency)
        base = str(Path.cwd()) if options.relative else None
        self._reporter = reporter or Reporter(options.style, relative_to=base)
        self._grids = _more_files(options, plan)
        self._display: Display | None = None
        self._reason: Problem | None = None

    def run(self) -> int:
        """Runs it; the exit code."""
        with ending.counted(self._summary, lambda: self._display is not None):
            asyncio.run(self._run())
        marks.remove_folder(self._options.folder)
        if self._display is not None:
            self._close()
        return int(self._summary.exit_code)

    async def _run(self) -> None:
        settings = self._options.settings
        async with session.open_session(settings) as opened:
            previous = self._options.previous_run(opened.ledger)
            self._prepare(previous.decide(self._plan))
            if self._grids:
                self._grids.check()
            edited = self._edited(previous)
            self._ask()
            self._make_folder()
            if self._options.replace_edited:
                set_aside(edited, self._options.folder)
            width = sum(lane_width(self._options, model) for model in self._plan.models())
            async with session.open_job_runner(
                opened, settings, self._note, width, self._options.deadline
            ) as runner:
                self._display = self._new_display(runner)
                with self._display.running():
                    await self._work(runner, previous)

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
        )

    def _note(self, text: str, *, urgent: bool = False) -> None:
        if self._display is not None:
            self._display.note(text, urgent=urgent)

    # Before the first request.

    def _prepare(self, findings: Findings) -> None:
        for line in findings.warnings():
            output.warn(clean(line, 600))
        for mark in findings.stale:
            marks.discard(mark)

    def _ask(self) -> None:
        """Asks before much is spent; UsageError where there is nobody to ask."""
        options, price = self._options, self._options.price(self._plan)
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
        return None if reason and reason.code == DEADLINE and all_sent else reason

    async def _go_through(self, runner: JobRunner, previous: PreviousRun) -> None:
        try:
            for outcome in previous.outcomes(self._plan):
                self._report(runner, outcome, fresh=False)
        except output.StdoutClosed:
            runner.stop(pool.STDOUT_CLOSED)
        await pool.run_all(
            runner, self._lanes(runner, previous), partial(self._report, runner, fresh=True)
        )

    def _lanes(self, runner: JobRunner, previous: PreviousRun) -> Iterator[pool.Lane]:
        """One lane a model, so that none waits for the slots of another; one for free ones."""
        for model in self._plan.models_to_send():
            jobs = (
                partial(runner.run, item.job(self._options.destination, previous.namespace))
                for item in self._plan.to_send(model)
            )
            yield pool.Lane(jobs, lane_width(self._options, model))
        fetches = (partial(self._fetch, runner, previous, item) for item in self._plan.to_fetch())
        yield pool.Lane(fetches, models.TIER_SLOTS[self._options.settings.tier])

    async def _fetch(self, runner: JobRunner, previous: PreviousRun, item: Item) -> Outcome:
        """An image that an earlier run paid for, or left with the server; free."""
        outcome = await runner.finish(previous.entry(item))
        hint = _("run the same command again")
        problem = outcome.problem
        if problem and problem.retryable:
            problem = problem._replace(hint=hint)
        return outcome._replace(
            row=item.index, n=item.n, cost=Decimal(0), price=None, problem=problem
        )

    def _report(self, runner: JobRunner, outcome: Outcome, *, fresh: bool) -> None:
        self._summary.add(outcome)
        shown, reason = self._reporter.shown(outcome), runner.stop_reason
        own = outcome._replace(problem=None) if ended_by_run(outcome, reason) else outcome
        self._plan.ended(own, image_records(shown))
        if self._grids and outcome.files and outcome.status in WITH_IMAGE:
            self._grids.picture(outcome, fresh=fresh and outcome.status == Status.SAVED)
        if self._options.fail_fast and fresh and outcome.status in LOSSES and outcome.problem:
            runner.stop(_first_failure(outcome.problem))
        assert self._display is not None
        self._display.outcome(outcome)

    def _never_sent(self, runner: JobRunner) -> None:
        """What the end of the run came before: told one by one to scripts, counted for people."""
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

    @staticmethod
    def _stdout_closed(runner: JobRunner) -> bool:
        return runner.stop_reason == pool.STDOUT_CLOSED

    async def _finish_grids(self) -> None:
        assert self._grids is not None
        for trouble in await self._grids.finish():
            why = _("a file for the scorer or a grid could not be made: {reason}", reason=trouble)
            output.show_error(MachineError(why))
            self._summary.codes.add(ExitCode.MACHINE)

    # After it.

    def _close(self) -> None:
        """The failed rows, the report, and the closing words."""
        plan, options = self._plan, self._options
        notes = Notes(options.folder, options.reading.files, options.selection)
        complete = not self._summary.counts[Status.NOT_SENT]
        failed = self._kept(partial(keep_failed, options.folder, plan, notes, complete=complete))
        self._write_report()
        self._write_summary()
        if self._reason and self._reason != pool.STDOUT_CLOSED:
            output.show_error(CogviewError(self._reason.message, hint=self._reason.hint))
        groups = plan.groups()
        if groups or not options.style.quiet:
            for line in closing_lines(self._summary, groups):
                output.say(clean(line, 600))
            if failed:
                path = self._reporter.path(str(failed))
                output.say(clean(_("failed rows: {path}", path=path)))

    def _write_report(self) -> None:
        if self._options.report:
            path = Path(self._options.report)
            self._kept(partial(self._write_report_to, path))

    def _write_report_to(self, path: Path) -> None:
        overwrite = self._options.settings.on_exists == "overwrite"
        place = report.write_report(path, self._plan, self._summary, overwrite=overwrite)
        if place != path:
            output.warn(
                _("'{path}' came meanwhile: the report is '{place}'", path=path, place=place)
            )

    def _write_summary(self) -> None:
        """The last object; where it cannot be written the report learns of that too."""
        before = self._summary.exit_code
        with ending.counted(self._summary, lambda: True):
            if self._options.style.json:
                output.write_json(self._summary.record())
        if self._summary.exit_code is not before:
            self._write_report()

    def _kept(self, write: Callable[[], T]) -> T | None:
        """What `write` wrote; if it can't, the run has ended badly on this machine."""
        try:
            return write()
        except OSError as error:
            output.show_error(_unwritten(error))
            self._summary.codes.add(ExitCode.MACHINE)
            return None


def _more_files(options: BatchOptions, plan: Plan) -> Grids | LayoutFiles | None:
    """What is made of the pictures beside them."""
    if options.defaults.layout:
        return LayoutFiles(plan, options.destination, options.defaults.layout)
    return Grids(plan, options.destination, options.grid[0]) if options.grid else None


def closing_lines(summary: Summary, groups: Sequence[Group]) -> Iterator[str]:
    """What came of it: the counts and the money, each kind of failure, what to do next."""
    yield summary_line(summary, sum(summary.counts.values()))
    for group in groups:
        yield f"  {report.group_line(group)}"
    hints = dict.fromkeys(group.hint for group in groups if group.hint)
    for hint in list(hints)[:HINTS_SHOWN]:
        yield f"hint: {hint}"


def _unwritten(error: OSError) -> MachineError:
    path = error.filename2 or error.filename or ""
    if is_temporary(Path(path)):
        path = os.path.dirname(path)
    return MachineError(
        _("cannot write '{path}': {reason}", path=path, reason=_(str(error.strerror))),
        hint=_("free some space, or choose another place"),
    )


def lane_width(options: BatchOptions, model: str) -> int:
    """Images worked on at once: those generated and as many downloaded; 1 with --jobs 1."""
    slots = session.slots_width(options.settings, model)
    return 1 if options.settings.jobs == 1 else 2 * slots


def _first_failure(problem: Problem) -> Problem:
    code = problem.exit_code
    return problem._replace(
        code="fail-fast",
        message=_("not sent: --fail-fast, and one has failed"),
        exit_code=ExitCode.REJECTED if code is ExitCode.REFUSED else code,
        hint="",
    )
