"""The text on the pictures of a run: read, and asked for again, directly or in the next part."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING

from cogview_cli.batch.item import Item
from cogview_cli.batch.options import BatchOptions
from cogview_cli.batch.plan import Plan
from cogview_cli.batch.previous_run import PreviousRun, settled_outcome
from cogview_cli.batch.resume import Action
from cogview_cli.engine.failure import of_retake
from cogview_cli.engine.job import Job
from cogview_cli.engine.job_runner import JobRunner
from cogview_cli.ledger import Entry, Ledger
from cogview_cli.outcome import Outcome, Problem, Status

if TYPE_CHECKING:
    from cogview_cli.batch.texts import TextPlan
    from cogview_cli.engine.takes import TakeRunner


class Checking:
    """What a run does about text; nothing where nobody asks for it.

    A picture whose next take goes into the vendor's queue has not ended: its outcome is held.
    """

    def __init__(self, options: BatchOptions, plan: Plan, previous: PreviousRun) -> None:
        self._options, self._plan, self._previous = options, plan, previous
        self._texts: TextPlan | None = None
        self._takes: TakeRunner | None = None
        self._held: dict[tuple[int, int], Outcome] = {}
        self._silent: set[tuple[int, int]] = set()

    def decide(self) -> None:
        """What is read and how many takes there may be, before anything is sent."""
        if self._options.settings.checks_text:
            from cogview_cli.batch.texts import TextPlan

            self._texts = TextPlan(self._options, self._previous)
            self._texts.decide(self._plan)

    def settled(self) -> Iterator[Outcome]:
        """The outcomes of items that need nothing more."""
        if self._texts is not None:
            return self._texts.settled(self._plan)
        return (outcome for _item, _found, outcome in self._previous.outcomes(self._plan))

    @asynccontextmanager
    async def reading(self, runner: JobRunner, ledger: Ledger) -> AsyncIterator[None]:
        """What reads the pictures while the run goes on, if it is to."""
        if self._texts is None:
            yield
            return
        from cogview_cli.engine.takes import TakeRunner
        from cogview_cli.textcheck.checker import TextChecker

        async with TextChecker(strict=self._options.settings.strict_text) as checker:
            direct = not self._options.queue
            self._takes = TakeRunner(runner, ledger, checker, direct=direct)
            runner.promise(self._options.price(self._plan).known)
            yield

    def job(self, item: Item) -> Job:
        """An item's first take."""
        job = item.job(self._options.destination, self._previous.namespace)
        rules = self._texts.rules(item) if self._texts and item.wanted else None
        return job._replace(text=rules)

    def job_in_force(self, item: Item) -> Job:
        """The take of an item that is to be asked for now. Blocks."""
        job, ledger = self.job(item), self._previous.ledger
        if job.text is None or ledger is None:
            return job
        from cogview_cli.engine.takes import next_take

        entries = ledger.by_key(job.namespace, [job.key]).get(job.key, [])
        return next_take(job, entries) or job

    def run(self, runner: JobRunner, item: Item) -> Awaitable[Outcome]:
        """An item that is asked for, with all its takes."""
        return (self._takes or runner).run(self.job(item))

    async def judged(self, item: Item, outcome: Outcome) -> Outcome:
        """What comes of a picture that has just been saved."""
        if self._takes is None:
            return outcome
        return await self._queued(item, await self._takes.judged(self.job(item), outcome))

    async def look_again(self, item: Item) -> Outcome:
        """An image that is there: read, and asked for again if that is to be."""
        assert self._takes is not None
        outcome = settled_outcome(item, self._previous.decision(item))
        return await self._queued(item, await self._takes.look_again(self.job(item), outcome))

    async def ended_take(self, item: Item, entry: Entry, problem: Problem | None) -> Outcome:
        """A later take that has come out of the queue, or has not: `problem` says why."""
        before = self._held.pop((item.index, item.n), None)
        outcome = settled_outcome(item, self._previous.decision(item))
        if self._takes is not None:
            outcome = await self._takes.look_again(self.job(item), outcome)
        costs = [cost for cost in (before and before.cost, outcome.cost) if cost]
        outcome = outcome._replace(
            status=Status.SAVED if costs else outcome.status,
            cost=sum(costs, Decimal(0)),
            problem=outcome.problem or (problem and of_retake(problem, outcome.text)),
        )
        return await self._queued(item, outcome)

    async def _queued(self, item: Item, outcome: Outcome) -> Outcome:
        """The outcome; held, if another take is to go into the next part of the queue."""
        assert self._takes is not None
        if not self._options.queue or outcome.problem:
            return outcome
        if (job := await self._takes.next_job(self.job(item))) is not None:
            self._plan.decide([(Action.SEND, " ".join(sorted(job.known)), item.number)])
            self._held[item.index, item.n] = outcome
            self._silent.add((item.index, item.n))
        return outcome

    def as_told(self, outcome: Outcome) -> Outcome | None:
        """An outcome as it is told; None for one that is held.

        Where the next take waits, or was not sent, the picture before it is there all the same.
        """
        key = outcome.row, outcome.n
        if key in self._silent:
            self._silent.discard(key)
            return None
        before = self._held.pop(key, None)
        if before is None:
            return outcome
        if outcome.status == Status.QUEUED:
            return outcome._replace(id=before.id, cost=before.cost, files=before.files)
        problem = outcome.problem
        return before._replace(problem=problem and of_retake(problem, before.text))
