"""How a request ends that brought no picture: given up, or still with the server."""

from __future__ import annotations

from cogview_cli.api.error_codes import ErrorClass
from cogview_cli.engine.failure import Failure
from cogview_cli.engine.retry import GiveUp
from cogview_cli.errors import ExitCode
from cogview_cli.i18n import _
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.ledger import Entry, State
from cogview_cli.outcome import Outcome, Problem, Status
from cogview_cli.pictures.outcomes import outcome_of

_STATUSES = {
    ErrorClass.REFUSED: Status.REFUSED,
    ErrorClass.UNKNOWN: Status.UNKNOWN,
    None: Status.NOT_SENT,
}


def given_up(entry: Entry, failure: Failure, why: GiveUp) -> Outcome:
    """The outcome of a try that brought no picture and is not repeated."""
    status = _STATUSES.get(failure.kind, Status.FAILED)
    outcome = outcome_of(entry, status, problem=failure.problem(why))
    if error := failure.error:
        outcome = outcome._replace(content_filter=error.content_filter, request_id=error.request_id)
    return outcome._replace(lost=int(failure.perhaps_paid))


def still_pending(entry: Entry, why: Message) -> Outcome:
    """The outcome of a request that the server has taken and not answered yet."""
    problem = Problem(
        code=State.PENDING,
        message=_("the server has it as task {task}: {why}", task=entry.task, why=why),
        exit_code=ExitCode.UNSAVED,
        retryable=True,
        hint=_("cogview recover, free: it asks for the answer again"),
        reason=str(why),
    )
    # Perhaps paid: whether it was shows when the answer is there.
    return outcome_of(entry, Status.UNSAVED, problem=problem)._replace(lost=1)
