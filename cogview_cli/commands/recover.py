"""`cogview recover`: finishes what is paid for or with the server. Never POSTs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cogview_cli.cli import completion, deadline_option, options
from cogview_cli.errors import ExitCode, Temporary, UsageError
from cogview_cli.i18n import _, _n
from cogview_cli.outcome import Outcome, Problem, Status, Summary, error_of
from cogview_cli.terminal import ending, output
from cogview_cli.terminal.reporter import Reporter

if TYPE_CHECKING:
    from cogview_cli.engine.deadline import Deadline
    from cogview_cli.engine.stop import StopSwitch

AT_ONCE = 8


def recover(
    ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ID]…",
            help=_("Only these requests."),
            autocompletion=completion.unfinished_request,
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--output", "--out", "-o", metavar="DIR", help=_("Save into this folder instead.")
        ),
    ] = None,
    json: options.Json = False,
    print0: options.Print0 = False,
    deadline: deadline_option.Deadline = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Download, check and save every image that is paid for and not on disk. Free."""
    import asyncio

    from cogview_cli.disk.destination import check_output

    if out is not None:
        check_output(out, folder=True)
    style = output.OutputOptions(json=json, print0=print0, quiet=quiet, verbose=verbose or debug)
    summary = Summary(single=False, earlier=True)
    reporter = Reporter(style)
    with ending.counted(summary):
        run = _Recovery(summary, deadline)
        unknown = asyncio.run(_recover(set(ids or ()), out, run, reporter))
    with ending.counted(summary):
        reporter.summary(summary)
    if not summary.counts and not summary.stopped and not quiet:
        _say_nothing_to_do(unknown)
    raise typer.Exit(int(summary.exit_code))


def _say_nothing_to_do(unknown: int) -> None:
    """`unknown`: how many requests may be paid all the same; nothing can be fetched for them."""
    if not unknown:
        output.say(
            _("nothing to recover: every paid image is on disk, or a running cogview is saving it")
        )
        return
    output.say(
        _n(
            "nothing to recover: every image known to be paid is on disk or being saved;"
            " {count} request has an unknown outcome and may be paid",
            "nothing to recover: every image known to be paid is on disk or being saved;"
            " {count} requests have an unknown outcome and may be paid",
            unknown,
        )
    )
    output.say("hint: cogview history --unknown")


class _Recovery:
    """The run of `recover`, as the runner stops it."""

    def __init__(self, summary: Summary, deadline: str | None) -> None:
        """UsageError for a `deadline` that is no time."""
        from cogview_cli.engine.deadline import Deadline, seconds_of
        from cogview_cli.engine.stop import StopSwitch

        self.deadline = Deadline(None if deadline is None else seconds_of(deadline))
        self.switch = StopSwitch()
        self.summary = summary
        self._done = self._late = 0

    @property
    def stopping(self) -> bool:
        """Whether nothing more is begun."""
        return self.switch.thrown.is_set()

    def stop(self, reason: Problem) -> None:
        """Nothing more is begun."""
        self.switch.stop(reason)

    def note(self, outcome: Outcome) -> None:
        """One of the pictures has ended; late if it might have been saved without a stop."""
        self._done += 1
        self._late += self.stopping and outcome.status == Status.UNSAVED

    def ended(self, wanted: int) -> None:
        """Counts what stopped it; a deadline that came after all was done stopped nothing."""
        from cogview_cli.engine.deadline import CODE

        reason, left = self.switch.reason, wanted - self._done
        if reason and (reason.code != CODE or left):
            self.summary.stopped = reason.exit_code
        if reason and reason.code == CODE and (missing := left + self._late):
            ending.tell(_too_late(self.deadline, missing))

    def notify(self, text: str, *, urgent: bool = False) -> None:
        """Tells what people should know at once."""
        if urgent:
            output.say(text)


async def _recover(ids: set[str], out: str | None, run: _Recovery, reporter: Reporter) -> int:
    """How many outcomes are unknown afterwards."""
    from cogview_cli.engine import pool
    from cogview_cli.ledger.lookup import full_id
    from cogview_cli.ledger.open import open_ledger

    def report(outcome: Outcome) -> None:
        run.summary.add(outcome)
        reporter.outcome(outcome)

    def report_wanted(outcome: Outcome) -> None:
        run.note(outcome)
        report(outcome)

    with open_ledger() as ledger:
        lost = ledger.settle_dead_runs()
        ids = {full_id(ledger, id) for id in ids}
        check_ids(ledger, ids)
        for outcome in lost_outcomes(lost):
            report(outcome)
        if not ids:
            await _collect_queue(ledger, run.summary, reporter)
        waiting = ledger.unfinished(unverified=bool(ids), ours=ledger.run)
        found = [entry for entry in waiting if not ids or entry.id in ids]
        ours = ledger.take_over(entry.id for entry in found)
        wanted = [entry for entry in found if entry.id in ours]
        async with _finishers(ledger, wanted, run.switch) as finishers:
            work = (
                partial(finishers[entry.base_url].finish, _moved(entry, out)) for entry in wanted
            )
            lane = pool.Lane(work, AT_ONCE)
            await pool.run_all(run, [lane], report_wanted)
            run.ended(len(wanted))
        await _close_queue(ledger, reporter)
        _put_takes_right(ledger)
        return ledger.count_unknown()


