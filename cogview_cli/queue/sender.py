"""A part on its way to the vendor: file, batch, and what to do where an answer was lost.

Nothing is paid before a batch is created. A create is repeated only when it provably did not
happen: it was never sent, the vendor refused it, or the whole list of batches has been without
ours at every look of `ABSENT_SECONDS` (a list may lag behind what it lists).
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable
from pathlib import Path

from cogview_cli.api.batches import (
    CHAT_ENDPOINT,
    IMAGES_ENDPOINT,
    NUMBER_KEY,
    PART_KEY,
    RUN_KEY,
    Batch,
    batch_of,
    is_part,
    request_line,
)
from cogview_cli.api.client import AnswerLost, NotSent
from cogview_cli.api.error_codes import ErrorClass
from cogview_cli.api.protocol import Answer
from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.ledger.queue_parts import Part, PartState
from cogview_cli.queue.service import QueueFailure, QueueFull, QueueStopped, Service
from cogview_cli.queue.spool import REQUESTS, spool, written

ABSENT_SECONDS = (0.0, 5.0, 15.0)
TOO_LARGE = 435
_WRONG_MODEL = "1210"
# What a create meets that may work later: the queue is full, or the account is throttled.
_LATER = (ErrorClass.THROTTLE, ErrorClass.OVERLOAD, ErrorClass.QUOTA, ErrorClass.LATER)


class TooLarge(Exception):
    """The vendor takes no file of this size: the part is undone."""


def file_name(part: Part) -> str:
    """What the vendor is told that a part's file is called."""
    return f"cogview-{part.id}.jsonl"


