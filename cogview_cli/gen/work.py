"""What a `gen` has to do: fetch what is paid, then ask for the rest."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from cogview_cli.engine import pool, session
from cogview_cli.engine.failure import unknown_before
from cogview_cli.engine.job import Job
from cogview_cli.engine.job_runner import JobRunner
from cogview_cli.errors import ExitCode
from cogview_cli.gen import earlier
from cogview_cli.gen.earlier import Earlier
from cogview_cli.gen.plan import GenPlan
from cogview_cli.gen.progress import GenProgress
from cogview_cli.i18n import _
from cogview_cli.ledger import Entry, Ledger, State
from cogview_cli.outcome import Outcome, SavedFile, Status
from cogview_cli.pictures.placing import kept_unverified
from cogview_cli.pictures.sidecar import found_file
from cogview_cli.terminal import output
from cogview_cli.terminal.reporter import Reporter

_LEFT = (Status.NOT_SENT, Status.UNSAVED)
_SIGNALS = (ExitCode.HANGUP, ExitCode.INTERRUPTED, ExitCode.TERMINATED)


class _Fetch(NamedTuple):
    """A picture that is paid for, for the `n`-th that is wanted."""

    n: int
    entry: Entry


class Work:
    """The pictures that are wanted, and where each comes from."""

    def __init__(
        self,
        plan: GenPlan,
        numbers: Sequence[int],
        job: Callable[[int], Job],
        report: Callable[[Outcome], None],
    ) -> None:
        """`numbers`: those of the wanted pictures; `job` makes one of them."""
        self._plan, self._job, self._told = plan, job, report
        self._known: frozenset[str] = frozenset()
        self._left = 0
        self.to_send = numbers
        self.to_fetch: list[_Fetch] = []

    @property
    def any(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.to_send or self.to_fetch)

    @property
    def again(self) -> int:
        """How many of those to be sent are not repeated once more if their answer is lost."""
        return len(self.to_send) if self._known else 0

    def look_back(self, ledger: Ledger) -> None:
        """Takes off what earlier runs have paid, and with --once what they have made."""
        found = self._earlier(ledger)
        self._known = found.known
        for entry in found.done[: len(self.to_send)]:
            files = tuple(SavedFile(**record) for record in entry.files)
            self._report(skipped(self._plan, self._next(), files, entry.id))
        ours = ledger.take_over(entry.id for entry in found.to_fetch[: len(self.to_send)])
        for entry in found.to_fetch:
            if entry.id in ours:
                self.to_fetch.append(_Fetch(self._next(), entry))
        for entry in found.unknown[: len(self.to_send)]:
            self._report(_unknown(self._plan, self._next(), entry))
        if self._plan.once:
            self._pass_over_what_is_there()
        self._say_what_is_fetched()

    def _earlier(self, ledger: Ledger) -> Earlier:
        if not self._plan.once:
            return earlier.unfetched(ledger.by_content(self._plan.content, State.ANSWER))
        retry = self._plan.settings.on_unknown == "retry"
        entries = ledger.by_content(self._plan.content)
        return earlier.once(entries, on_disk=earlier.on_disk, retry_unknown=retry)

    def _next(self) -> int:
        """The number of a picture that need not be asked for."""
        number, self.to_send = self.to_send[0], self.to_send[1:]
        return number

    def _pass_over_what_is_there(self) -> None:
        """Sidecars are the second witness, for a ledger that was lost or is elsewhere."""
        left = []
        for number in self.to_send:
            if there := earlier.same_picture(self._plan, self._job(number).target):
                self._report(skipped(self._plan, number, (found_file(there),)))
            else:
                left.append(number)
        self.to_send = left

    def _say_what_is_fetched(self) -> None:
        if self.to_fetch and not self._plan.style.quiet:
            count = len(self.to_fetch)
            output.say(_("{count} picture(s) are paid already: fetched first", count=count))

    def _report(self, outcome: Outcome) -> None:
        self._left += outcome.status in _LEFT
        self._told(outcome)

    # The run.

    async def run(self, opened: session.OpenSession, reporter: Reporter) -> ExitCode | None:
        """Does it all, reporting each outcome; what ended the run, if anything did."""
        plan = self._plan
        width = session.slots_width(plan.settings, plan.request.model)
        count = len(self.to_fetch) + len(self.to_send)
        progress = GenProgress(plan.request, count, reporter, plan.style)

        def report(outcome: Outcome) -> None:
            progress.done()
            self._report(outcome)

        with reporter.working(progress.text()):
            async with (
                session.open_job_runner(opened, plan.settings, progress.note, width) as runner,
                progress.ticking(),
            ):
                await self._go_through(runner, width * 2, report)
                reason = runner.stop_reason
        ended = reason.exit_code if reason and not reason.code.startswith("budget") else None
        self._hint(ended)
        return ended

    async def _go_through(
        self, runner: JobRunner, width: int, report: Callable[[Outcome], None]
    ) -> None:
        fetches, numbers = iter(self.to_fetch), iter(self.to_send)
        first = (partial(self._fetch, runner, fetch) for fetch in fetches)
        then = (partial(self._send, runner, number) for number in numbers)
        for work, count in ((first, len(self.to_fetch)), (then, len(self.to_send))):
            lane = pool.Lane(work, min(count, width))
            await pool.run_all(runner, [lane], report, hint="")
        for n, entry in fetches:
            report(_numbered(await runner.put_off(entry), n))
        for number in numbers:
            report(runner.never_sent(self._job(number)))

    def _send(self, runner: JobRunner, number: int) -> Awaitable[Outcome]:
        return runner.run(self._job(number)._replace(known=self._known))

    async def _fetch(self, runner: JobRunner, fetch: _Fetch) -> Outcome:
        """A picture that is paid; another one is asked for where its link is dead."""
        n, entry = fetch
        outcome = await runner.finish(self._placed(entry, n))
        if outcome.problem and outcome.problem.code == State.EXPIRED:
            return await self._send(runner, n)
        return _numbered(outcome, n)

    def _placed(self, entry: Entry, n: int) -> Entry:
        """The request where it belongs: to overwrite is what this command asks for."""
        if self._plan.destination.on_exists != "overwrite":
            return entry
        target = self._job(n).target.asked_now().record()
        return entry._replace(target=target, files=kept_unverified(entry.files))

    def _hint(self, ended: ExitCode | None) -> None:
        """What is left, where the same command again would pay for more than that."""
        if not self._left or (ended not in _SIGNALS and self._left == self._plan.images):
            return
        if self._plan.once:
            again = _("the same command again does the rest")
        else:
            again = _("{count} left: the same command with -n {count}", count=self._left)
        output.say(f"hint: {again}")


def _numbered(outcome: Outcome, n: int) -> Outcome:
    """The outcome of what an earlier run has paid."""
    return outcome._replace(row=1, n=n, cost=Decimal(0))


def skipped(plan: GenPlan, n: int, files: tuple[SavedFile, ...], id: str | None = None) -> Outcome:
    """The outcome of a picture that is there already."""
    return _bare(plan, n)._replace(status=Status.SKIPPED, id=id, cost=Decimal(0), files=files)


def _unknown(plan: GenPlan, n: int, entry: Entry) -> Outcome:
    problem = unknown_before(str(entry.message or ""))
    return _bare(plan, n)._replace(status=Status.UNKNOWN, id=entry.id, problem=problem)


def _bare(plan: GenPlan, n: int) -> Outcome:
    request = plan.request
    return Outcome(
        status=Status.NOT_SENT,
        row=1,
        n=n,
        prompt=request.prompt,
        model=request.model,
        size=request.size,
    )
