"""The lines of the queue's result files."""

from __future__ import annotations

import json
from typing import NamedTuple

from cogview_cli.sandbox.answers import BODIES, FREE, Plain, encode
from cogview_cli.sandbox.faults import Chosen
from cogview_cli.sandbox.messages import error_body
from cogview_cli.sandbox.rules import Refusal


class Result(NamedTuple):
    """What became of one request of a batch."""

    status: int
    body: object


def made(fields: dict[str, object], chosen: Chosen) -> Result:
    """A produced answer, with the fault of its body."""
    return Result(200, _parsed(BODIES.get(chosen.answer, encode)(fields)))


def refused(refusal: Refusal) -> Result:
    """A request that gets an error instead of a picture."""
    body = error_body(refusal.code, refusal.text(english=False))
    return Result(refusal.status, _parsed(body))


def free_fault(chosen: Chosen) -> Plain | None:
    """The answer of a fault that makes nothing."""
    return FREE.get(chosen.answer)


def of_plain(plain: Plain) -> Result:
    return Result(plain.status, _parsed(plain.body))


def _parsed(body: bytes) -> object:
    """JSON as it is, anything else as text."""
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")
    return value


def result_line(batch_id: str, custom_id: str, result: Result, *, odd: bool = False) -> bytes:
    """One line, with its line feed."""
    status: object = str(result.status) if odd else result.status
    fields: dict[str, object] = {
        "response": {"status_code": status, "body": result.body},
        "custom_id": custom_id,
        "id": batch_id,
    }
    if odd:
        fields["error"] = {"code": "1234", "message": "网络错误，错误编号：sandbox"}
    return encode(fields) + b"\n"
