"""What is told of a paid picture: the outcome of its request, and why it is not here. Pure."""

from __future__ import annotations

from typing import Any

from cogview_cli.api.protocol import Reply
from cogview_cli.errors import ExitCode
from cogview_cli.i18n import _
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.ledger import UNVERIFIED, Entry, State
from cogview_cli.outcome import Outcome, Problem, SavedFile, Status
from cogview_cli.pictures.failure import hint_for

BUG = "bug"
HINTS: dict[str, str] = {
    State.EXPIRED: _("the link has expired; it cannot be fetched any more"),
    UNVERIFIED: _("look at what arrived: the same came twice, so fetching it again is of no use"),
    BUG: _("this is a bug: cogview recover --debug shows where; please report it"),
}


def unsaved_problem(
    message: Message, *, code: str = Status.UNSAVED, final: bool = False, id: str = "ID"
) -> Problem:
    """What to tell the user of a picture that is paid and not on disk; `id` of its request."""
    hint = _("trying again cannot help; to end it: cogview history resolve {id} --drop", id=id)
    return Problem(
        code=code,
        message=_("paid, not saved: {why}", why=message),
        exit_code=ExitCode.UNSAVED,
        retryable=not final and code not in (State.EXPIRED, UNVERIFIED),
        hint=HINTS.get(code) or hint_for(message) or (hint if final else "cogview recover"),
        reason=str(_cause(message)),
    )


def of_sandbox(problem: Problem) -> Problem:
    """The same for a picture of an in-process sandbox, which nobody can ask once it has ended."""
    if problem.code not in (Status.UNSAVED, State.PENDING, BUG):
        return problem
    hint = _("the sandbox's pictures end with it: run the same command again")
    return problem._replace(hint=hint, retryable=False)


def _cause(message: Message) -> Message | str:
    """The message without the file that it names, which is another for each picture."""
    return message.values["why"] if message.name == "bytes-kept" else message


def outcome_of(
    entry: Entry,
    status: Status,
    *,
    reply: Reply | None = None,
    files: list[SavedFile] | None = None,
    problem: Problem | None = None,
) -> Outcome:
    """The outcome of a request the ledger knows."""
    if problem and entry.in_sandbox and status == Status.UNSAVED:
        problem = of_sandbox(problem)
    fields: dict[str, Any] = entry.target.get("fields", {})
    return Outcome(
        status=status,
        row=int(fields.get("index", 1)),
        n=int(fields.get("n", 1)),
        prompt=entry.body["prompt"],
        model=entry.body["model"],
        size=entry.body.get("size"),
        id=entry.id,
        price=entry.price,
        cost=entry.price if reply else None,
        currency=entry.currency,
        files=tuple(files or ()),
        content_filter=reply.content_filter if reply else (),
        problem=problem,
        seconds=entry.generate_s,
        row_id=(entry.source or {}).get("row_id"),
        request_id=reply.request_id if reply else None,
        sandbox=entry.by_sandbox,
    )
