"""What the asynchronous pair says: a task that was taken, and how far it is. No I/O.

The OpenAPI calls the two answers `AsyncResponse` and `AsyncImageGenerationResponse`; a failed
task's words are not documented (cogview_cli/api/README.md#async-calls).
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from cogview_cli.api.dialects import Server, is_sandbox
from cogview_cli.api.error_codes import CODES, ErrorClass
from cogview_cli.api.image_refs import parse, unicode_text
from cogview_cli.api.protocol import Answer, ApiError, Reply, decode
from cogview_cli.i18n.stored_messages import Message

_DONE, _FAILED = ("SUCCESS", "SUCCEEDED"), ("FAIL", "FAILED")
_LONGEST_ID = 200
# In an answer that was cut behind it.
_ID = rb'[{,]\s*"id"\s*:\s*"([^"\\\x00-\x1f]{1,200})"'
# The vendor's words for a call that is not there, or not for this model.
_NO_CALL = ("1212", "1221", "1222")


class Later(NamedTuple):
    """There is no answer yet, or this question for it failed.

    `seconds`: how long the server asks to wait. `useless`: asking again would not help now.
    """

    why: Message
    seconds: float | None = None
    useless: bool = False


class Gone(NamedTuple):
    """The server does not know the task."""

    why: Message


def task_in(answer: Answer) -> str | None:
    """The id of the task that a submit's answer names, also where the rest was cut off."""
    if answer.status // 100 != 2:
        return None
    for body in parse(answer.raw):
        id = body.get("id") if isinstance(body, dict) else None
        # Dots alone would lead elsewhere in a path.
        if isinstance(id, str | int) and not isinstance(id, bool) and str(id).strip(" ."):
            return unicode_text(id)[:_LONGEST_ID]
    found = None if answer.whole else re.search(_ID, answer.raw)
    return found[1].decode("utf-8", "replace") if found else None


def submitted(answer: Answer, server: Server) -> str | Reply | ApiError:
    """The id of the task that a submit has brought, or an end that it is already."""
    found = decode(answer, server)
    if isinstance(found, Reply):
        return found
    if status_of(answer) in _FAILED:
        return _failure(found, answer, server)
    return task_in(answer) or found


def has_no_pair(answer: Answer, server: Server) -> bool:
    """Whether a submit's answer says that this call is not there: nothing was made."""
    if answer.status in (404, 405, 501):
        return True
    found = decode(answer, server)
    return isinstance(found, ApiError) and found.code in _NO_CALL


def outcome(answer: Answer, server: Server) -> Reply | ApiError | Later | Gone:
    """How far a task is, by the answer to a poll. Never raises, whatever the bytes are."""
    found, status = decode(answer, server), status_of(answer)
    if isinstance(found, Reply) or status in _DONE:
        return found if answer.whole or isinstance(found, Reply) else Later(found.message)
    if status in _FAILED:
        return _failure(found, answer, server)
    if status:
        return Later(Message.of("task-running"), found.retry_after)
    return _without_status(found)


def status_of(answer: Answer) -> str:
    """`task_status` in upper case, empty where there is none."""
    for body in parse(answer.raw):
        if isinstance(body, dict) and (status := _said(body)):
            return status
    return ""


def _said(body: dict[str, Any]) -> str:
    status = body.get("task_status")
    return status.strip().upper() if isinstance(status, str) else ""


def _failure(error: ApiError, answer: Answer, server: Server) -> ApiError:
    """A failed task by its code; without one the vendor's word is enough: nothing was made."""
    own = server.vendor or is_sandbox(answer.headers, server)
    if error.kind is not ErrorClass.UNKNOWN or error.code in CODES:
        return error
    kind = ErrorClass.LATER if own else ErrorClass.UNKNOWN
    nothing_said = error.message.name in ("no-image", "answer-cut")
    message = Message.of("task-failed") if nothing_said else error.message
    return error._replace(kind=kind, message=message)


def _without_status(error: ApiError) -> ApiError | Later | Gone:
    """An answer that is none of a task's: about the question, not about the picture."""
    if error.kind is ErrorClass.REFUSED and error.code:
        return error
    if error.kind is ErrorClass.BAD_REQUEST and error.status >= 400:
        return Gone(error.message)
    # A 404 without a code is a gateway's: the vendor may know the task all the same.
    return Later(error.message, error.retry_after, useless=error.kind is ErrorClass.ACCOUNT)
