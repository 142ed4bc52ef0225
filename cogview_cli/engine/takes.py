"""Pictures whose text is read, and asked for again while it is wrong.

Reading is done beside the downloads: a picture is saved before it is read, and no slot waits
for that. What is asked for next follows from the ledger alone, so that a run that was stopped
at any moment, or killed, goes on where it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

from cogview_cli.engine.failure import claimed, of_retake, unknown_before
from cogview_cli.engine.job import Job
from cogview_cli.engine.job_runner import JobRunner
from cogview_cli.errors import CogviewError, ExitCode
from cogview_cli.i18n import _
from cogview_cli.ledger import Entry, Ledger, State
from cogview_cli.ledger.takes import (
    TextRules,
    best_take,
    lost_take,
    needs_another,
    takes_of,
    text_record,
    to_fetch,
    unread,
)
from cogview_cli.outcome import WITH_IMAGE, Outcome, Problem, SavedFile, Status, problem_of
from cogview_cli.pictures import sidecar
from cogview_cli.pictures.takes import check_folder, discard_takes, give_name, name_of, take_target
from cogview_cli.terminal import ending
from cogview_cli.textcheck.checker import TextChecker
from cogview_cli.textcheck.compare import TextResult
from cogview_cli.textcheck.reader import ReadingFailed

_ENDED_BY_USER = (
    ExitCode.HANGUP,
    ExitCode.INTERRUPTED,
    ExitCode.TERMINATED,
    ExitCode.STDOUT_CLOSED,
)
# A take that ends so says no more than that the text stays wrong.
_NO_MORE = (ExitCode.REFUSED, ExitCode.REJECTED)


class _Unreadable(Exception):
    """A picture could not be read; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem


class TakeRunner:
    """Runs jobs as a JobRunner does, then reads their pictures and asks again."""

    def __init__(
        self, runner: JobRunner, ledger: Ledger, checker: TextChecker, *, direct: bool = True
    ) -> None:
        """`checker` is open, and stays so until the last job has ended.

        `direct`: further takes are sent at once; else `next_job` tells them.
        """
        self._runner, self._ledger, self._checker = runner, ledger, checker
        self._direct = direct

    async def run(self, job: Job) -> Outcome:
        """The outcome of one picture, with all its takes. Raises only for bugs."""
        return await self.judged(job, await self._runner.run(job))

    async def look_again(self, job: Job, outcome: Outcome) -> Outcome:
        """The same for a picture that an earlier run has made; `outcome` says that it is there."""
        entries = await _entries_of(self._ledger, job)
        new = [e.id for e in entries if e.part is not None and self._ledger.is_ours(e.run)]
        ours = await self._ledger.call(self._ledger.take_over, [entry.id for entry in entries])
        if len(ours) < len(entries):
            return outcome._replace(problem=claimed())
        return await self.judged(job, outcome, new)

    async def next_job(self, job: Job) -> Job | None:
        """The take that is to be asked for next, if there is one."""
        if job.text is None:
            return None
        return next_take(job, await _entries_of(self._ledger, job))

    async def judged(self, job: Job, outcome: Outcome, new: Collection[str] = ()) -> Outcome:
        """What comes of the picture of `outcome` once its text was looked at.

        `new`: requests that this run has read out of the vendor's queue, and counts.
        """
        if outcome.status not in WITH_IMAGE or not outcome.files:
            return outcome
        if job.text is None:
            await _note(Path(outcome.files[0].file), None)
            return outcome._replace(checked=True)
        judging = _Judging(
            self._runner, self._ledger, self._checker, job, job.text, outcome,
            direct=self._direct, new=new,
        )  # fmt: skip
        try:
            await judging.run()
            if job.target.destination.stdout:
                await judging.discard_others()
        except asyncio.CancelledError:  # the picture is there; the next run reads it
            pass
        except _Unreadable as error:
            judging.fail(error.problem)
        except (CogviewError, OSError) as error:
            judging.fail(problem_of(ending.as_told(error)))
        return judging.told()


