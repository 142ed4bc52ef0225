"""What the lines of a result file mean for the requests of a part. Pure."""

from __future__ import annotations

from cogview_cli.api.batches import Batch, BatchStatus, Odd, Result
from cogview_cli.api.dialects import Server
from cogview_cli.api.error_codes import CODES, ErrorClass
from cogview_cli.api.links import links_end
from cogview_cli.api.protocol import Answer, ApiError, Reply, decode
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.ledger import State
from cogview_cli.ledger.queue_parts import Part, Settled


def settled(result: Result, server: Server) -> Settled:
    """How the request of a result line ended, as it would have without the queue."""
    found = decode(result.answer, server)
    if isinstance(found, Reply):
        expires = links_end(result.answer)
        return Settled(result.key, State.ANSWER, result.answer, expires=expires)
    return Settled(result.key, _state(found, result), result.answer, found.code, found.message)


def _state(error: ApiError, result: Result) -> State:
    """The vendor charges what it made: an error it speaks of itself cost nothing."""
    if result.failed and error.code not in CODES:
        return State.NOT_SENT
    if error.kind in (ErrorClass.REFUSED, ErrorClass.BAD_REQUEST):
        return State.REJECTED
    perhaps = error.kind is ErrorClass.UNKNOWN and result.answer.status < 400
    return State.UNKNOWN if perhaps else State.NOT_SENT


def salvaged(odd: Odd, headers: dict[str, str], server: Server) -> Settled | None:
    """The end of a request whose line was cut, where the line names it."""
    if odd.key is None:
        return None
    answer = Answer(200, headers, odd.raw, whole=False)
    if isinstance(decode(answer, server), Reply):
        return Settled(odd.key, State.ANSWER, answer, expires=links_end(answer))
    return Settled(odd.key, State.UNKNOWN, answer, message=Message.of("answer-cut"))


def best_counts(before: Part, batch: Batch) -> tuple[int, int]:
    """Completed and failed as the batch counts them, or an earlier look did if it saw more.

    What was made is not undone by a batch that ends with counts of 0.
    """
    now, then = (batch.completed, batch.failed), (before.completed, before.failed)
    return max(now, then, key=sum)


def is_denied(part: Part, batch: Batch, pictures: int) -> bool:
    """Whether an ended batch denies what is known of it: then its counts prove nothing.

    `part`: as the best of the looks has left it. `pictures`: requests of which a picture came,
    or may have. A file that the vendor finds bad has neither pictures nor results.
    """
    failed = batch.status == BatchStatus.FAILED
    known = max(pictures, part.completed)
    return known > batch.completed or (failed and part.output_file is not None)


def is_short(before: Part, batch: Batch, told: int) -> bool:
    """Whether an ended batch counts more as done than the `told` requests of its results.

    What it made is charged, so such a rest is not to be sent again. Without counts a completed
    batch has to tell of every request; `before` may hold a higher count of an earlier look.
    """
    counted = sum(best_counts(before, batch))
    if batch.status == BatchStatus.COMPLETED and not (batch.total or counted):
        counted = before.lines
    return min(counted, before.lines) > told
