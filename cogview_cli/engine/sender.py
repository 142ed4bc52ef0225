"""One POST and its record: the intent on the disk before, the raw answer right after.

The order is the promise: nothing is read out of an answer that is not on the disk,
so whatever ends the run, the row says how far its request came.
"""

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from cogview_cli.api import dialects, endpoints, tasks
from cogview_cli.api.client import AnswerLost, ApiClient, NotSent
from cogview_cli.api.error_codes import ErrorClass
from cogview_cli.api.links import links_end
from cogview_cli.api.protocol import Answer, ApiError, Reply, decode
from cogview_cli.engine.budget import Budget
from cogview_cli.engine.failure import Failure
from cogview_cli.engine.job import Job
from cogview_cli.engine.pending import still_pending
from cogview_cli.engine.poller import Polled, Poller
from cogview_cli.engine.slots import SlotLease
from cogview_cli.engine.stop import StopSwitch
from cogview_cli.errors import ExitCode, Locked, MachineError
from cogview_cli.i18n import _
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.ledger import SANDBOX_SERVER_ACCOUNT, Entry, Intent, Ledger, State, marks
from cogview_cli.ledger.fallback import write_fallback
from cogview_cli.outcome import Outcome, Status, problem_of
from cogview_cli.pictures.outcomes import outcome_of, unsaved_problem


class Answered(NamedTuple):
    """The try brought an answer with images, and it is kept: they can be saved."""

    entry: Entry


class Failed(NamedTuple):
    """The try brought no image; another one may."""

    failure: Failure
    entry: Entry


class Ended(NamedTuple):
    """Nothing more will be done for this job, and this is how it ended."""

    outcome: Outcome


Result = Answered | Failed | Ended


