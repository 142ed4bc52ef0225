"""What waits in the queue, for people; and its end where they want it."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from cogview_cli.api.batches import ENDS, Batch, batch_of
from cogview_cli.api.error_codes import ErrorClass
from cogview_cli.errors import CogviewError, ExitCode
from cogview_cli.i18n import _
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.ledger import Ledger, State
from cogview_cli.ledger.queue_parts import Part, PartState
from cogview_cli.outcome import Problem, problem_of
from cogview_cli.queue.elsewhere import queue_of
from cogview_cli.queue.service import QueueFailure, QueueStopped, Service


class Shown(NamedTuple):
    """A part as the list has it; `unsaved`: pictures that are paid and not on disk.

    `state` is the vendor's word for it, or ours as long as there is no batch.
    """

    part: Part
    state: str
    unsaved: int = 0

    @property
    def cost(self) -> Decimal | None:
        """What all of it costs at most."""
        return None if self.part.price is None else self.part.price * self.part.lines


async def look(ledger: Ledger) -> tuple[list[Shown], list[Problem]]:
    """Every part that waits, as far as the vendor says now, and what was in the way."""
    found, problems = [], []
    for part in ledger.parts.open():
        if not part.in_sandbox:
            shown, problem = await _look(ledger, part)
            found += [shown] if part.state != PartState.ENDED or shown.unsaved else []
            problems += [problem] if problem else []
    return found, problems


async def _look(ledger: Ledger, part: Part) -> tuple[Shown, Problem | None]:
    if part.state != PartState.CREATED or part.batch is None:
        return _shown(ledger, part), None
    try:
        async with queue_of(part, ledger, _silent) as queue:
            batch = await queue.service.batch(part.batch)
    except (QueueFailure, CogviewError) as error:
        return _shown(ledger, part), _problem(error, part)
    seen = part._replace(
        status=batch.status or part.status, completed=batch.completed, failed=batch.failed
    )
    return _shown(ledger, seen), None


def _shown(ledger: Ledger, part: Part) -> Shown:
    unsaved = ledger.parts.count(part.id, State.ANSWER)
    created = part.state == PartState.CREATED
    return Shown(part, (part.status if created else None) or part.state, unsaved)


def _silent(text: str) -> None:
    """Nobody listens."""


def _problem(error: QueueFailure | CogviewError, part: Part) -> Problem:
    if isinstance(error, QueueFailure):
        known = error.problem()
        return known._replace(hint=_lost(part)) if error.gone else known
    return error.problem if isinstance(error, QueueStopped) else problem_of(error)


def _lost(part: Part) -> str:
    """What to do about a part that the server does not know."""
    return _(
        "it may be another key's; if its server has lost it: cogview queue cancel --forget {id}",
        id=part.id,
    )


def find(ledger: Ledger, id: str) -> Part | None:
    """The part that waits under this name, ours or the vendor's."""
    return next((part for part in ledger.parts.open() if id in (part.id, part.batch)), None)


async def end(ledger: Ledger, part: Part) -> tuple[Shown, Problem | None]:
    """Ends a part; why it could not be, if it could not. What is made of it stays."""
    try:
        async with queue_of(part, ledger, _silent) as queue:
            if part.state != PartState.CREATED:
                if part.id not in ledger.parts.take_over([part.id]):
                    return _shown(ledger, part), _in_hand()
                if part.state == PartState.CREATING:
                    part = await queue.sender.find(part)
            if part.unsent:
                await queue.sender.drop(part, Message.of("queue-cancelled"))
                return Shown(ledger.parts.get(part.id), PartState.CLOSED), None
            if part.state != PartState.CREATED or part.batch is None:
                return _shown(ledger, part), None
            batch = await _cancel(queue.service, part.batch)
    except (QueueFailure, CogviewError) as error:
        return _shown(ledger, part), _problem(error, part)
    status = batch.status if batch else part.status
    return _shown(ledger, part._replace(status=status)), None


async def _cancel(service: Service, id: str) -> Batch | None:
    """Ends it at the vendor, who refuses that of one that has ended: then nothing is amiss."""
    try:
        return batch_of(await service.ask(lambda: service.client.cancel(id)))
    except QueueFailure as failure:
        if failure.kind is not ErrorClass.BAD_REQUEST:
            raise
        batch = await service.batch(id)
        if batch.status not in ENDS:
            raise
        return batch


def forget_part(ledger: Ledger, part: Part) -> tuple[Shown, Problem | None]:
    """Ends a part here alone: nobody will ever say what became of its requests."""
    if part.id not in ledger.parts.take_over([part.id]):
        return _shown(ledger, part), _in_hand()
    if part.unsent:
        ledger.parts.drop(part.id, Message.of("queue-cancelled"))
    else:
        ledger.parts.settle_rest(part.id, State.UNKNOWN, Message.of("queue-gone"))
        ledger.parts.note(part.id, state=PartState.CLOSED)
    return Shown(ledger.parts.get(part.id), PartState.CLOSED), None


def _in_hand() -> Problem:
    return Problem(
        code="claimed",
        message=_("a running cogview has it in hand"),
        exit_code=ExitCode.TEMPORARY,
        retryable=True,
        hint=_("run it again later"),
    )
