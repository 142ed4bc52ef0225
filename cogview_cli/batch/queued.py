"""A batch through the vendor's queue: parts of earlier runs, looks, results back to items."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from functools import partial
from itertools import chain

from cogview_cli.api.models import TIER_SLOTS
from cogview_cli.batch.checking import Checking
from cogview_cli.batch.item import Item
from cogview_cli.batch.options import BatchOptions
from cogview_cli.batch.plan import Plan
from cogview_cli.batch.previous_run import PreviousRun, settled_outcome
from cogview_cli.batch.queue_outcomes import ended_outcome, in_queue
from cogview_cli.batch.queue_submit import UNSENT, Submitter
from cogview_cli.batch.resume import Action, Decision
from cogview_cli.engine import pool
from cogview_cli.engine.job_runner import JobRunner
from cogview_cli.errors import CogviewError
from cogview_cli.i18n import _
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.ledger import PAID_STATES, Entry, State
from cogview_cli.ledger.queue_parts import Part, PartState
from cogview_cli.outcome import Outcome, Problem, Status, problem_of
from cogview_cli.queue.poll import SANDBOX_SECONDS, interval
from cogview_cli.queue.service import QueueFailure, QueueStopped, other_key
from cogview_cli.queue.session import Queue
from cogview_cli.terminal.text import clock

Report = Callable[[Outcome], None]


class QueuedBatch:
    """The items of one plan in the queue of one server."""

    def __init__(
        self,
        options: BatchOptions,
        plan: Plan,
        previous: PreviousRun,
        queue: Queue,
        checking: Checking,
    ) -> None:
        self._checking = checking
        assert previous.ledger is not None
        self._options, self._plan, self._previous = options, plan, previous
        self._queue, self._ledger = queue, previous.ledger
        self._runner: JobRunner | None = None
        self._submitter = Submitter(
            options, plan, previous, queue, self._stopping, checking.job_in_force
        )
        self._looks, self._retry_after = 0, 0.0
        # Whether the last look has brought anything.
        self._news = False
        self._parts: dict[str, Part] = {}
        self._next_look = 0.0
        # A part that was sent to another server, and whether nothing is to come from this one.
        self._elsewhere: Part | None = None
        self._hopeless = False
        # Why what is left was not put into the queue, or not looked at.
        self.reason: Problem | None = None

    def _stopping(self) -> bool:
        return self._runner is not None and self._runner.stopping

    async def sleep(self, seconds: float) -> None:
        """Waits, less if the run is stopped."""
        if self._runner is not None:
            await self._runner.sleep(seconds)
        else:
            await asyncio.sleep(seconds)

    # Before the run: what earlier ones have in the queue.

    async def look_back(self) -> None:
        """Takes over the parts of earlier runs, and looks at each once."""
        parts = await self._ours()
        unsure = [part for part in parts if part.state in (*UNSENT, PartState.CREATING)]
        answered = await self._resume_all([part for part in parts if part not in unsure])
        self._submitter.budget.set_aside(self.under_way())
        if answered:
            await self._resume_all(unsure)

    async def _resume_all(self, parts: list[Part]) -> bool:
        answered = True
        for part in parts:
            answered = await self._tried(partial(self._resume, part))
            if not answered:
                break
        self._previous.decide_again(self._plan)
        return answered

    def under_way(self) -> Decimal:
        """What the pictures cost that wait for this run, or that its first look has brought."""
        if self._options.settings.max_cost is None:
            return Decimal(0)
        tariff = self._options.settings.queue_tariff
        waiting = chain.from_iterable(self._plan.waiting_chunks())
        prices = [tariff.price_of(item.body["model"]) for item in waiting]
        found = (self._previous.entry(item) for item in self._plan.to_fetch())
        prices += [each.price for each in found if each.part and self._previous.is_ours(each)]
        prices += [entry.price for entry in self._new_takes()]
        return sum(filter(None, prices), Decimal(0))

    def _new_takes(self) -> Iterator[Entry]:
        """The later takes that the first look has brought."""
        for part in self._parts.values():
            for entries in self._ledger.parts.entries(part.id, State.ANSWER):
                yield from (entry for entry in entries if entry.take > 1)

    async def _ours(self) -> list[Part]:
        """The open parts of this folder that no other process looks after."""
        found = await self._ledger.call(self._ledger.parts.open, self._previous.namespace)
        here = [part for part in found if self._queue.is_here(part)]
        self._elsewhere = next((part for part in found if part not in here), None)
        self._hopeless = not any(part.waiting for part in here)
        ids = [part.id for part in here]
        ours = await self._ledger.call(self._ledger.parts.take_over, ids)
        return [part for part in here if part.id in ours]

    async def _resume(self, part: Part) -> None:
        if part.state == PartState.DRAFT:
            await self._queue.sender.drop(part, Message.of("stopped-before-sending"))
            return
        if part.state == PartState.CREATING:
            part = await self._queue.sender.find(part)
        if part.state in UNSENT and not self._options.queue:
            await self._queue.sender.drop(part, Message.of("stopped-before-sending"))
        elif part.state in UNSENT:
            await self._submitter.send(part, resumed=True)
        else:
            await self._look(part)

    async def _tried(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Whether the server could be worked with; `reason` says why not, or what was left."""
        try:
            await work()
        except QueueFailure as failure:
            self.reason, self._retry_after = failure.problem(), failure.retry_after or 0.0
            return failure.of_part
        except QueueStopped as stopped:
            self.reason = stopped.problem
            return False
        return True

    async def _look(self, part: Part) -> None:
        self._parts[part.id] = part
        self._parts[part.id] = await self._queue.collector.look(part)
        self._news |= self._parts[part.id] != part

    # The run.

    async def run(self, runner: JobRunner, report: Report, tick: Callable[[], None]) -> None:
        """Sends what is to be sent, then waits for it, or leaves it to the next run."""
        self._runner = runner
        await self._round(report, self._submit)
        while await self._is_waiting():
            self._set_next_look()
            tick()
            await self._round(report, self._pause)
            if runner.stopping:
                break
            await self._round(report, self._look_around)
            await pool.run_all(runner, [self._deliveries()], report)
            await self._round(report, self._submit)
        await self._step(self._undo_new)
        await self._step(self._close)
        if self._elsewhere and not self.reason and self._plan.counts().waiting:
            self.reason = other_key(self._elsewhere)

    async def _undo_new(self) -> None:
        """What never came to the vendor does not wait there: the next run may send it any way."""
        for part in await self._ours():
            if part.state == PartState.NEW:
                await self._queue.sender.drop(part, Message.of("stopped-before-sending"))
        self._previous.decide_again(self._plan)
        self.reason = self.reason or self._submitter.closed

    async def _round(self, report: Report, work: Callable[[], Awaitable[None]]) -> None:
        """One step that signals may come into."""
        assert self._runner is not None
        await pool.run_all(self._runner, [pool.Lane(iter([partial(self._step, work)]), 1)], report)
        claimed, self._submitter.claimed = self._submitter.claimed, []
        for outcome in claimed:
            report(outcome)

    async def _step(self, work: Callable[[], Awaitable[None]]) -> None:
        assert self._runner is not None
        try:
            await self._tried(work)
        except CogviewError as error:
            self._runner.stop(problem_of(error))

    async def _is_waiting(self) -> bool:
        """Whether this run stays for more: asked to, with something to come, and in vain not."""
        if self._stopping() or not self._stays:
            return False
        if self.reason and not self.reason.retryable:
            return False
        counts = self._plan.counts()
        to_send = counts.to_send if self._options.queue and not self._submitter.closed else 0
        await self._ours()
        return bool(to_send or (counts.waiting and not self._hopeless))

    @property
    def _stays(self) -> bool:
        """An in-process sandbox is gone with its process: nobody could come back."""
        return self._options.wait or self._options.settings.sandbox

    async def _submit(self) -> None:
        if self._options.queue and not self._submitter.closed and self._plan.counts().to_send:
            self.reason = await self._submitter.submit()

    def _set_next_look(self) -> None:
        every = SANDBOX_SECONDS if self._options.settings.sandbox else None
        seconds = interval(
            self._looks, every=self._options.poll or every, retry_after=self._retry_after
        )
        self._next_look = time.monotonic() + seconds

    async def _pause(self) -> None:
        await self.sleep(max(0.0, self._next_look - time.monotonic()))

    async def _look_around(self) -> None:
        """Looks at every part once."""
        self.reason, self._retry_after, self._news = None, 0.0, False
        self._looks += 1
        # Those that are not with the vendor yet come last: the queue may be full.
        for part in sorted(await self._ours(), key=lambda part: part.state in UNSENT):
            if not await self._tried(partial(self._move_on, part)):
                break
        if self._news:
            self._looks = 0

    async def _move_on(self, part: Part) -> None:
        if part.state in UNSENT or part.state == PartState.CREATING:
            await self._submitter.send(part)
            self._news = True
        else:
            await self._look(part)

    # Results.

    def _deliveries(self) -> pool.Lane:
        settings = self._options.settings
        return pool.Lane(self._ended(), settings.jobs or TIER_SLOTS[settings.tier])

    def _ended(self) -> Iterator[pool.Task]:
        """What to do for each waiting item of which the ledger knows the end by now."""
        for chunk in self._plan.waiting_chunks():
            keys = [item.key for item in chunk]
            found = self._ledger.by_key(self._previous.namespace, keys)
            for item in chunk:
                entry = next((e for e in reversed(found.get(item.key, [])) if e.part), None)
                if entry is not None and entry.state != State.PENDING:
                    yield partial(self._end, item, entry)

    async def _end(self, item: Item, entry: Entry) -> Outcome:
        assert self._runner is not None
        if entry.take > 1:
            there = entry.state in PAID_STATES
            problem = None if there else ended_outcome(item, entry).problem
            return await self._checking.ended_take(item, entry, problem)
        if entry.state == State.ANSWER:
            found = await self._runner.finish(entry)
            found = found._replace(row=item.index, n=item.n, cost=entry.price)
            return await self._checking.judged(item, found)
        if entry.state in (State.SAVED, State.EXPIRED):  # another process was faster
            image = entry.files[0]["file"] if entry.files else None
            return settled_outcome(item, Decision(Action.DONE, entry, image))
        return ended_outcome(item, entry)

    async def _close(self) -> None:
        """Removes what the vendor keeps of parts whose pictures are all here."""
        for part in await self._ours():
            if not await self._tried(partial(self._close_one, part)):
                break

    async def _close_one(self, part: Part) -> None:
        await self._queue.collector.close(part)

    def waiting(self) -> Iterator[Outcome]:
        """The outcomes of items that are still in the queue, or wait here for room in it."""
        unsent = {part.id for part in self._ledger.parts.open() if part.unsent}
        for chunk in self._plan.waiting_chunks():
            keys = [item.key for item in chunk] if unsent else []
            found = self._ledger.by_key(self._previous.namespace, keys)
            for item in chunk:
                entries = found.get(item.key, [])
                yield self._waiting(item, unsent=any(entry.part in unsent for entry in entries))

    def unsent(self, stopped: Problem | None) -> Iterator[Outcome]:
        """The outcomes of items that are not in the queue; none if another reason ended the run."""
        if not self._options.queue or stopped:
            return
        for item in self._plan.to_send():
            yield item.outcome(Status.NOT_SENT, self.reason)

    def _waiting(self, item: Item, *, unsent: bool) -> Outcome:
        price = self._options.settings.queue_tariff.price_of(item.body["model"])
        return item.outcome(Status.QUEUED, in_queue(unsent=unsent))._replace(price=price)

    def progress(self) -> str:
        """How far the queue is, in one line, and what is in the way.

        "" before the first look, and while one goes on: there are pictures to tell of.
        """
        if (seconds := self._next_look - time.monotonic()) <= 0:
            return ""
        parts = [part for part in self._parts.values() if part.state == PartState.CREATED]
        line = self._counted(parts, clock(seconds)) if parts else ""
        if self.reason is None:
            return line
        line = line or _("queue: next look in {left}", left=clock(seconds))
        return _("; ").join((line, self.reason.message))

    def _counted(self, parts: list[Part], left: str) -> str:
        return _(
            "queue: {done} done, {failed} failed of {total}; {age} old; next look in {left}",
            done=sum(part.completed for part in parts),
            failed=sum(part.failed for part in parts),
            total=sum(part.lines for part in parts),
            age=clock(max(0.0, time.time() - min(part.asked for part in parts))),
            left=left,
        )
