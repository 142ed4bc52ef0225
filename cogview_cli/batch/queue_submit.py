"""Items of a plan on their way into parts of the vendor's queue.

The order of money: every request of a part is in the ledger, `pending`, before the file goes up;
a part that a killed run was still writing was sent nowhere, and is undone.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from cogview_cli.api.batches import request_line
from cogview_cli.batch.item import Item
from cogview_cli.batch.options import BatchOptions
from cogview_cli.batch.plan import CHUNK, Plan
from cogview_cli.batch.previous_run import PreviousRun
from cogview_cli.batch.queue_outcomes import not_sent
from cogview_cli.batch.resume import Action
from cogview_cli.engine.budget import Budget
from cogview_cli.engine.failure import claimed, over_budget
from cogview_cli.engine.job import Job
from cogview_cli.engine.sender import unmarked
from cogview_cli.errors import BudgetReached, CogviewError, ExitCode
from cogview_cli.i18n import _
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.ledger import Intent, marks
from cogview_cli.ledger.claims import Claimed
from cogview_cli.ledger.queue_parts import Part, PartState
from cogview_cli.outcome import Outcome, Problem, problem_of
from cogview_cli.queue.cutting import Cutter, limits_of, room
from cogview_cli.queue.sender import TooLarge
from cogview_cli.queue.service import QueueFull
from cogview_cli.queue.session import Queue

UNSENT = (PartState.NEW, PartState.UPLOADED)


class _Ready(NamedTuple):
    """An item about to be written down."""

    item: Item
    intent: Intent
    price: Decimal


class Submitter:
    """Puts what a plan has to send into the queue of one server."""

    def __init__(
        self,
        options: BatchOptions,
        plan: Plan,
        previous: PreviousRun,
        queue: Queue,
        stopping: Callable[[], bool],
        job_of: Callable[[Item], Job],
    ) -> None:
        """`job_of` an item is the take of it that is to be asked for."""
        self._job_of = job_of
        assert previous.ledger is not None
        self._options, self._plan, self._previous = options, plan, previous
        self._queue, self._ledger, self._stopping = queue, previous.ledger, stopping
        self._tariff = options.settings.queue_tariff
        self.budget = Budget(options.settings.max_cost, self._tariff.currency)
        self._limits = limits_of(options.queue_size)
        # Outcomes of items that another process has in hand.
        self.claimed: list[Outcome] = []
        # Why no more is put into the queue by this run.
        self.closed: Problem | None = None

    async def submit(self) -> Problem | None:
        """Fills parts and sends them as far as there is room; why not all, if not all.

        Raises what `PartSender.send` raises; what is undone may be sent again.
        """
        for model in self._plan.models_to_send():
            while not (self._stopping() or self.closed):
                left = await self._room(model)
                if not left:
                    return no_room()
                part = await self._fill(model, left)
                if part is None:
                    break
                if part.lines:
                    await self.send(part)
        return self.closed

    async def _room(self, model: str) -> int:
        return room(await self._open_parts(), model)

    async def _open_parts(self) -> list[Part]:
        found = await self._ledger.call(self._ledger.parts.open)
        return [part for part in found if self._queue.is_here(part)]

    async def send(self, part: Part, *, resumed: bool = False) -> None:
        """Takes a written part to its batch."""
        if resumed and not self._afford():
            return
        try:
            await self._queue.sender.send(part, resumed=resumed)
        except TooLarge:
            self._cut_smaller(part)
        except QueueFull:
            if part.lines == 1 or not await self._is_alone(part):
                raise
            await self._queue.sender.drop(part, Message.of("stopped-before-sending"))
            self._cut_smaller(part)
        except CogviewError:
            self._previous.decide_again(self._plan)
            raise

    def _cut_smaller(self, part: Part) -> None:
        self._limits = self._limits.smaller(part.lines)
        self._queue.service.say(_("a part of {count} is too large: smaller ones", count=part.lines))
        self._release(part)
        self._previous.decide_again(self._plan)

    def _release(self, part: Part) -> None:
        self.budget.release((part.price or Decimal(0)) * part.lines)

    async def _is_alone(self, part: Part) -> bool:
        """Whether the queue is full although nothing else of ours is in it."""
        others = (other for other in await self._open_parts() if other.id != part.id)
        return not any(other.waiting for other in others)

    def _afford(self) -> bool:
        """Whether there is money for what earlier runs have written down."""
        if self.budget.reserve(Decimal(0)):
            return True
        self.closed = over_budget(self.budget)
        return False

    async def _fill(self, model: str, most: int) -> Part | None:
        """The next part, written down; None where nothing is left to send."""
        cutter = Cutter(self._limits._replace(lines=min(self._limits.lines, most)))
        part: Part | None = None
        ready: list[_Ready] = []
        for item in self._plan.to_send(model):
            each = self._ready(item)
            size = len(request_line(item.key, each.intent.body))
            if self._stopping() or not cutter.fits(size) or not self._reserve(each):
                break
            cutter.add(size)
            ready.append(each)
            if len(ready) >= CHUNK:
                part = await self._write(part or await self._begin(each), ready)
                ready = []
            if self.closed:
                break
        if ready:
            part = await self._write(part or await self._begin(ready[0]), ready)
        return part and await self._finish(part)

    async def _finish(self, part: Part) -> Part:
        """The part as written; one that is empty, or that a signal came into, is undone."""
        if part.lines and not self._stopping():
            return await self._ledger.complete(self._to_new, part.id)
        await self._queue.sender.drop(part, Message.of("stopped-before-sending"))
        self._previous.decide_again(self._plan)
        return part._replace(lines=0)

    def _to_new(self, id: str) -> Part:
        return self._ledger.parts.note(id, state=PartState.NEW)

    def _reserve(self, ready: _Ready) -> bool:
        if self.budget.reserve(ready.price):
            return True
        self.closed = over_budget(self.budget)
        return False

    def _ready(self, item: Item) -> _Ready:
        job = self._job_of(item)
        price = self._tariff.price_of(job.request.model)
        return _Ready(item, self._intent(job, price), price or Decimal(0))

    def _intent(self, job: Job, price: Decimal | None) -> Intent:
        request = job.request.with_seed(random.SystemRandom().randrange)
        endpoint = self._queue.endpoint
        return Intent(
            key=job.key,
            body=request.body(),
            target=job.target.asked_now().record(),
            price=price,
            currency=self._tariff.currency,
            base_url=endpoint.base_url,
            account=endpoint.account,
            namespace=job.namespace,
            source=job.source,
            take=job.take,
        )

    async def _begin(self, first: _Ready) -> Part:
        intent = first.intent
        part = Part(
            id="",
            run="",
            number=0,
            namespace=intent.namespace,
            base_url=intent.base_url,
            account=intent.account,
            model=intent.body["model"],
            price=intent.price,
            currency=intent.currency,
            asked=0.0,
        )
        return await self._ledger.complete(self._ledger.parts.begin, part)

    async def _write(self, part: Part, ready: list[_Ready]) -> Part:
        """Writes requests of a part down, and marks beside where their pictures will be."""
        asked = [(each.intent, each.item.known) for each in ready]
        results = await self._ledger.complete(self._ledger.parts.intend, part.id, asked)
        for each, result in zip(ready, results, strict=True):
            if not isinstance(result, str):
                self._not_taken(each, result)
        numbers = [
            each.item.number
            for each, result in zip(ready, results, strict=True)
            if not isinstance(result, BudgetReached)
        ]
        self._plan.decide((Action.WAIT, "", number) for number in numbers)
        await self._mark(part, {each.intent.key for each in ready})
        return await self._ledger.call(self._ledger.parts.get, part.id)

    def _not_taken(self, ready: _Ready, why: Claimed | BudgetReached) -> None:
        self.budget.release(ready.price)
        if isinstance(why, BudgetReached):
            self.closed = problem_of(why)
            return
        outcome = not_sent(ready.item, claimed())
        self.claimed.append(outcome)
        self._plan.ended(outcome)  # or it would be tried again with the next part

    async def _mark(self, part: Part, keys: set[str]) -> None:
        found = await self._ledger.call(self._ledger.by_key, part.namespace, keys)
        entries = [each for chain in found.values() for each in chain if each.part == part.id]
        try:
            await asyncio.to_thread(marks.put_all, entries)
        except OSError as error:
            await self._queue.sender.drop(part, Message.of("stopped-before-sending"))
            self._previous.decide_again(self._plan)
            raise unmarked(error) from error


def no_room() -> Problem:
    """The queue takes no more for now."""
    return Problem(
        code="queue-full",
        message=_("not sent: the queue is full; the rest goes up when there is room"),
        exit_code=ExitCode.TEMPORARY,
        retryable=True,
        hint=_("run the same command again later, or stay with --wait"),
    )