async def _entries_of(ledger: Ledger, job: Job) -> list[Entry]:
    found = await ledger.call(ledger.by_key, job.namespace, [job.key])
    return found.get(job.key, [])


def next_take(job: Job, entries: Sequence[Entry]) -> Job | None:
    """The next take of the image of `job`, which has these requests; None if none is to be."""
    takes = takes_of(entries)
    image = name_of(takes)
    if job.text is None or image is None or not needs_another(takes, job.text):
        return None
    take = takes[-1].take + 1
    return job._replace(
        take=take,
        target=take_target(image, job.target, take),
        known=frozenset(entry.id for entry in entries if entry.state != State.NOT_SENT),
    )


class _Judging:
    """One picture whose text is looked at; `outcome` is what can be said so far."""

    def __init__(
        self,
        runner: JobRunner,
        ledger: Ledger,
        checker: TextChecker,
        job: Job,
        rules: TextRules,
        outcome: Outcome,
        *,
        direct: bool,
        new: Collection[str],
    ) -> None:
        self._direct, self._new = direct, new
        self._runner, self._ledger, self._checker = runner, ledger, checker
        self._job, self._rules = job, rules
        self.outcome = outcome
        self._before = outcome.problem

    async def run(self) -> None:
        """Reads and asks again until the text is right or nothing more is to be done."""
        while True:
            entries = await self._entries()
            takes = takes_of(entries)
            if not any(entry.files for entry in takes):
                self._tell([await self._judged_file(file.file) for file in self.outcome.files])
                return
            if await self._fetched(takes):
                continue
            if self._ended_by_user:
                return
            if left := unread(takes, self._rules):
                await self._read(left[0])
                continue
            await self._choose(takes)
            if self._ended_by_user or not self._direct:
                return
            job = next_take(self._job, takes := await self._entries())
            if job is None:
                self._meet_unknown(takes_of(takes))
                return
            if not await self._again(job):
                return

    def fail(self, problem: Problem) -> None:
        """Something else has gone wrong; what came first is told."""
        self.outcome = self.outcome._replace(problem=self.outcome.problem or problem)

    def told(self) -> Outcome:
        """The outcome as people hear of it: the picture first, then why no other take followed."""
        outcome, problem = self.outcome, self.outcome.problem
        if problem is None or problem == self._before:
            return outcome
        return outcome._replace(problem=of_retake(problem, outcome.text))

    async def discard_others(self) -> None:
        """Removes the takes that were not chosen, where only one picture is to be had."""
        takes = takes_of(await self._entries())
        await asyncio.to_thread(discard_takes, takes)

    @property
    def _ended_by_user(self) -> bool:
        reason = self._runner.stop_reason
        return reason is not None and reason.exit_code in _ENDED_BY_USER

    async def _entries(self) -> list[Entry]:
        return await _entries_of(self._ledger, self._job)

    async def _fetched(self, takes: Sequence[Entry]) -> bool:
        """Whether a take that is paid and was not on disk was saved; free, unless it is new."""
        waiting = to_fetch(takes)
        if not waiting or self.outcome.problem or self._ended_by_user:
            return False
        outcome = await self._runner.finish(waiting[0])
        cost = waiting[0].price if waiting[0].id in self._new else Decimal(0)
        self._add(outcome._replace(cost=cost))
        return outcome.status == Status.SAVED

    # Reading.

    async def _read(self, entry: Entry) -> None:
        results = []
        for file in entry.files:
            path = Path(file["file"])
            results.append(await self._checked(path))
            await _note(path, results[-1].record())
        # The ledger last: it is what says that nothing is left to do.
        await self._ledger.call(self._ledger.was_read, entry.id, text_record(results))

    async def _checked(self, path: Path) -> TextResult:
        try:
            return await self._checker.check(path, self._rules.wanted)
        except ReadingFailed as error:
            raise _Unreadable(_unread_problem(path, error)) from error
        except (CogviewError, OSError) as error:
            raise _Unreadable(problem_of(ending.as_told(error))) from error

    async def _judged_file(self, image: str) -> TextResult:
        """A picture of which the ledger knows nothing: read, but never asked for again."""
        path = Path(image)
        content = await asyncio.to_thread(_sidecar_of, path)
        found = TextResult.of_record(content.get("text")) if content else None
        if found is None or found.wanted != self._rules.wanted:
            found = await self._checked(path)
            await _note(path, found.record())
        return found.judged(strict=self._rules.strict)

    def _tell(self, results: Sequence[TextResult]) -> None:
        self.outcome = self.outcome.with_texts([result.record() for result in results])

    # Choosing.

    async def _choose(self, takes: Sequence[Entry]) -> None:
        """Gives the best take the name, and tells of it."""
        best = best_take(takes, self._rules)
        if best is None:
            return
        entry = best.entry
        moved = await asyncio.to_thread(give_name, takes, entry)
        await self._ledger.complete(self._ledger.moved, moved)
        entry = next((other for other in moved if other.id == entry.id), entry)
        files = tuple(SavedFile(**record) for record in entry.files)
        self.outcome = self.outcome._replace(id=entry.id, files=files)
        self._tell(best.results)

    # Asking again.

    def _meet_unknown(self, takes: Sequence[Entry]) -> None:
        """A take that an earlier run has lost may be paid: that is said until it is decided."""
        if lost := lost_take(takes, self._rules):
            self.fail(unknown_before(str(lost.message or "")))

    async def _again(self, job: Job) -> bool:
        """Whether another take was asked for and is on disk."""
        if problem := self._runner.no_room(job):
            self._add(self._runner.never_sent(job)._replace(problem=problem))
            return False
        await asyncio.to_thread(check_folder, job.target)
        outcome = await self._runner.run(job)
        self._add(outcome)
        return outcome.status == Status.SAVED

    def _add(self, other: Outcome) -> None:
        """Counts what another take has cost, and keeps what is to be said of one that failed."""
        mine, saved = self.outcome, other.status == Status.SAVED
        costs = [cost for cost in (mine.cost, other.cost) if cost is not None]
        self.outcome = mine._replace(
            status=Status.SAVED if saved else mine.status,
            cost=sum(costs, Decimal(0)) if costs else None,
            lost=mine.lost + other.lost + (other.status == Status.UNKNOWN),
            price=mine.price if mine.price is not None else other.price,
            warnings=(*mine.warnings, *other.warnings, *_refused(other)),
            problem=mine.problem or _problem(other),
        )