def _put_takes_right(ledger: Any) -> None:
    from cogview_cli.pictures.takes import put_right

    put_right(ledger)


async def _collect_queue(ledger: Any, summary: Summary, reporter: Reporter) -> None:
    """What the vendor's queue has done for runs that have ended; GETs only."""
    if not ledger.parts.open():
        return
    from cogview_cli.queue.elsewhere import collect

    waiting, problems = await collect(ledger, reporter.note)
    if waiting:
        summary.counts[Status.QUEUED] += waiting
        summary.codes.add(ExitCode.TEMPORARY)
        output.say(
            _n(
                "{count} picture waits in the vendor's queue",
                "{count} pictures wait in the vendor's queue",
                waiting,
            )
        )
    for problem in problems:
        summary.codes.add(ending.tell(error_of(problem)))


async def _close_queue(ledger: Any, reporter: Reporter) -> None:
    if not ledger.parts.open():
        return
    from cogview_cli.queue.elsewhere import close

    await close(ledger, reporter.note)


def check_ids(ledger: Any, ids: Iterable[str]) -> None:
    """UsageError for an id that cannot be meant; then nothing is done for the others either."""
    from cogview_cli.ledger import State

    wrong: dict[str | None, list[str]] = {}
    for id in sorted(ids):
        state = _state(ledger, id)
        if state not in (State.ANSWER, State.SAVED, State.PENDING):
            wrong.setdefault(state, []).append(f"'{id}'")
    for state, names in wrong.items():
        raise UsageError(_wrong_ids(", ".join(names), state), hint="cogview history")


def _state(ledger: Any, id: str) -> str | None:
    try:
        return str(ledger.get(id).state)
    except KeyError:
        return None


def _wrong_ids(ids: str, state: str | None) -> str:
    if state is None:
        return _("there is no request {ids}; nothing was done", ids=ids)
    return _(
        "request {ids} is {state}, not paid and waiting; nothing was done", ids=ids, state=state
    )


@asynccontextmanager
async def _finishers(
    ledger: Any, entries: Iterable[Any], switch: StopSwitch
) -> AsyncIterator[dict[str, Any]]:
    """One for each base URL: where it asks, and what it may fetch from, depends on that."""
    from cogview_cli.config import settings
    from cogview_cli.engine.recovery import open_finisher
    from cogview_cli.ledger import State

    patience = settings.load({}).download_patience
    pending = {entry.base_url: False for entry in entries}
    pending |= {entry.base_url: True for entry in entries if entry.state == State.PENDING}
    async with AsyncExitStack() as stack:
        yield {
            base_url: await open_finisher(
                stack, ledger, base_url, switch,
                width=AT_ONCE, patience=patience, pending=pending[base_url],
            )
            for base_url in pending
        }  # fmt: skip


def _moved(entry: Any, out: str | None) -> Any:
    """The entry with its images going to the folder `out`.

    What was meant for stdout goes to the current folder.
    """
    from cogview_cli.pictures.placing import kept_unverified

    destination = entry.target["destination"]
    if out is None and not destination["stdout"]:
        return entry
    # What stdout did not take is on this disk, and is moved.
    files = entry.files if destination["stdout"] else kept_unverified(entry.files)
    destination = {**destination, "root": str(Path(out or ".").absolute()), "stdout": False}
    # What was noted of files to be overwritten holds for the other folder.
    target = {**entry.target, "destination": destination, "there": None}
    return entry._replace(target=target, files=files)


def _too_late(deadline: Deadline, missing: int) -> Temporary:
    return Temporary(
        _n(
            "--deadline {seconds} came before {count} paid picture was on disk",
            "--deadline {seconds} came before {count} paid pictures were on disk",
            missing,
            seconds=f"{deadline.seconds:g}",
        ),
        hint=_("give it more time: cogview recover --deadline SECONDS, or leave it out"),
    )


def lost_outcomes(entries: Iterable[Any]) -> list[Outcome]:
    """What to say of requests whose process died before it kept the answer."""
    from cogview_cli.errors import ExitCode
    from cogview_cli.pictures.outcomes import outcome_of

    problem = Problem(
        code=Status.UNKNOWN,
        message=_("outcome unknown, it may have been paid: the process ended before the answer"),
        exit_code=ExitCode.UNKNOWN,
        hint="cogview history --unknown",
    )
    return [outcome_of(entry, Status.UNKNOWN, problem=problem) for entry in entries]
