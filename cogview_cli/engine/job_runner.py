"""One request from start to finish: slot, budget, tries, images; and what ends a run."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from cogview_cli.api.client import ApiClient
from cogview_cli.api.error_codes import ErrorClass
from cogview_cli.engine.breaker import CircuitBreaker
from cogview_cli.engine.budget import Budget
from cogview_cli.engine.failure import Failure, all_rejected, claimed, over_budget, worn_out
from cogview_cli.engine.job import Job
from cogview_cli.engine.retry import Attempts, GiveUp, Policy, Wait, decide
from cogview_cli.engine.sender import Sender
from cogview_cli.engine.slots import Slots
from cogview_cli.errors import CogviewError, MachineError, Temporary
from cogview_cli.i18n import _
from cogview_cli.ledger import Claimed, Entry, Ledger
from cogview_cli.outcome import Outcome, Problem, Status, problem_of
from cogview_cli.pictures.saver import ImageSaver, outcome_of


class Notify(Protocol):
    """Hears what takes time or was retried; `urgent`: people should know at once."""

    def __call__(self, text: str, *, urgent: bool = False) -> None: ...


def _silent(text: str, *, urgent: bool = False) -> None:
    """Nobody listens."""


_STATUSES = {
    ErrorClass.REFUSED: Status.REFUSED,
    ErrorClass.UNKNOWN: Status.UNKNOWN,
    None: Status.NOT_SENT,
}
# After one of these no other request of the run would fare better.
_ENDS_THE_RUN = {ErrorClass.ACCOUNT, ErrorClass.QUOTA, ErrorClass.NOT_THE_API}


class JobRunner:
    """Runs jobs against one base URL with one key, within slots and budget."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        client: ApiClient,
        finisher: ImageSaver,
        slots: Callable[[str], Slots],
        budget: Budget,
        policy: Policy,
        base_url: str,
        account: str,
        notify: Notify = _silent,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._sender = Sender(
            ledger=ledger,
            client=client,
            budget=budget,
            base_url=base_url,
            account=account,
            stop=self.stop,
        )
        self._finisher = finisher
        self._slots = slots
        self._budget = budget
        self._policy = policy
        self.notify = notify
        self._uniform = uniform
        self._health = CircuitBreaker()
        self._probe = asyncio.Lock()
        self._stopping = asyncio.Event()
        self.stop_reason: Problem | None = None
        self.in_flight = 0

    @property
    def stopping(self) -> bool:
        """Whether nothing new is sent any more."""
        return self._stopping.is_set()

    def stop(self, reason: Problem) -> None:
        """Nothing new is sent from now on; what is in flight is waited for."""
        self.stop_reason = self.stop_reason or reason
        self._stopping.set()

    async def run(self, job: Job) -> Outcome:
        """The outcome of one job. Raises only for bugs."""
        tally, entry = Attempts(), None
        try:
            while True:
                entry, result = await self._try(job, entry, tally)
                if isinstance(result, Outcome):
                    return result
                if isinstance(result, Entry):
                    entry = result
                    break
                next_step = self._next(result, tally)
                if isinstance(next_step, GiveUp):
                    return await self._give_up(job, entry, result, next_step)
                tally = next_step.tally
                await self._pause(next_step, result, job)
                if result.kind is ErrorClass.UNKNOWN:
                    # Its row stays unknown; the next try gets its own.
                    assert entry is not None
                    job, entry = job._replace(known=job.known | {entry.id}), None
        except asyncio.CancelledError:
            return self.never_sent(job, entry)
        except (Temporary, MachineError) as error:  # nobody lets go of a slot, or none can be had
            self.stop(problem_of(error))
            return self.never_sent(job, entry)
        assert entry is not None
        return await self._finisher.finish(entry)

    async def finish(self, entry: Entry) -> Outcome:
        """Saves the images of an answer that an earlier run kept. Free."""
        if not await self._sender.take_over(entry):
            return outcome_of(entry, Status.UNSAVED, problem=claimed())
        return await self._finisher.resuming().finish(entry)

    async def _try(
        self, job: Job, entry: Entry | None, tally: Attempts
    ) -> tuple[Entry | None, Outcome | Entry | Failure]:
        slots = self._slots(job.request.model)
        async with self._turn(), slots.hold(self._stopping) as slot:
            if self._stopping.is_set():
                return entry, self.never_sent(job, entry)
            if not self._budget.reserve(job.price):
                self.stop(over_budget(self._budget))
                return entry, self.never_sent(job, entry)
            try:
                entry = await self._sender.intend(job, entry)
            except (CogviewError, Claimed) as error:
                self._budget.release(job.price)
                return entry, self._not_intended(job, entry, error)
            if self._sender.answer_lost:
                await self._sender.call_off(job, entry)
                return entry, self.never_sent(job, entry)
            self.in_flight += 1
            try:
                result = await self._sender.post(job, entry, slot)
            finally:
                self.in_flight -= 1
            self._learn(result, slots, slot.epoch, tally)
            return entry, result

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """While the network seems dead, one request at a time finds out."""
        if not self._health.probing:
            yield
            return
        async with self._probe:
            yield

    def _not_intended(
        self, job: Job, entry: Entry | None, error: CogviewError | Claimed
    ) -> Outcome:
        if isinstance(error, CogviewError):  # no ledger, no POST
            self.stop(problem_of(error))
            return self.never_sent(job, entry)
        return self._outcome(job, None, Status.NOT_SENT, claimed())

    def _learn(
        self, result: Outcome | Entry | Failure, slots: Slots, epoch: int, tally: Attempts
    ) -> None:
        """What this answer says about the next requests."""
        if isinstance(result, Entry):
            slots.share.answered()
            self._health.answered(tally.transient + tally.unsent)
        elif isinstance(result, Failure):
            if result.code in ("1302", "1303"):
                slots.share.throttled(epoch)
            self._health.failed(result.kind, result.code)
            if self._health.exhausted:
                self.stop(worn_out(result))
            elif self._health.all_alike:
                self.stop(all_rejected(result))

    def _next(self, failure: Failure, tally: Attempts) -> Wait | GiveUp:
        if self._stopping.is_set():
            return GiveUp(_("stopped"))
        error = failure.error
        return decide(
            failure.kind,
            tally,
            self._policy,
            retry_after=error.retry_after if error else None,
            uniform=self._uniform,
        )

    async def _pause(self, wait: Wait, failure: Failure, job: Job) -> None:
        self.notify(
            _("{why}; trying again in {seconds:.1f} s", why=failure.words, seconds=wait.seconds)
        )
        if wait.everyone:
            self._slots(job.request.model).pause(wait.seconds)
        try:
            async with asyncio.timeout(wait.seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _give_up(
        self, job: Job, entry: Entry | None, failure: Failure, why: GiveUp
    ) -> Outcome:
        problem = failure.problem(why)
        if failure.kind in _ENDS_THE_RUN:
            self.stop(problem)
        status = _STATUSES.get(failure.kind, Status.FAILED)
        outcome = self._outcome(job, entry, status, problem)
        filters = failure.error.content_filter if failure.error else ()
        return outcome._replace(content_filter=filters)

    def never_sent(self, job: Job, entry: Entry | None = None) -> Outcome:
        """The outcome of a job that the end of the run came before."""
        return self._outcome(job, entry, Status.NOT_SENT, self.stop_reason)

    def _outcome(
        self, job: Job, entry: Entry | None, status: Status, problem: Problem | None
    ) -> Outcome:
        if entry is not None:
            return outcome_of(entry, status, problem=problem)
        return Outcome(
            status=status,
            row=job.row,
            n=job.n,
            prompt=job.request.prompt,
            model=job.request.model,
            size=job.request.size,
            price=job.price,
            problem=problem,
        )