def _unread_problem(path: Path, error: ReadingFailed) -> Problem:
    """The same reason and hint for all pictures of a folder that cannot be read."""
    found = problem_of(error)._replace(reason=_("cannot read the text: {why}", why=error.why))
    if not error.hint:
        return found
    hint = _("check it later: cogview check-text '{path}'", path=path.parent)
    return found._replace(hint=hint)


def _problem(outcome: Outcome) -> Problem | None:
    """What a failed take means for the exit code; the picture before it is there all the same."""
    problem = outcome.problem
    if problem is None or problem.exit_code in (*_NO_MORE, *_ENDED_BY_USER):
        return None
    return problem


def _refused(outcome: Outcome) -> tuple[str, ...]:
    problem = outcome.problem
    if problem is None or problem.exit_code not in _NO_MORE:
        return ()
    return (_("another take brought no picture: {why}", why=problem.message),)


def _sidecar_of(path: Path) -> dict[str, Any] | None:
    try:
        return sidecar.read(sidecar.sidecar_path(path))
    except (OSError, ValueError):
        return None


async def _note(path: Path, text: dict[str, Any] | None) -> None:
    """Writes what was read into the sidecar of `path`, if it has one of ours."""
    with suppress(OSError, ValueError):
        await asyncio.to_thread(_write_note, path, text)


def _write_note(path: Path, text: dict[str, Any] | None) -> None:
    content = _sidecar_of(path)
    if content is None or not isinstance(content.get("id"), str):
        return
    if content.get("text", ...) == text:
        return
    last = {name: content.pop(name) for name in ("generator",) if name in content}
    sidecar.write(path, {**content, "text": text, **last})