class PartSender:
    """Takes parts to where the vendor has a batch for them."""

    def __init__(self, service: Service) -> None:
        self._service, self._ledger = service, service.ledger

    async def send(self, part: Part, *, resumed: bool = False) -> Part:
        """The part with its batch.

        `resumed`: an earlier run may have come further than the ledger knows. Raises
        QueueStopped where it has to wait or cannot be, TooLarge, UsageError for a model that
        the queue does not take, QueueFailure where nobody answers.
        """
        if part.state == PartState.CREATING:
            part = await self.find(part)
        if part.state == PartState.NEW:
            part = await self._upload(part, resumed=resumed)
        if part.state == PartState.UPLOADED:
            part = await self._create(part, resumed=resumed)
        return part

    async def find(self, part: Part) -> Part:
        """The part with the batch of a create whose answer was lost, or as not created."""
        self._service.check_key(part)
        for seconds in ABSENT_SECONDS:
            await self._service.sleep(seconds)
            batch = await self._service.find(lambda batch: is_part(batch, part.id, part.file))
            if batch is not None:
                self._service.say(_("batch {id} was made: found again", id=batch.id))
                return await self._created(part, batch)
        return await self._note(part, state=PartState.UPLOADED)

    async def _note(self, part: Part, **columns: object) -> Part:
        return await self._ledger.complete(self._note_now, part.id, columns)

    def _note_now(self, id: str, columns: dict[str, object]) -> Part:
        return self._ledger.parts.note(id, **columns)

    async def drop(self, part: Part, message: Message, code: str = "") -> None:
        """Undoes a part that no batch was made of; its requests may be sent again."""
        await self._ledger.complete(self._ledger.parts.drop, part.id, message, code)
        await self._service.unmark(part)
        spool(self._ledger, part, REQUESTS).unlink(missing_ok=True)
        await self._service.delete(part.file)

    # The file.

    async def _upload(self, part: Part, *, resumed: bool) -> Part:
        name, path = file_name(part), spool(self._ledger, part, REQUESTS)
        found = await self._service.uploaded_before(name) if resumed else None
        if found:
            self._service.say(_("file {id} was uploaded: found again", id=found))
            path.unlink(missing_ok=True)
            await self._service.delete_others(name, found)
            return await self._note(part, state=PartState.UPLOADED, file=found)
        tries = itertools.count()

        def upload() -> Awaitable[Answer]:
            next(tries)
            return self._service.client.upload(path, name)

        try:
            await asyncio.to_thread(write_lines, self._service, part)
            file = self._service.uploaded_file(await self._service.ask(upload))
        except QueueFailure as failure:
            raise await self._not_uploaded(part, failure) from failure
        finally:
            path.unlink(missing_ok=True)
        if next(tries) > 1:  # before the note: once the file is known, no other is looked for
            await self._service.delete_others(name, file)
        return await self._note(part, state=PartState.UPLOADED, file=file)

    async def _not_uploaded(self, part: Part, failure: QueueFailure) -> Exception:
        error = failure.error
        if error and error.status in (413, TOO_LARGE):
            await self.drop(part, failure.message, failure.code)
            return TooLarge()
        if error and (failure.code == _WRONG_MODEL or failure.gone):
            await self.drop(part, failure.message, failure.code)
            return no_queue(part.model, str(failure.message))
        return await self._refused(part, failure)

    async def _refused(self, part: Part, failure: QueueFailure) -> Exception:
        """What may work later leaves the part as it is; else it is undone."""
        if failure.kind not in (None, ErrorClass.UNKNOWN, ErrorClass.TRANSIENT, *_LATER):
            await self.drop(part, failure.message, failure.code)
        return QueueStopped(failure.problem())

    # The batch.

    async def _create(self, part: Part, *, resumed: bool) -> Part:
        for endpoint in (IMAGES_ENDPOINT, CHAT_ENDPOINT):
            # On the disk before the call: from here on there may be a batch.
            part = await self._note(part, state=PartState.CREATING)
            try:
                return await self._create_at(part, endpoint)
            except QueueFailure as failure:
                part = await self._note(part, state=PartState.UPLOADED)
                if failure.kind in _LATER:
                    raise QueueFull(failure.problem()) from failure
                if failure.kind is not ErrorClass.BAD_REQUEST:
                    raise await self._refused(part, failure) from failure
                refusal = failure
                told = _("endpoint {name} was refused: {why}", name=endpoint, why=failure.message)
                self._service.say(told)
        if resumed:  # its file may have gone meanwhile
            part = await self._note(part, state=PartState.NEW, file=None)
            return await self.send(part)
        raise await self._refused(part, refusal)

    async def _create_at(self, part: Part, endpoint: str) -> Part:
        """The part with its batch; QueueFailure where there is surely none."""
        assert part.file is not None
        metadata = {PART_KEY: part.id, RUN_KEY: part.run, NUMBER_KEY: str(part.number)}
        try:
            answer = await self._service.client.create(part.file, endpoint, metadata)
        except NotSent as error:
            raise QueueFailure(error.message) from error
        except AnswerLost as lost:
            return await self._find_lost(part, lost.message)
        if batch := batch_of(answer):
            return await self._created(part, batch)
        return await self._without_batch(part, answer)

    async def _without_batch(self, part: Part, answer: Answer) -> Part:
        failure = self._service.failure(answer)
        if failure.kind in (ErrorClass.UNKNOWN, ErrorClass.TRANSIENT, ErrorClass.NOT_THE_API):
            return await self._find_lost(part, failure.message)
        raise failure

    async def _find_lost(self, part: Part, why: Message) -> Part:
        """The batch of a create whose answer was lost; QueueFailure if there surely is none."""
        self._service.say(_("the answer to a create was lost ({why}): looking for it", why=why))
        try:
            part = await self.find(part)
        except QueueFailure as failure:  # it stays `creating`: the next run looks
            raise QueueStopped(failure.problem()) from failure
        if part.state != PartState.CREATED:
            raise QueueFailure(why)
        return part

    async def _created(self, part: Part, batch: Batch) -> Part:
        return await self._note(
            part, state=PartState.CREATED, batch=batch.id, status=batch.status or None
        )


def write_lines(service: Service, part: Part) -> Path:
    """The part's file of requests, made of what the ledger has of them."""
    path = spool(service.ledger, part, REQUESTS)
    with written(path) as file:
        for entries in service.ledger.parts.lines(part.id):
            file.writelines(request_line(entry.key, entry.body) for entry in entries)
    return path


def no_queue(model: str, why: str) -> UsageError:
    """The queue does not take this model, or there is none."""
    return UsageError(
        _("the queue does not take {model}: {why}", model=model, why=why),
        hint=_("at the full price, without the queue: leave --queue out"),
    )
