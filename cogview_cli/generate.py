"""One request from start to finish: slot, budget, intent, POST, answer, images.

The order is the promise: the intent is on the disk before the POST, the raw answer
before anything is read out of it (reference/faults.md §4).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from cogview_cli import links, models
from cogview_cli.budget import Budget
from cogview_cli.client import AnswerLost, ApiClient, NotSent
from cogview_cli.codes import Kind
from cogview_cli.errors import CogviewError, ExitCode, MachineError, Temporary
from cogview_cli.failure import Failure, all_rejected, claimed, over_budget, worn_out
from cogview_cli.finish import Finisher, outcome_of
from cogview_cli.health import Health
from cogview_cli.i18n import _
from cogview_cli.job import Job
from cogview_cli.ledger import Claimed, Entry, Intent, Ledger
from cogview_cli.outcome import Outcome, Problem, problem_of
from cogview_cli.rescue import rescue
from cogview_cli.retry import GiveUp, Policy, Tally, Wait, decide
from cogview_cli.slots import Held, Slots
from cogview_cli.wire import Answer, ApiError, Reply, decode


class Notify(Protocol):
    """Hears what takes time or was retried; `urgent`: people should know at once."""

    def __call__(self, text: str, *, urgent: bool = False) -> None: ...


def _silent(text: str, *, urgent: bool = False) -> None:
    """Nobody listens."""


# After one of these no other request of the run would fare better.
_ENDS_THE_RUN = {Kind.ACCOUNT, Kind.QUOTA, Kind.NOT_THE_API}


class Generator:
    """Runs jobs against one base URL with one key, within slots and budget."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        client: ApiClient,
        finisher: Finisher,
        slots: Callable[[str], Slots],
        budget: Budget,
        policy: Policy,
        base_url: str,
        account: str,
        notify: Notify = _silent,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._ledger = ledger
        self._client = client
        self._finisher = finisher
        self._slots = slots
        self._budget = budget
        self._policy = policy
        self._base_url = base_url
        self._account = account
        self.notify = notify
        self._uniform = uniform
        self._health = Health()
        self._probe = asyncio.Lock()
        self._stopping = asyncio.Event()
        self.stop_reason: Problem | None = None
        self.in_flight = 0
        self._answer_lost = False

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
        tally, entry = Tally(), None
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
                if result.kind is Kind.UNKNOWN:
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
        return await self._finisher.resuming().finish(entry)

    async def _try(
        self, job: Job, entry: Entry | None, tally: Tally
    ) -> tuple[Entry | None, Outcome | Entry | Failure]:
        slots = self._slots(job.request.model)
        async with self._turn(), slots.hold(self._stopping) as slot:
            if self._stopping.is_set():
                return entry, self.never_sent(job, entry)
            if not self._budget.reserve(job.price):
                self.stop(over_budget(self._budget))
                return entry, self.never_sent(job, entry)
            try:
                entry = await self._intend(job, entry)
            except (CogviewError, Claimed) as error:
                self._budget.free(job.price)
                return entry, self._not_intended(job, entry, error)
            if self._answer_lost:
                return entry, await self._called_off(job, entry)
            self.in_flight += 1
            try:
                result = await self._post(job, entry, slot)
            finally:
                self.in_flight -= 1
            self._learn(result, slots, slot.epoch, tally)
            return entry, result

    async def _called_off(self, job: Job, entry: Entry) -> Outcome:
        """The slot came from a request whose answer the ledger could not take: no POST."""
        self._budget.free(job.price)
        await self._record(self._ledger.not_sent, entry.id, "stopped before it was sent")
        return self.never_sent(job, entry)

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
        return self._outcome(job, None, "not_sent", claimed())

    def _learn(
        self, result: Outcome | Entry | Failure, slots: Slots, epoch: int, tally: Tally
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

    async def _intend(self, job: Job, entry: Entry | None) -> Entry:
        if entry is not None:
            await self._ledger.call(self._ledger.intend_again, entry.id, job.known)
            return entry
        intent = Intent(
            key=job.key,
            body=job.request.body(),
            target=job.target.record(),
            price=models.price_of(job.request.model),
            currency=models.CURRENCY,
            base_url=self._base_url,
            account=self._account,
            namespace=job.namespace,
            source=job.source,
        )
        return await self._ledger.call(self._ledger.intend, intent, job.known)

    async def _post(self, job: Job, entry: Entry, slot: Held) -> Outcome | Entry | Failure:
        """Sends the request and puts what came of it into the ledger."""
        began = time.monotonic()
        try:
            answer = await self._client.post(job.request)
        except NotSent as error:
            return await self._not_sent(job, entry, Failure(None, "", str(error)))
        except MachineError as error:
            await self._not_sent(job, entry, Failure(None, "", error.message))
            self.stop(problem_of(error))
            return self._outcome(job, entry, "not_sent", problem_of(error))
        except AnswerLost as lost:
            return await self._lost(job, entry, slot, lost, time.monotonic() - began)
        return await self._keep(job, entry, slot, answer, time.monotonic() - began)

    async def _lost(
        self, job: Job, entry: Entry, slot: Held, lost: AnswerLost, seconds: float
    ) -> Outcome | Entry | Failure:
        if lost.partial and isinstance(decode(lost.partial), Reply):
            return await self._keep(job, entry, slot, lost.partial, seconds)
        self._budget.lost(job.price)
        await self._record(self._ledger.unknown, entry.id, str(lost), lost.partial)
        return Failure(Kind.UNKNOWN, "", str(lost))

    async def _keep(
        self, job: Job, entry: Entry, slot: Held, answer: Answer, seconds: float
    ) -> Outcome | Entry | Failure:
        reply = decode(answer)
        if isinstance(reply, ApiError):
            return await self._refused(job, entry, answer, reply)
        self._budget.paid(job.price)
        try:
            expires = _expiry(reply)
            keep = self._ledger.answer
            # Who gets the slot writes its intent behind this: both in one commit, or neither.
            slot.pass_on()
            return await self._ledger.call(keep, entry.id, answer, seconds, expires)
        except MachineError as error:
            return self._rescued(job, entry, answer, error)

    async def _refused(self, job: Job, entry: Entry, answer: Answer, error: ApiError) -> Failure:
        failure = Failure(error.kind, error.code, error.message, error)
        if error.kind is Kind.UNKNOWN:
            self._budget.lost(job.price)
            await self._record(self._ledger.unknown, entry.id, error.message, answer, error.code)
            return failure
        if error.kind is Kind.REFUSED and not error.code:
            self._budget.lost(job.price)  # a 200 without a picture: perhaps charged all the same
        else:
            self._budget.free(job.price)
        if error.kind in (Kind.REFUSED, Kind.BAD_REQUEST):
            record = self._ledger.rejected
            await self._record(record, entry.id, answer, error.code, error.message)
            return failure
        await self._record(self._ledger.not_sent, entry.id, error.message, error.code)
        return failure

    async def _not_sent(self, job: Job, entry: Entry, failure: Failure) -> Failure:
        self._budget.free(job.price)
        await self._record(self._ledger.not_sent, entry.id, failure.message)
        return failure

    async def _record(self, method: Callable[..., None], *args: object) -> None:
        """Notes how a try ended; a ledger that cannot take it ends the run, not the outcome.

        The intent stays on the disk, so the next run counts the request as unknown.
        """
        try:
            await self._ledger.call(method, *args)
        except MachineError as error:
            self.stop(problem_of(error))

    def _rescued(self, job: Job, entry: Entry, answer: Answer, error: MachineError) -> Outcome:
        """The ledger could not take a paid answer: keep it wherever there is room."""
        self._answer_lost = True
        path = rescue(entry.id, answer)
        problem = problem_of(error)._replace(
            code="unsaved",
            message=_(
                "paid, but the answer could not be stored: {why}; it is in {place}",
                why=error.message,
                place=path,
            ),
            exit_code=ExitCode.UNSAVED,
            hint=_("free some space, then: cogview recover"),
        )
        self.stop(problem)
        return self._outcome(job, entry, "unsaved", problem)._replace(cost=job.price)

    def _next(self, failure: Failure, tally: Tally) -> Wait | GiveUp:
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
        status = {Kind.REFUSED: "refused", Kind.UNKNOWN: "unknown", None: "not_sent"}
        outcome = self._outcome(job, entry, status.get(failure.kind, "failed"), problem)
        filters = failure.error.content_filter if failure.error else ()
        return outcome._replace(content_filter=filters)

    def never_sent(self, job: Job, entry: Entry | None = None) -> Outcome:
        """The outcome of a job that the end of the run came before."""
        return self._outcome(job, entry, "not_sent", self.stop_reason)

    def _outcome(
        self, job: Job, entry: Entry | None, status: str, problem: Problem | None
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


def _expiry(reply: Reply) -> float | None:
    """When the first of the answer's links dies, Unix seconds."""
    known = (links.expiry(ref.url) for ref in reply.images if ref.url)
    return min((at for at in known if at is not None), default=None)
