"""From a kept answer to checked images on disk. Costs nothing, may be repeated at will.

`gen`, `batch` and `recover` all end here.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from cogview_cli.api import image_urls
from cogview_cli.api.dialects import server_of
from cogview_cli.api.image_refs import ImageRef
from cogview_cli.api.links import are_dead
from cogview_cli.api.protocol import ApiError, Reply, decode
from cogview_cli.disk.atomic import own_name
from cogview_cli.disk.destination import Target
from cogview_cli.disk.trouble import meets_every_file
from cogview_cli.errors import ExitCode, MachineError
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.ledger import UNVERIFIED, Entry, Ledger, State, marks
from cogview_cli.outcome import Outcome, Problem, SavedFile, Status
from cogview_cli.pictures import inline, sidecar
from cogview_cli.pictures.arrival import Fetched, copied, store_base64
from cogview_cli.pictures.download import Downloader
from cogview_cli.pictures.failure import DownloadFailed, Stalled
from cogview_cli.pictures.outcomes import BUG, outcome_of, unsaved_problem
from cogview_cli.pictures.placing import (
    Place,
    discard_unverified,
    is_intact,
    keep_unverified,
    place_image,
)
from cogview_cli.terminal import ending


class ImageSaver:
    """Downloads, checks and publishes the images of answers that the ledger holds."""

    def __init__(self, ledger: Ledger, downloader: Downloader, *, resuming: bool = False) -> None:
        """`resuming`: a file of the same content under the wanted name is taken as ours."""
        self._ledger = ledger
        self._downloader = downloader
        self._resuming = resuming

    def resuming(self) -> ImageSaver:
        """This finisher for what an earlier run may have begun."""
        return ImageSaver(self._ledger, self._downloader, resuming=True)

    async def close(self) -> None:
        """Closes the connections."""
        await self._downloader.close()

    async def finish(self, entry: Entry, stalled: Stalled = lambda: None) -> Outcome:
        """Saves every image of `entry`. Never raises: an error costs this answer alone.

        `stalled` hears of a download that has failed and is tried again.
        """
        saving = _Saving(self._ledger, self._downloader, entry, stalled, resuming=self._resuming)
        try:
            return await saving.run()
        except (Exception, asyncio.CancelledError) as error:
            unsaved = await saving.unsaved(_failure(error), bug=_is_bug(error))
            return _ending_the_run(unsaved) if _meets_all(error, entry) else unsaved

    async def put_off(self, entry: Entry) -> Outcome:
        """The outcome of an answer whose images are left for later."""
        saving = _Saving(self._ledger, self._downloader, entry, resuming=self._resuming)
        why = Message.of("stopped-before-saving")
        return await saving.unsaved(DownloadFailed(why), bug=False)


def _meets_all(error: BaseException, entry: Entry) -> bool:
    """Whether this machine would be in the way of every other picture too."""
    if isinstance(error, MachineError):
        return True
    root = Target.from_record(entry.target).destination.root
    return isinstance(error, OSError) and meets_every_file(error, root)


def _ending_the_run(outcome: Outcome) -> Outcome:
    assert outcome.problem is not None
    return outcome._replace(problem=outcome.problem._replace(ends_run=True))


def _is_bug(error: BaseException) -> bool:
    foreseen = (DownloadFailed, MachineError, OSError, asyncio.CancelledError)
    return not isinstance(error, foreseen)


def _failure(error: BaseException) -> DownloadFailed:
    """Whatever ended the work as the reason why there is no image."""
    if isinstance(error, DownloadFailed):
        return error
    if isinstance(error, MachineError):
        return DownloadFailed(Message.of_error(error))
    if isinstance(error, OSError):
        return DownloadFailed(_disk_error(error))
    if isinstance(error, asyncio.CancelledError):
        return DownloadFailed(Message.of("stopped-before-saving"))
    ending.trace(error)
    why = Message.of("detailed", what=type(error).__name__, why=error)
    return DownloadFailed(Message.of("bug", why=why))


def _disk_error(error: OSError) -> Message:
    why = error.strerror or error
    if error.filename is None:
        return Message.of("output-folder-error", why=why)
    return Message.of("file-error", why=why, path=error.filename)


class _Saving:
    """The images of one answer on their way to the disk."""

    def __init__(
        self,
        ledger: Ledger,
        downloader: Downloader,
        entry: Entry,
        stalled: Stalled = lambda: None,
        *,
        resuming: bool,
    ) -> None:
        self._ledger, self._downloader, self._entry = ledger, downloader, entry
        self._stalled, self._resuming = stalled, resuming
        self._reply: Reply | None = None
        self._files: dict[int, SavedFile] = {}
        self._warnings: list[str] = []
        # The server has sent once more what was kept unverified before.
        self._nothing_new = False

    async def run(self) -> Outcome:
        """The images that can be had; raises for the first one that cannot."""
        if self._entry.answer is None:  # entries of lists come without: it may be large
            self._entry = await self._ledger.call(self._whole, self._entry)
        assert self._entry.answer is not None
        reply = decode(self._entry.answer, server_of(self._entry.base_url))
        if isinstance(reply, ApiError):
            return outcome_of(self._entry, Status.UNKNOWN, problem=_unreadable(reply))
        self._reply = reply
        self._files = {n: SavedFile(**record) for n, record in enumerate(self._entry.files)}
        failure: DownloadFailed | None = None
        for number, ref in enumerate(reply.images):
            try:
                await self._image(reply, ref, number)
            except DownloadFailed as error:  # it does not stand in the others' way
                failure = failure or error
        if failure:
            raise failure
        await self._ledger.complete(self._ledger.saved, self._entry.id, self._records())
        marks.drop(self._entry)
        return self._outcome(Status.SAVED, None)

    def _whole(self, entry: Entry) -> Entry:
        return entry._replace(answer=self._ledger.get(entry.id).answer)

    def _records(self) -> list[dict[str, Any]]:
        """What the ledger takes: the images from the first one on, without a gap."""
        count = next(n for n in range(len(self._files) + 1) if n not in self._files)
        return [self._files[n]._asdict() for n in range(count)]

    async def _note(self) -> None:
        await self._ledger.call(self._ledger.files_so_far, self._entry.id, self._records())

    async def _image(self, reply: Reply, ref: ImageRef, number: int) -> None:
        known, began = self._files.get(number), time.monotonic()
        unverified = known if known and known.format == UNVERIFIED else None
        intact = known is not None and await asyncio.to_thread(is_intact, known)
        place = self._place(reply)
        elsewhere = None
        if known and intact and not unverified and Path(known.file).parent != place.folder:
            elsewhere = Path(known.file)
        describe = partial(self._describe, reply, ref, number, began)
        single = len(reply.images) == 1  # noted as saved right after
        if unverified or elsewhere or not intact:
            then = describe if single else None
            await self._fetch(reply, ref, place, number, elsewhere, then)
        elif single:
            await asyncio.to_thread(describe)
        if not single:
            await self._note()
            await asyncio.to_thread(describe)
        if unverified:
            await asyncio.to_thread(discard_unverified, unverified, self._entry)
        if elsewhere:
            await asyncio.to_thread(elsewhere.unlink, missing_ok=True)

    def _describe(
        self, reply: Reply, ref: ImageRef, number: int, began: float | None = None
    ) -> None:
        """Writes the sidecar, unless the target does without. `began`: by the monotonic clock."""
        if not Target.from_record(self._entry.target).destination.sidecar:
            return
        saved = self._files[number]
        url = image_urls.unsigned(ref.url) if ref.url and not inline.is_data_url(ref.url) else None
        seconds = 0.0 if began is None else time.monotonic() - began
        content = sidecar.describe(self._entry, reply, saved, url, seconds)
        path = sidecar.write(Path(saved.file), content)
        self._files[number] = saved._replace(sidecar=str(path))

    async def _fetch(
        self,
        reply: Reply,
        ref: ImageRef,
        place: Place,
        number: int,
        here: Path | None,
        then: Callable[[], None] | None,
    ) -> None:
        """Saves one image; `here`: its file, where only its place is not the wanted one.

        `then` is done in the same thread, once the image has its name.
        """
        # Named after the request, so that the next run replaces what a killed one left.
        part = own_name(place.folder / f".cogview-{self._entry.id}-{number}.part")
        try:
            if here:
                fetched = await asyncio.to_thread(copied, here, part)
            else:
                fetched = await self._bytes(ref, part)
            await asyncio.to_thread(self._publish, place, part, fetched, number, then)
        except DownloadFailed as failure:
            if failure.arrived is None:
                raise
            raise await self._keep(reply, ref, place, part, number, failure) from failure
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)

    def _publish(
        self,
        place: Place,
        part: Path,
        fetched: Fetched,
        number: int,
        then: Callable[[], None] | None,
    ) -> None:
        """Gives the image its name."""
        self._files[number], warnings = place_image(place, part, fetched, number)
        self._warnings += warnings
        if then:
            then()

    async def _keep(
        self,
        reply: Reply,
        ref: ImageRef,
        place: Place,
        part: Path,
        number: int,
        failure: DownloadFailed,
    ) -> DownloadFailed:
        """Publishes what came beside the images; the failure, and where the bytes are."""
        arrived, before = failure.arrived, self._files.get(number)
        assert arrived is not None
        if before and before.sha256 == arrived.sha256 and not (arrived.foreign or arrived.cut):
            self._nothing_new = True
        kept = await asyncio.to_thread(keep_unverified, place, part, arrived, number, before)
        if kept != before:
            self._files[number] = kept
            await asyncio.to_thread(self._describe, reply, ref, number)
            await self._note()
        told = Message.of("bytes-kept", why=failure.message, path=kept.file)
        return DownloadFailed(
            told, final=failure.final, gone=failure.gone, arrived=arrived, date=failure.date
        )

    def _place(self, reply: Reply) -> Place:
        target = Target.from_record(self._entry.target)
        folder, stem = target.place({"created": reply.created or int(self._entry.asked)})
        # A folder of the template is made on demand; an output folder that is gone is not.
        if self._resuming or os.path.isdir(target.destination.root):
            folder.mkdir(parents=True, exist_ok=True)
        return Place(self._entry, target, folder, stem, self._resuming)

    async def _bytes(self, ref: ImageRef, part: Path) -> Fetched:
        """The image from the answer itself if it is in there, else from its link."""
        if ref.b64:
            try:
                return await asyncio.to_thread(store_base64, ref.b64, part)
            except DownloadFailed:
                if not ref.url:
                    raise
        url = ref.url or ""
        if inline.is_data_url(url):
            return await asyncio.to_thread(store_base64, url, part)
        return await self._downloader.fetch(url, part, self._stalled)

    async def unsaved(self, failure: DownloadFailed, *, bug: bool) -> Outcome:
        """Paid and not on disk: the answer stays, unless its link is dead.

        It is when its server says so and its time is past by that server's clock; no other counts.
        """
        answer = self._entry.answer
        expired = failure.gone and answer is not None and are_dead(answer, failure.date)
        record = self._ledger.expired if expired else self._ledger.unsaved
        mark = [UNVERIFIED] if self._nothing_new and not expired else []
        with suppress(Exception):  # the answer is on record; only its reason is not
            await self._ledger.keep(record, self._entry.id, failure.message, *mark)
        if expired:
            marks.drop(self._entry)
        code = self._code(expired=expired, bug=bug)
        # Of what did arrive another copy may come.
        final = failure.final and not failure.arrived
        problem = unsaved_problem(failure.message, code=code, final=final, id=self._entry.id)
        return self._outcome(Status.UNSAVED, problem)

    def _code(self, *, expired: bool, bug: bool) -> str:
        if expired:
            return State.EXPIRED
        if self._nothing_new:
            return UNVERIFIED
        return BUG if bug else Status.UNSAVED

    def _outcome(self, status: Status, problem: Problem | None) -> Outcome:
        files = [self._files[n] for n in sorted(self._files)]
        found = outcome_of(self._entry, status, reply=self._reply, files=files, problem=problem)
        return found._replace(warnings=tuple(self._warnings))


def _unreadable(error: ApiError) -> Problem:
    return Problem(code=error.code, message=str(error.message), exit_code=ExitCode.UNKNOWN)
