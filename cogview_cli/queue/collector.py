"""Results on their way into the ledger: a batch looked at, its files read, its end settled."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from cogview_cli.api.batches import (
    ENDS,
    Batch,
    BatchStatus,
    LineError,
    Odd,
    Result,
    read_result,
)
from cogview_cli.api.client import ANSWER_LIMIT
from cogview_cli.api.error_codes import ErrorClass
from cogview_cli.i18n import _, _n
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.ledger import PAID_STATES, Entry, State
from cogview_cli.ledger.queue_parts import ROWS_AT_ONCE, Part, PartState, Settled
from cogview_cli.queue.results import best_counts, is_denied, is_short, salvaged, settled
from cogview_cli.queue.service import QueueFailure, Service
from cogview_cli.queue.spool import RESULTS, spool, written

_MISSING = {
    BatchStatus.EXPIRED: Message.of("queue-expired"),
    BatchStatus.CANCELLED: Message.of("queue-cancelled"),
}

# The vendor keeps result files for 30 days (cogview_cli/api/README.md#batch-queue).
_FILE_GONE = Message.of("queue-file-gone")
# Requests that brought a picture, or may have.
_PERHAPS_MADE = (*PAID_STATES, State.UNKNOWN, State.RESOLVED)


class Collector:
    """Looks at batches, and puts what came of them into the ledger."""

    def __init__(self, service: Service) -> None:
        self._service, self._ledger = service, service.ledger
        self._parts = service.ledger.parts

    async def look(self, part: Part) -> Part:
        """One look at a part that has a batch; what is new is in the ledger then.

        QueueFailure where nobody answers.
        """
        if part.state == PartState.ENDED:
            return await self._look_again(part)
        if part.state != PartState.CREATED:
            return part
        assert part.batch is not None
        try:
            batch = await self._service.batch(part.batch)
        except QueueFailure as failure:
            if not failure.gone or failure.kind is ErrorClass.NOT_THE_API:
                raise
            self._service.check_key(part)
            return await self._gone(part)
        before = part
        completed, failed = best_counts(part, batch)
        part = await self._note(
            part,
            status=batch.status or None,
            completed=completed,
            failed=failed,
            **_files(part, batch),
        )
        done = completed + failed
        if batch.ended:
            return await self._end(before, part, batch)
        if part.output_file and done > part.read:
            await self._read(part, whole=False)
            part = await self._note(part, read=done)
        return part

    async def close(self, part: Part) -> Part:
        """Removes the vendor's files of a part whose pictures are all on disk."""
        wanted = await self._count(part, State.ANSWER, State.PENDING, State.UNKNOWN)
        if part.state != PartState.ENDED or wanted:
            return part
        for id in (part.file, part.output_file, part.error_file):
            if not await self._service.delete(id):
                return part  # the next run tries again
        return await self._note(part, state=PartState.CLOSED)

    async def _note(self, part: Part, **columns: object) -> Part:
        return await self._ledger.complete(self._note_now, part.id, columns)

    def _note_now(self, id: str, columns: dict[str, object]) -> Part:
        return self._parts.note(id, **columns)

    async def _look_again(self, part: Part) -> Part:
        """A part that left requests unknown: its results may be there, or whole, by now."""
        if part.batch is None or not await self._count(part, State.UNKNOWN):
            return part
        try:
            batch = await self._service.batch(part.batch, tries=1)
            part = await self._note(part, **_files(part, batch))
            await self._read(part, whole=True)
        except QueueFailure:  # unknown as before
            return part
        await self._service.unmark(part)
        return part

    async def _count(self, part: Part, *states: State) -> int:
        return await self._ledger.call(self._parts.count, part.id, *states)

    # The end.

    async def _gone(self, part: Part) -> Part:
        """The vendor knows nothing of the batch any more: nobody can say what was made."""
        message = Message.of("queue-gone")
        await self._settle_rest(part, State.UNKNOWN, message)
        return await self._note(part, state=PartState.ENDED)

    async def _end(self, before: Part, part: Part, batch: Batch) -> Part:
        """`before`: the part as the look before this one left it."""
        doubt = await self._read(part, whole=True)
        if doubt is _FILE_GONE:
            self._service.check_key(part)
        left = await self._count(part, State.PENDING)
        short = is_short(part, batch, part.lines - left)
        denied = left > 0 and is_denied(part, batch, await self._count(part, *_PERHAPS_MADE))
        late = short or denied or (left > 0 and doubt is _FILE_GONE)
        if late and before.status not in ENDS:
            self._service.say(_("batch {id} has ended without all of its results", id=batch.id))
            return part  # they may be late: the next look decides
        if doubt or short or denied:
            await self._settle_rest(part, State.UNKNOWN, doubt or _doubt(short=short))
        elif batch.status == BatchStatus.FAILED:
            await self._settle_errors(part, batch.errors)
        else:
            missing = _MISSING.get(BatchStatus(batch.status), Message.of("queue-missing"))
            await self._settle_rest(part, State.NOT_SENT, missing)
        await self._service.unmark(part)
        await self._service.delete(part.file)
        return await self._note(part, state=PartState.ENDED)

    async def _settle_errors(self, part: Part, errors: tuple[LineError, ...]) -> None:
        """A file that the vendor found bad: nothing was made of it."""
        wrong = {error.line: error for error in errors if error.line}
        await self._ledger.complete(self._settle_lines, part.id, wrong)
        told = next((_words(error) for error in errors), Message.of("queue-no-reason"))
        message = Message.of("queue-failed", why=told)
        await self._settle_rest(part, State.NOT_SENT, message)

    async def _settle_rest(self, part: Part, state: State, message: Message) -> None:
        await self._ledger.complete(self._parts.settle_rest, part.id, state, message)

    def _settle_lines(self, part: str, wrong: Mapping[int, LineError]) -> None:
        found = [
            Settled(entry.key, State.NOT_SENT, None, wrong[line].code, _words(wrong[line]))
            for line, entry in self._numbered(part)
            if line in wrong
        ]
        self._parts.settle(part, found)

    def _numbered(self, part: str) -> Iterator[tuple[int, Entry]]:
        line = 0
        for entries in self._parts.lines(part):
            for entry in entries:
                line += 1
                yield line, entry

    # The files.

    async def _read(self, part: Part, *, whole: bool) -> Message | None:
        """Reads the files that are there; why they do not tell of each request, if they do not.

        `whole`: they will not change any more. A line that may be a picture names nobody, or a
        file is gone.
        """
        doubt = None
        for id in filter(None, (part.output_file, part.error_file if whole else None)):
            try:
                doubt = await self._read_one(part, id, whole=whole) or doubt
            except QueueFailure as failure:
                failure.of_part = True
                if not (whole and failure.gone) or failure.kind is ErrorClass.NOT_THE_API:
                    raise
                doubt = _FILE_GONE
        return doubt

    async def _read_one(self, part: Part, id: str, *, whole: bool) -> Message | None:
        path = spool(self._ledger, part, RESULTS)
        try:
            headers = await self._fetch(id, path)
            lost = await self._take(part, path, headers, whole=whole)
        finally:
            path.unlink(missing_ok=True)
        return Message.of("queue-cut") if lost else None

    async def _fetch(self, id: str, path: Path) -> dict[str, str]:
        """Writes a result file to `path`; the headers it came with."""

        async def content() -> object:
            with written(path) as file:
                return await self._service.client.content(id, file)

        answer = await self._service.ask(content)  # type: ignore[arg-type]
        return answer.headers

    async def _take(self, part: Part, path: Path, headers: dict[str, str], *, whole: bool) -> int:
        states = (State.PENDING, State.REJECTED, State.NOT_SENT, State.UNKNOWN)
        reader = _Reader(
            self._service, headers, await self._ledger.call(self._parts.keys, part.id, *states)
        )
        with path.open("rb") as file:
            while found := await asyncio.to_thread(reader.some, file):
                await self._ledger.complete(self._parts.settle, part.id, found)
        if not whole:
            return 0
        cut = [each for odd in reader.odd if (each := salvaged(odd, headers, self._service.server))]
        await self._ledger.complete(self._parts.settle, part.id, cut)
        if reader.doubled:
            self._service.say(
                _n("{count} result came twice", "{count} results came twice", reader.doubled)
            )
        return sum(odd.picture and odd.key is None for odd in reader.odd)


