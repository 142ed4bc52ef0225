"""The queue's calls with patience: what costs nothing is asked again, a create never is."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from cogview_cli.api.batches import Batch, batch_of, file_id, read_object, read_page
from cogview_cli.api.client import AnswerLost, NotSent
from cogview_cli.api.dialects import Server
from cogview_cli.api.error_codes import ErrorClass
from cogview_cli.api.protocol import Answer, ApiError, decode
from cogview_cli.api.queue_client import QueueClient
from cogview_cli.engine.failure import Failure
from cogview_cli.engine.retry import GiveUp, backoff
from cogview_cli.errors import CogviewError, ExitCode
from cogview_cli.i18n import _
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.ledger import Ledger, State, marks
from cogview_cli.ledger.queue_parts import Part
from cogview_cli.outcome import Problem

TRIES = 4
RETRY_BASE = 0.5
LONGEST_RETRY_AFTER = 60.0
_AGAIN = (
    ErrorClass.TRANSIENT,
    ErrorClass.THROTTLE,
    ErrorClass.OVERLOAD,
    ErrorClass.UNKNOWN,
)
_GONE = (404, 410)


class QueueFailure(Exception):
    """A call that brought nothing; `error` is what the server said, None if it did not answer.

    `gone`: what was asked for is not there. `of_part`: other parts may fare better.
    """

    of_part = False

    def __init__(self, message: Message, error: ApiError | None = None, *, gone: bool = False):
        super().__init__(message)
        self.message, self.error, self.gone = message, error, gone

    @property
    def kind(self) -> ErrorClass | None:
        """How to treat it; None where nothing was answered."""
        return self.error.kind if self.error else None

    @property
    def code(self) -> str:
        return self.error.code if self.error else ""

    @property
    def retry_after(self) -> float | None:
        return self.error.retry_after if self.error else None

    def problem(self) -> Problem:
        """What to tell the user: nothing of it has cost anything."""
        kind = None if self.kind is ErrorClass.UNKNOWN else self.kind
        words = Failure(kind, self.code, self.message, self.error)
        return words.problem(GiveUp())


class QueueStopped(CogviewError):
    """The queue cannot be used now; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message, hint=problem.hint)
        self.problem = problem

    @property
    def exit_code(self) -> ExitCode:  # type: ignore[override]
        return self.problem.exit_code


class QueueFull(QueueStopped):
    """The queue takes no more for now, at least not as much."""


def other_key(part: Part) -> Problem:
    """Only the account that a part was sent with can tell what became of it."""
    return Problem(
        code="queue",
        message=_(
            "part {id} of the queue is at {url}: this run has another base URL or key",
            id=part.id,
            url=part.base_url,
        ),
        exit_code=ExitCode.TEMPORARY,
        hint=_("set that key and base URL, for example in a profile, and run it again"),
    )


def _is_named(entry: Any, name: str) -> bool:
    return isinstance(entry, dict) and entry.get("filename") == name and bool(entry.get("id"))


class Service(NamedTuple):
    """One server's queue, and the ledger that knows of it.

    `account`: the key, as the ledger names it. `say` hears what is of interest under -v;
    `sleep` waits, less if the run is stopped.
    """

    client: QueueClient
    ledger: Ledger
    server: Server
    account: str
    say: Callable[[str], None]
    sleep: Callable[[float], Awaitable[None]]

    async def unmark(self, part: Part) -> None:
        """Takes back the marks of requests of a part that cost nothing: other machines may ask."""
        states = (State.NOT_SENT, State.REJECTED)
        found = self.ledger.parts.entries(part.id, *states)
        while entries := await self.ledger.call(next, found, None):
            free = [entry for entry in entries if not entry.perhaps_paid]
            await asyncio.to_thread(marks.drop_all, free)

    def check_key(self, part: Part) -> None:
        """QueueStopped where what this key does not see may be there all the same."""
        if part.account != self.account:
            raise QueueStopped(other_key(part))

    async def ask(self, call: Callable[[], Awaitable[Answer]], tries: int = TRIES) -> Answer:
        """The answer to a call that costs nothing; QueueFailure if none of the tries worked."""
        for tried in range(1, tries + 1):
            try:
                return await self.once(call)
            except QueueFailure as failure:
                again = failure.kind is None or failure.kind in _AGAIN
                late = (failure.retry_after or 0.0) > LONGEST_RETRY_AFTER
                if failure.gone or late or not again or tried == tries:
                    raise
                own = backoff(tried, RETRY_BASE, random.uniform)
                await self.sleep(max(own, failure.retry_after or 0.0))
        raise AssertionError("tries is at least 1")

    async def once(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer to one call; QueueFailure for none, or one that refuses."""
        try:
            answer = await call()
        except (NotSent, AnswerLost) as error:
            raise QueueFailure(error.message) from error
        if answer.status // 100 == 2:
            return answer
        raise self.failure(answer)

    def failure(self, answer: Answer) -> QueueFailure:
        """An answer that went wrong, or is not what was asked for."""
        found = decode(answer, self.server)
        if isinstance(found, ApiError):
            return QueueFailure(found.message, found, gone=answer.status in _GONE)
        said = Message.of("no-queue-answer")
        return QueueFailure(said, ApiError(ErrorClass.UNKNOWN, "", said, answer.status))

    async def batch(self, id: str, tries: int = TRIES) -> Batch:
        """How far a batch is."""
        answer = await self.ask(lambda: self.client.batch(id), tries)
        batch = batch_of(answer)
        if batch is None:
            raise self.failure(answer)
        return batch

    async def find(self, wanted: Callable[[Batch], bool]) -> Batch | None:
        """The first batch of the whole list that is `wanted`; None if there is surely none."""
        after, seen = None, set[str]()
        while True:
            answer = await self.ask(lambda after=after: self.client.batches(after))  # type: ignore[misc]
            page = read_page(answer)
            if page is None:
                raise self.failure(answer)
            if found := next(filter(wanted, page.batches), None):
                return found
            if page.after is None:
                return None
            if page.after in seen:  # a list that goes round in circles has not been seen whole
                raise QueueFailure(Message.of("no-queue-answer"))
            seen.add(page.after)
            after = page.after

    async def uploaded_before(self, name: str) -> str | None:
        """The id of a file of this name that the vendor has; None where that cannot be told."""
        return next(iter(await self._uploaded(name)), None)

    async def delete_others(self, name: str, file: str) -> None:
        """Deletes what uploads of this name have left whose answers were lost; keeps `file`."""
        for id in await self._uploaded(name):
            if id != file:
                await self.delete(id)

    async def _uploaded(self, name: str) -> list[str]:
        try:
            found = read_object(await self.ask(self.client.files, 1))
        except QueueFailure:
            return []
        data = found.get("data") if found else None
        listed = data if isinstance(data, list) else []
        return [str(entry["id"]) for entry in listed if _is_named(entry, name)]

    async def delete(self, id: str | None) -> bool:
        """Whether a file is gone; nothing hangs on it."""
        if id is None:
            return True
        try:
            await self.ask(lambda: self.client.delete(id), 2)
        except QueueFailure as failure:
            return failure.gone
        return True

    def uploaded_file(self, answer: Answer) -> str:
        """The id in the answer to an upload."""
        id = file_id(answer)
        if id is None:
            raise self.failure(answer)
        return id
