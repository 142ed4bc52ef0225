"""From a kept answer to checked images on disk. Costs nothing, may be repeated at will.

`gen`, `batch` and `recover` all end here.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from cogview_cli.api import image_urls
from cogview_cli.api.image_refs import ImageRef
from cogview_cli.api.links import are_dead
from cogview_cli.api.protocol import ApiError, Reply, decode
from cogview_cli.disk.atomic import publish
from cogview_cli.disk.destination import Target
from cogview_cli.disk.names import with_number
from cogview_cli.errors import ExitCode, MachineError
from cogview_cli.i18n import _
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.ledger import Entry, Ledger, State, marks
from cogview_cli.outcome import Outcome, Problem, SavedFile, Status
from cogview_cli.pictures import sidecar
from cogview_cli.pictures.convert import convert
from cogview_cli.pictures.download import Downloader, DownloadFailed, Fetched, store_base64
from cogview_cli.pictures.verify import SUFFIXES


class ImageSaver:
    """Downloads, checks and publishes the images of answers that the ledger holds."""

    def __init__(self, ledger: Ledger, downloader: Downloader, *, resuming: bool = False) -> None:
        """`resuming`: a file of the same content under the wanted name is taken as ours."""
        self._ledger = ledger
        self._downloader = downloader
        self._resuming = resuming

    def resuming(self) -> ImageSaver:
        """This saver for what an earlier run may have begun."""
        return ImageSaver(self._ledger, self._downloader, resuming=True)

    async def finish(self, entry: Entry) -> Outcome:
        """Saves every image of `entry`; never raises for what can go wrong outside."""
        assert entry.answer is not None
        reply = decode(entry.answer)
        if isinstance(reply, ApiError):
            return outcome_of(entry, Status.UNKNOWN, problem=_unreadable(reply))
        files = [SavedFile(**record) for record in entry.files]
        try:
            await self._finish_all(entry, reply, files)
            records = [file._asdict() for file in files]
            await self._ledger.call(self._ledger.saved, entry.id, records)
            await asyncio.to_thread(marks.drop, entry)
        except MachineError as error:
            return await self._unsaved(entry, reply, files, Message.of_error(error))
        except DownloadFailed as failure:
            return await self._unsaved(entry, reply, files, failure.message, failure.date)
        except OSError as error:
            return await self._unsaved(entry, reply, files, _disk_error(error))
        except asyncio.CancelledError:
            stopped = Message.of("stopped-before-saving")
            return await self._unsaved(entry, reply, files, stopped)
        return outcome_of(entry, Status.SAVED, reply=reply, files=files)

    async def _finish_all(self, entry: Entry, reply: Reply, files: list[SavedFile]) -> None:
        for number, ref in enumerate(reply.images):
            known = files[number] if number < len(files) else None
            if known and not await asyncio.to_thread(_intact, known):
                known = None
            url = image_urls.unsigned(ref.url) if ref.url else None
            began = time.monotonic()
            saved = known or await self._fetch(entry, reply, ref, number)
            seconds = time.monotonic() - began
            _put(files, number, saved)
            if len(reply.images) > 1:  # a single one is noted as saved right after
                await self._note(entry, files)
            if Target.from_record(entry.target).destination.sidecar:
                content = sidecar.describe(entry, reply, saved, url, seconds)
                path = await asyncio.to_thread(sidecar.write, Path(saved.file), content)
                _put(files, number, saved._replace(sidecar=str(path)))

    async def _note(self, entry: Entry, files: list[SavedFile]) -> None:
        records = [file._asdict() for file in files]
        await self._ledger.call(self._ledger.files_so_far, entry.id, records)

    async def _fetch(self, entry: Entry, reply: Reply, ref: ImageRef, number: int) -> SavedFile:
        target = Target.from_record(entry.target)
        folder, stem = target.place({"created": reply.created or int(entry.asked)})
        # A folder of the template is made on demand; an output folder that is gone is not.
        if self._resuming or os.path.isdir(target.destination.root):
            folder.mkdir(parents=True, exist_ok=True)
        # Named after the request, so that the next run replaces what a killed one left.
        part = folder / f".cogview-{entry.id}-{number}.part"
        try:
            if ref.url:
                fetched = await self._downloader.fetch(ref.url, part)
            else:
                fetched = await asyncio.to_thread(store_base64, ref.b64 or "", part)
            return await asyncio.to_thread(
                self._publish, entry, target, part, fetched, stem, number
            )
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)

    def _publish(
        self, entry: Entry, target: Target, part: Path, fetched: Fetched, stem: str, number: int
    ) -> SavedFile:
        wanted = target.destination.format
        if wanted not in ("original", fetched.info.format):
            fetched = _converted(part, wanted)
        suffix = SUFFIXES[fetched.info.format]
        stem = stem if number == 0 else f"{stem}-{number + 1}"
        folder = part.parent
        path = self._ours(folder, stem, suffix, fetched) or publish(
            part,
            folder,
            stem,
            suffix,
            overwrite=target.destination.on_exists == "overwrite",
            free=lambda path: _free(path, entry),
            sync=not target.destination.sidecar,  # the sidecar's name is synced with it
        )
        info = fetched.info
        return SavedFile(
            file=str(path),
            sidecar=None,
            format=info.format,
            width=info.width,
            height=info.height,
            bytes=fetched.bytes,
            sha256=fetched.sha256,
        )

    def _ours(self, folder: Path, stem: str, suffix: str, fetched: Fetched) -> Path | None:
        """The file an earlier, killed run published before it could say so."""
        for number in itertools.count(1) if self._resuming else ():
            path = folder / f"{with_number(stem, number)}{suffix}"
            if not os.path.lexists(path):
                return None
            if path.is_file() and not path.is_symlink() and _sha256(path) == fetched.sha256:
                return path
        return None

    async def _unsaved(
        self,
        entry: Entry,
        reply: Reply,
        files: list[SavedFile],
        message: Message,
        date: float | None = None,
    ) -> Outcome:
        """Paid and not on disk: the answer stays, unless its link is dead.

        `date`: the clock of a server that says there is no such image. No other clock counts.
        """
        assert entry.answer is not None
        expired = are_dead(entry.answer, date)
        record = self._ledger.expired if expired else self._ledger.unsaved
        with suppress(MachineError):  # the answer is on record; only its reason is not
            await self._ledger.keep(record, entry.id, message)
            if expired:
                await asyncio.to_thread(marks.drop, entry)
        problem = unsaved_problem(message, expired=expired)
        return outcome_of(entry, Status.UNSAVED, reply=reply, files=files, problem=problem)


def _disk_error(error: OSError) -> Message:
    why = error.strerror or error
    if error.filename is None:
        return Message.of("output-folder-error", why=why)
    return Message.of("file-error", why=why, path=error.filename)


def unsaved_problem(message: Message, *, expired: bool = False) -> Problem:
    """What to tell the user of a picture that is paid and not on disk."""
    gone_for_good = _("the link has expired; it cannot be fetched any more")
    return Problem(
        code=State.EXPIRED if expired else Status.UNSAVED,
        message=_("paid, not saved: {why}", why=message),
        exit_code=ExitCode.UNSAVED,
        retryable=not expired,
        hint=gone_for_good if expired else "cogview recover",
    )


def _unreadable(error: ApiError) -> Problem:
    return Problem(code=error.code, message=str(error.message), exit_code=ExitCode.UNKNOWN)


def outcome_of(
    entry: Entry,
    status: Status,
    *,
    reply: Reply | None = None,
    files: list[SavedFile] | None = None,
    problem: Problem | None = None,
) -> Outcome:
    """The outcome of a request the ledger knows."""
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
        files=tuple(files or ()),
        content_filter=reply.content_filter if reply else (),
        problem=problem,
        seconds=entry.generate_s,
    )


def _put(files: list[SavedFile], number: int, saved: SavedFile) -> None:
    files[number:] = [saved, *files[number + 1 :]]


def _free(path: Path, entry: Entry) -> bool:
    """A name is free if neither an image nor somebody else's sidecar has it."""
    beside = sidecar.sidecar_path(path)
    return not beside.exists() or sidecar.belongs_to(beside, entry.id, entry.key)


def _converted(part: Path, format: str) -> Fetched:
    other = part.with_suffix(f".{format}.part")
    try:
        info = convert(part, other, format)
        with other.open("rb+") as file:
            os.fsync(file.fileno())
        other.replace(part)
    finally:
        other.unlink(missing_ok=True)
    return Fetched(bytes=part.stat().st_size, sha256=_sha256(part), info=info)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _intact(known: SavedFile) -> bool:
    path = Path(known.file)
    return path.is_file() and _sha256(path) == known.sha256