class Sender:
    """Sends requests to one base URL with one key, and keeps ledger and budget true."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        client: ApiClient,
        budget: Budget,
        base_url: str,
        account: str,
        switch: StopSwitch,
        patience: float = 300.0,
        free: bool = False,
        by_task: bool | None = None,
        poll_seconds: float | None = None,
    ) -> None:
        """`switch` hears why nothing more should be sent.

        `patience`: seconds for a picture. `free`: the profile says that one costs nothing there.
        `by_task`: whether the asynchronous pair is used; None where it is known to be there.
        `poll_seconds` is the poller's.
        """
        self._ledger = ledger
        self._client = client
        self._budget = budget
        self._base_url = base_url
        self._account = account
        self._switch = switch
        self._server = dialects.server_of(base_url, free=free)
        self._by_task = by_task
        self._poller = Poller(
            client, self._server, switch,
            patience=patience, every=poll_seconds,
        )  # fmt: skip
        self.answer_lost = False

    async def intend(self, job: Job, entry: Entry | None) -> Entry:
        """Records that `job` is about to be sent, for the first time or again.

        Raises MachineError, BudgetReached for the day's limit, or Claimed if the ledger has a
        request for the same image.
        """
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, self._client.prepare)  # by then the disk is at work
        entry = await self._record_intent(job, entry)
        await self._mark(entry)
        return entry

    async def _record_intent(self, job: Job, entry: Entry | None) -> Entry:
        if entry is not None:
            await self._ledger.complete(self._ledger.intend_again, entry.id, job.known)
            return entry
        intent = Intent(
            key=job.key,
            body=job.request.body(),
            target=job.target.asked_now().record(),
            price=job.tariff.price_of(job.request.model),
            currency=job.tariff.currency,
            base_url=self._base_url,
            account=self._account,
            namespace=job.namespace,
            source=job.source,
            content=job.content,
            take=job.take,
        )
        return await self._ledger.complete(self._ledger.intend, intent, job.known)

    async def _mark(self, entry: Entry) -> None:
        """Leaves word of the request beside its picture; MachineError if there is no way to."""
        if not marks.wanted(entry):
            return
        try:
            await asyncio.to_thread(marks.put, entry)
        except BaseException as error:
            why = Message.of("stopped-before-sending")
            await self._record(self._ledger.not_sent, entry.id, why)
            marks.drop(entry)
            if isinstance(error, OSError):
                raise unmarked(error) from error
            raise

    async def take_over(self, entry: Entry) -> bool:
        """Whether this process is the one to save the images of `entry`."""
        return entry.id in await self._ledger.call(self._ledger.take_over, [entry.id])

    async def call_off(self, job: Job, entry: Entry) -> None:
        """Takes an intent back: its slot came from a request whose answer was lost."""
        await self._not_sent(job, entry, Message.of("stopped-before-sending"))

    async def post(self, job: Job, entry: Entry, slot: SlotLease) -> Result:
        """Sends the request and puts what came of it into the ledger."""
        began = time.monotonic()
        submits = endpoints.by_task(job.request.model, self._base_url, self._by_task)
        try:
            answer = await (self._submit(job) if submits else self._client.post(job.request))
        except NotSent as error:
            await self._not_sent(job, entry, error.message)
            return Failed(Failure(None, "", error.message), entry)
        except MachineError as error:
            await self._not_sent(job, entry, Message.of_error(error))
            self._switch.stop(problem_of(error))
            return Ended(outcome_of(entry, Status.NOT_SENT, problem=problem_of(error)))
        except AnswerLost as lost:
            if not (submits and lost.partial and tasks.task_in(lost.partial)):
                return await self._lost(job, entry, slot, lost, time.monotonic() - began)
            answer = lost.partial
        found = tasks.submitted(answer, self._server) if submits else None
        if isinstance(found, str):
            return await self._follow(job, entry, slot, found, answer, began)
        return await self._keep(job.price, entry, slot, answer, time.monotonic() - began, found)

    async def _submit(self, job: Job) -> Answer:
        """Hands the request in; where that call turns out not to be there, asks the other way."""
        answer = await self._client.post(job.request, endpoints.SUBMIT)
        if self._by_task is None and tasks.has_no_pair(answer, self._server):
            self._by_task = False
            return await self._client.post(job.request)
        return answer

    async def _follow(
        self, job: Job, entry: Entry, slot: SlotLease, task: str, answer: Answer, began: float
    ) -> Result:
        """The task on the disk before anything else, then its answer."""
        await self._record(self._ledger.pending, entry.id, task, answer)
        entry = entry._replace(state=State.PENDING, task=task)
        return await self.resume(entry, price=job.price, slot=slot, began=began)

    async def resume(
        self, entry: Entry, *,
        price: Decimal = Decimal(0), slot: SlotLease | None = None, began: float | None = None,
    ) -> Result:  # fmt: skip
        """The answer to a request that the server has taken. Sends nothing, costs nothing.

        `price`: what this run has set aside for it. `began`: when it was sent.
        """
        assert entry.task is not None
        if entry.base_url != self._base_url:  # another server would know nothing of it
            return Ended(still_pending(entry, Message.of("no-way-to-ask", url=entry.base_url)))
        try:
            own = entry.account in (self._account, SANDBOX_SERVER_ACCOUNT)
            found = await self._poller.follow(entry.task, at_once=began is None, own=own)
        except asyncio.CancelledError:
            found = tasks.Later(Message.of("stopped-before-answer"))
        if isinstance(found, Polled):
            seconds = time.monotonic() - began if began is not None else time.time() - entry.asked
            return await self._keep(price, entry, slot, found.answer, seconds, found.reply)
        self._budget.mark_unknown(price)
        if isinstance(found, tasks.Gone):
            await self._record(self._ledger.unknown, entry.id, found.why, None)
            return Failed(Failure(ErrorClass.UNKNOWN, "", found.why), entry)
        await self._record(self._ledger.unsaved, entry.id, found.why)
        return Ended(still_pending(entry, found.why))

    async def _lost(
        self, job: Job, entry: Entry, slot: SlotLease, lost: AnswerLost, seconds: float
    ) -> Result:
        if lost.partial and isinstance(decode(lost.partial, self._server), Reply):
            return await self._keep(job.price, entry, slot, lost.partial, seconds)
        self._budget.mark_unknown(job.price)
        await self._record(self._ledger.unknown, entry.id, lost.message, lost.partial)
        return Failed(Failure(ErrorClass.UNKNOWN, "", lost.message), entry)

    async def _keep(
        self, price: Decimal, entry: Entry, slot: SlotLease | None, answer: Answer,
        seconds: float, reply: Reply | ApiError | None = None,
    ) -> Result:  # fmt: skip
        """An answer into the ledger; `reply` is what it means, if that is known already."""
        reply = reply or decode(answer, self._server)
        if isinstance(reply, ApiError):
            await self._refused(price, entry, answer, reply)
            return Failed(Failure(reply.kind, reply.code, reply.message, reply), entry)
        self._budget.charge(price)
        try:
            expires = links_end(answer)
            # The next holder of the slot writes its intent behind this, in the same commit.
            followed = slot is not None and slot.hand_over()
            keep = self._ledger.call_with_next if followed else self._ledger.call
            kept = self._ledger.answer, entry.id, answer, seconds, expires
            return Answered(await keep(*kept))
        except MachineError as error:
            rescued = entry._replace(generate_s=seconds, expires=expires)
            return Ended(self._rescued(rescued, answer, error))
        except asyncio.CancelledError:  # it is kept all the same, for `recover`
            problem = unsaved_problem(Message.of("stopped-before-saving"))
            return Ended(outcome_of(entry, Status.UNSAVED, reply=reply, problem=problem))

    async def _refused(self, price: Decimal, entry: Entry, answer: Answer, error: ApiError) -> None:
        if error.kind is ErrorClass.UNKNOWN:
            self._budget.mark_unknown(price)
            await self._record(self._ledger.unknown, entry.id, error.message, answer, error.code)
            return
        if error.kind is ErrorClass.REFUSED and not error.code:
            # A 200 without a picture: perhaps charged all the same.
            self._budget.mark_unknown(price)
        else:
            self._budget.release(price)
        if error.kind in (ErrorClass.REFUSED, ErrorClass.BAD_REQUEST):
            record = self._ledger.rejected
            await self._record(record, entry.id, answer, error.code, error.message)
        else:
            await self._record(self._ledger.not_sent, entry.id, error.message, error.code)
        if error.code or error.kind is not ErrorClass.REFUSED:
            marks.drop(entry)

    async def _not_sent(self, job: Job, entry: Entry, why: Message) -> None:
        self._budget.release(job.price)
        await self._record(self._ledger.not_sent, entry.id, why)
        marks.drop(entry)

    async def _record(self, method: Callable[..., None], *args: object) -> None:
        """Notes how a try ended; a ledger that cannot take it ends the run, not the outcome.

        The intent stays on the disk, so the next run counts the request as unknown.
        """
        try:
            await self._ledger.keep(method, *args)
        except MachineError as error:
            self._switch.stop(problem_of(error))

    def _rescued(self, entry: Entry, answer: Answer, error: MachineError) -> Outcome:
        """The ledger could not take a paid answer: keep it wherever there is room."""
        self.answer_lost = True
        path = write_fallback(self._ledger.folder, entry, answer)
        problem = problem_of(error)._replace(
            code=Status.UNSAVED,
            message=_(
                "paid, but the answer could not be stored: {why}; it is in {place}",
                why=error.message,
                place=path,
            ),
            exit_code=ExitCode.UNSAVED,
            hint="cogview recover"
            if isinstance(error, Locked)
            else _("free some space, then: cogview recover"),
        )
        outcome = outcome_of(entry, Status.UNSAVED, problem=problem)
        self._switch.stop(outcome.problem or problem)
        return outcome._replace(cost=entry.price)


def unmarked(error: OSError) -> MachineError:
    """The folder of the pictures takes no mark: nothing is sent for it."""
    return MachineError(
        _(
            "nothing can be noted beside the pictures: {why}: '{path}'",
            why=error.strerror or error,
            path=error.filename,
        ),
        hint=_("free some space, or choose a folder that can be written: -o DIR"),
    )
