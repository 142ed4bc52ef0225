"""How items of the vendor's queue ended, or that they have not. Pure."""

from __future__ import annotations

from cogview_cli.api.dialects import kind_of
from cogview_cli.api.error_codes import CODES, ErrorClass
from cogview_cli.batch.item import Item
from cogview_cli.engine.failure import Failure
from cogview_cli.engine.retry import GiveUp
from cogview_cli.errors import ExitCode
from cogview_cli.i18n import _
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.ledger import Entry, State
from cogview_cli.outcome import Outcome, Problem, Status


def not_sent(item: Item, problem: Problem | None) -> Outcome:
    """The outcome of an item that went nowhere."""
    return item.outcome(Status.NOT_SENT, problem)


def in_queue(*, unsent: bool = False) -> Problem:
    """A picture that the vendor has not made yet; `unsent`: nor been asked for."""
    collects = _("the same command again collects it; cogview queue shows how far it is")
    sends = _("the same command again sends it")
    return Problem(
        code=Status.QUEUED,
        message=_("not sent yet") if unsent else _("it waits in the vendor's queue"),
        exit_code=ExitCode.TEMPORARY,
        retryable=True,
        hint=sends if unsent else collects,
    )


def ended_outcome(item: Item, entry: Entry) -> Outcome:
    """The outcome of a request of the queue that brought no picture."""
    code, message = entry.code or "", entry.message or Message.said("")
    kind = _kind(entry, code)
    problem = Failure(kind, code, message).problem(GiveUp())
    if kind is None:
        problem = problem._replace(code="queue", hint=_("the same command again sends it"))
    statuses = {
        ErrorClass.REFUSED: Status.REFUSED,
        ErrorClass.BAD_REQUEST: Status.FAILED,
        ErrorClass.UNKNOWN: Status.UNKNOWN,
    }
    status = statuses.get(kind, Status.NOT_SENT) if kind else Status.NOT_SENT
    found = item.outcome(status, problem)
    lost = int(status == Status.REFUSED and not code)
    return found._replace(id=entry.id, price=entry.price, lost=lost)


def _kind(entry: Entry, code: str) -> ErrorClass | None:
    """How the request ended; None for what may simply be sent again."""
    if entry.state == State.UNKNOWN:
        return ErrorClass.UNKNOWN
    if entry.state == State.REJECTED and not code:
        rejected = entry.status is not None and entry.status >= 400
        return ErrorClass.BAD_REQUEST if rejected else ErrorClass.REFUSED
    if entry.state == State.REJECTED:
        return kind_of(code) or ErrorClass.BAD_REQUEST
    return CODES[code].kind if code in CODES else None