class _Reader:
    """Reads a result file a few hundred lines at a time."""

    def __init__(self, service: Service, headers: dict[str, str], open_keys: set[str]) -> None:
        self._server, self._headers, self._open = service.server, headers, open_keys
        self._seen: set[str] = set()
        self.odd: list[Odd] = []
        self.doubled = 0

    def some(self, file: BinaryIO) -> list[Settled]:
        """What the next lines settle; empty at the end of the file."""
        found: list[Settled] = []
        while len(found) < ROWS_AT_ONCE and (line := file.readline(ANSWER_LIMIT)):
            if each := self._settled(read_result(line, self._headers)):
                found.append(each)
        return found

    def _settled(self, result: Result | Odd | None) -> Settled | None:
        if isinstance(result, Odd):
            self.odd.append(result)
        if not isinstance(result, Result):
            return None
        found = settled(result, self._server)
        first = result.key not in self._seen
        self._seen.add(result.key)
        self.doubled += not first
        # A picture may come after an error for the same request.
        if result.key not in self._open or not (first or found.state == State.ANSWER):
            return None
        if found.state == State.ANSWER:
            self._open.discard(result.key)
        return found


def _files(part: Part, batch: Batch) -> dict[str, object]:
    """The ids of the result files; one that was named is not forgotten."""
    return {
        "output_file": batch.output_file or part.output_file,
        "error_file": batch.error_file or part.error_file,
    }


def _words(error: LineError) -> Message:
    if not error.code:
        return Message.said(error.message)
    return Message.of("coded", code=error.code, what=Message.said(error.message))


def _doubt(*, short: bool) -> Message:
    """Why nobody can say what came of the requests that no result names."""
    return Message.of("queue-short") if short else Message.of("queue-denied")
