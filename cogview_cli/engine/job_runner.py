"""One request from start to finish: slot, budget, tries, images; and what ends a run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from typing import Protocol

from cogview_cli.api.error_codes import ErrorClass
from cogview_cli.api.tariffs import BIGMODEL, Tariff
from cogview_cli.engine import chance
from cogview_cli.engine.breaker import CircuitBreaker
from cogview_cli.engine.budget import Budget
from cogview_cli.engine.clock import ClockWatch
from cogview_cli.engine.deadline import NONE, Deadline
from cogview_cli.engine.equal_pictures import EqualPictures
from cogview_cli.engine.failure import (
    Failure,
    all_rejected,
    claimed,
    over_budget,
    worn_out,
)
from cogview_cli.engine.gate import SendGate
from cogview_cli.engine.job import Job
from cogview_cli.engine.pending import given_up
from cogview_cli.engine.retry import (
    UNKNOWN_RETRIES,
    Attempts,
    GiveUp,
    Policy,
    Wait,
    decide,
)
from cogview_cli.engine.sender import Answered, Ended, Failed, Result, Sender
from cogview_cli.engine.slots import SlotLease, Slots
from cogview_cli.engine.stop import StopSwitch
from cogview_cli.errors import CogviewError, MachineError, Temporary
from cogview_cli.i18n import _
from cogview_cli.ledger import Claimed, Entry, State
from cogview_cli.outcome import Outcome, Problem, Status, problem_of
from cogview_cli.pictures.later import LaterSaver
from cogview_cli.pictures.outcomes import outcome_of


class Notify(Protocol):
    """Hears what takes time or was retried; `urgent`: people should know at once."""

    def __call__(self, text: str, *, urgent: bool = False) -> None: ...


def _silent(text: str, *, urgent: bool = False) -> None:
    """Nobody listens."""


# After one of these no other request of the run would fare better.
_ENDS_THE_RUN = {ErrorClass.ACCOUNT, ErrorClass.QUOTA, ErrorClass.NOT_THE_API}

# What a job may end as although an earlier try of it was lost: there is a picture after all.
_PAID = (Status.SAVED, Status.UNSAVED, Status.UNKNOWN)


class JobRunner:
    """Runs jobs against one base URL with one key, within slots and budget."""

    def __init__(
        self,
        *,
        sender: Sender,
        saver: LaterSaver,
        slots: Callable[[str], Slots],
        budget: Budget,
        policy: Policy,
        switch: StopSwitch,
        notify: Notify = _silent,
        tariff: Tariff = BIGMODEL,
        deadline: Deadline = NONE,
        uniform: Callable[[float, float], float] = chance.uniform,
    ) -> None:
        """`sender` shares `budget` and `switch`; `slots` are those of a model."""
        self._sender = sender
        self._saver = saver
        self._slots = slots
        self._budget = budget
        self._policy = policy
        self._switch = switch
        self.notify = notify
        self._tariff = tariff
        self.deadline = deadline
        self._uniform = uniform
        self._equal = EqualPictures()
        self._breaker = CircuitBreaker()
        self._gate = SendGate(switch, lambda text: self.notify(text, urgent=True))
        self._probe = asyncio.Lock()
        self._clock = ClockWatch()
        self.in_flight = 0

    def set_aside(self, price: Decimal) -> None:
        """See `Budget.set_aside`."""
        self._budget.set_aside(price)

    @property
    def stopping(self) -> bool:
        """Whether nothing new is sent any more."""
        return self._switch.thrown.is_set()

    @property
    def stop_reason(self) -> Problem | None:
        """Why the run stops, once it does."""
        return self._switch.reason

    def stop(self, reason: Problem) -> None:
        """Nothing new is sent from now on; what is in flight is waited for."""
        self._switch.stop(reason)

    def promise(self, price: Decimal) -> None:
        """Keeps `price` of the budget for pictures that are asked for the first time."""
        self._budget.promised += price

    def no_room(self, job: Job) -> Problem | None:
        """Why the budget has no room for a retake, if it has none."""
        return None if self._budget.has_room(job.price) else over_budget(self._budget)

    async def sleep(self, seconds: float) -> None:
        """Waits so long, or until the run stops."""
        await self._switch.sleep(seconds)

    async def run(self, job: Job) -> Outcome:
        """The outcome of one job. Raises only for bugs."""
        lost: list[Failed] = []
        outcome = await self._run(self._ready(job), lost)
        if lost and outcome.status not in _PAID:
            outcome = self._give_up(lost[0].entry, lost[0].failure, GiveUp())
            return outcome._replace(lost=len(lost) - 1)
        warnings = (*outcome.warnings, *self._equal.seen(outcome))
        return outcome._replace(lost=outcome.lost + len(lost), warnings=warnings)

    def _ready(self, job: Job) -> Job:
        """The job with its price, and a seed of its own if it is to have one."""
        seeded = job.request.with_seed(chance.below)
        return job._replace(request=seeded, tariff=self._tariff)

    async def _run(self, job: Job, lost: list[Failed]) -> Outcome:
        """As `run`, and the tries of unknown outcome that were followed by another."""
        # A job that passes over earlier requests is itself the one repetition of a run.
        attempts = Attempts(unknown=UNKNOWN_RETRIES if job.known else 0)
        entry: Entry | None = None
        try:
            while True:
                match await self._try(job, entry, attempts):
                    case Answered(entry):
                        break
                    case Ended(outcome):
                        return outcome
                    case Failed(failure, entry) as failed:
                        step = self._next(failure, attempts)
                        if isinstance(step, GiveUp):
                            return self._give_up(entry, failure, step)
                        attempts = step.attempts
                        await self._pause(step, failure, job)
                        if failure.kind is ErrorClass.UNKNOWN:
                            # Its row stays unknown; the next try gets its own.
                            lost.append(failed)
                            job, entry = job._replace(known=job.known | {entry.id}), None
        except asyncio.CancelledError:
            return self.never_sent(job, entry)
        except (Temporary, MachineError) as error:  # nobody lets go of a slot, or none can be had
            self.stop(problem_of(error))
            return self.never_sent(job, entry)
        return await self._save(job, entry)

    async def _save(self, job: Job, entry: Entry) -> Outcome:
        """Saves what was paid; whether that works, and how long it takes, decides about more."""
        outcome, clock = None, asyncio.get_running_loop().time
        began = clock()
        try:
            outcome = await self._saver.finish(entry, partial(self._gate.stalled, job.key))
        finally:
            self._gate.ended(job.key, outcome)
        if outcome.status == Status.SAVED:
            self.deadline.took((entry.generate_s or 0.0) + clock() - began)
        return outcome

    async def finish(self, entry: Entry) -> Outcome:
        """Saves the images of an answer that an earlier run kept, or can still ask for. Free."""
        if not await self._sender.take_over(entry):
            return outcome_of(entry, Status.UNSAVED, problem=claimed())
        if entry.state == State.PENDING:
            match await self._sender.resume(entry):
                case Answered(entry):
                    pass
                case Ended(outcome):
                    return outcome
                case Failed(failure, entry):
                    return self._give_up(entry, failure, GiveUp())
        outcome = await self._saver.finish_earlier(entry)
        self._gate.stop_for_the_disk(outcome)
        return outcome

    async def put_off(self, entry: Entry) -> Outcome:
        """The outcome of a paid answer that the end of the run came before."""
        return await self._saver.put_off(entry)

    async def _try(self, job: Job, entry: Entry | None, attempts: Attempts) -> Result:
        """One try, in a slot; what it tells about the next ones is learned before the slot goes."""
        slots = self._slots(job.request.model)
        while True:
            await self._gate.wait()
            async with self._turn(), slots.hold(self._switch.thrown) as slot:
                if not (self.stopping or self._gate.is_open):
                    continue  # it was shut while this one waited for its slot
                again = entry is not None
                if self.stopping or not (self._in_time(job) and self._afford(job, again=again)):
                    return Ended(self.never_sent(job, entry))
                self._gate.passed(job.key)
                result: Result | None = None
                try:
                    result = await self._send(job, entry, slot)
                finally:
                    self._gate.answered(job.key, result)
                self._learn(result, slots, slot.epoch, attempts)
                return result

    async def _send(self, job: Job, entry: Entry | None, slot: SlotLease) -> Result:
        """The intent, then the POST."""
        try:
            entry = await self._sender.intend(job, entry)
        except (CogviewError, Claimed) as error:
            self._budget.release(job.price)
            return Ended(self._not_intended(job, entry, error))
        if self._sender.answer_lost:
            await self._sender.call_off(job, entry)
            return Ended(self.never_sent(job, entry))
        return await self._post(job, entry, slot)

    def _in_time(self, job: Job) -> bool:
        """Whether the answer can be here before the deadline; if not, the run stops."""
        if self.deadline.fits(job.request.model, job.request.quality):
            return True
        self.stop(self.deadline.problem())
        return False

    def _afford(self, job: Job, *, again: bool) -> bool:
        """Whether the price of `job` could be set aside; if not, the run stops."""
        if self._budget.reserve(job.price):
            if job.take == 1 and not again:
                self._budget.redeem(job.price)
            return True
        self.stop(over_budget(self._budget))
        return False

    async def _post(self, job: Job, entry: Entry, slot: SlotLease) -> Result:
        self.in_flight += 1
        self._saver.prepare()  # there is time until the answer
        try:
            return await self._sender.post(job, entry, slot)
        finally:
            self.in_flight -= 1

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """While the network seems dead, one request at a time finds out."""
        if not self._breaker.probing:
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

    def _learn(self, result: Result, slots: Slots, epoch: int, attempts: Attempts) -> None:
        """What this answer says about the next requests."""
        match result:
            case Answered(entry):
                self._watch_clock(entry)
                slots.share.answered()
                self._breaker.answered(attempts.transient + attempts.unsent)
            case Failed(failure):
                if failure.kind is ErrorClass.THROTTLE or failure.timed_out:
                    slots.share.throttled(epoch)
                self._breaker.failed(failure.kind, failure.sameness)
                if self._breaker.exhausted:
                    self.stop(worn_out(failure))
                elif self._breaker.all_alike:
                    self.stop(all_rejected(failure))

    def _watch_clock(self, entry: Entry) -> None:
        if warning := self._clock.warning(entry.answer):
            self.notify(warning, urgent=True)

    def _next(self, failure: Failure, attempts: Attempts) -> Wait | GiveUp:
        if self.stopping:
            # "stopped before the answer" says so already.
            return GiveUp("" if failure.kind is ErrorClass.UNKNOWN else _("stopped"))
        error = failure.error
        return decide(
            failure.kind,
            attempts,
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
        await self._switch.sleep(wait.seconds)

    def _give_up(self, entry: Entry, failure: Failure, why: GiveUp) -> Outcome:
        if failure.kind in _ENDS_THE_RUN:
            self.stop(failure.problem(why))
        return given_up(entry, failure, why._replace(repeats=self._policy.retry_unknown))

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
            currency=job.tariff.currency,
            problem=problem,
            row_id=(job.source or {}).get("row_id"),
        )
