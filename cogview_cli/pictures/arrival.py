"""What arrived, judged: a whole picture, a page of words, or bytes to be kept all the same."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import NamedTuple

from cogview_cli.disk.atomic import open_new
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.net.inflate import codings_of
from cogview_cli.net.readable import readable
from cogview_cli.pictures import inline, unpack, verify
from cogview_cli.pictures.failure import NOT_NOW, Arrived, DownloadFailed
from cogview_cli.terminal.text import clean

SIZE_LIMIT = 64 * 2**20
_HEAD = 1024
# What `unpack` takes off by itself, and what is none.
_KNOWN_CODINGS = {"", "identity", "gzip", "x-gzip", "deflate"}


class Fetched(NamedTuple):
    """A checked, synced file: size in bytes, SHA-256 in hex, picture facts."""

    bytes: int
    sha256: str
    info: verify.ImageInfo


def judged(
    part: Path,
    coding: str,
    seen: set[str] | None,
    *,
    last: bool = False,
    synced: bool = False,
    sized: bool = True,
) -> Fetched:
    """Unpacks and syncs the file, unless it is `synced`, and looks at it.

    `seen`: hashes of the copies so far, to which this one is added; None if there can be no
    other. A server that sends the same bytes again has no better ones. `last`: this run
    fetches no other. `sized`: it is all that was to come; else only the connection's end says so.
    Raises DownloadFailed, OSError for this disk.
    """
    try:
        changed = _unpacked(part, coding)
    except unpack.CutShort as error:
        failure = DownloadFailed(error.message, final=seen is None)
        return _judged_cut(part, failure, wanting=error.damaged)
    if changed or not synced:
        _sync(part)
    data = part.read_bytes()
    size, digest = len(data), hashlib.sha256(data).hexdigest()
    repeated = seen is None or digest in seen
    if seen is not None:
        seen.add(digest)
    try:
        info = verify.check_bytes(data)
    except verify.TooLarge as error:
        kept = Arrived(size, digest)
        raise DownloadFailed(error.message, final=True, arrived=kept) from error
    except verify.Damaged as error:
        kept = Arrived(size, digest, cut=not sized)
        raise _damaged(error.message, kept, final=seen is None) from error
    except verify.NotAnImage as error:
        what = Message.of("no-picture", why=error.message)
        # What the answer itself holds cannot change.
        arrived = Arrived(size, digest, foreign=seen is not None)
        raise _no_picture(part, what, coding, arrived, repeated) from error
    if not (info.ended or repeated or last):
        cut = Message.of("data-cut", format=info.format.upper())
        raise _damaged(cut, Arrived(size, digest, cut=not sized), final=False)
    return Fetched(bytes=size, sha256=digest, info=info)


def judged_cut(part: Path, coding: str, failure: DownloadFailed, *, wanting: bool) -> Fetched:
    """What came before a transfer broke off: the picture, if all of it is there.

    `wanting`: by what the server said of its length, bytes are missing; then it is not.
    Raises `failure`, with what arrived; OSError for this disk.
    """
    try:
        _unpacked(part, coding)
    except unpack.CutShort as error:
        wanting = wanting or error.damaged
    except DownloadFailed:  # too much comes out: it stays as it is
        wanting = True
    return _judged_cut(part, failure, wanting=wanting)


def _judged_cut(part: Path, failure: DownloadFailed, *, wanting: bool) -> Fetched:
    data = part.read_bytes()
    if not data:
        raise failure
    _sync(part)
    size, digest = len(data), hashlib.sha256(data).hexdigest()
    info = None if wanting else _whole(data)
    if info:
        return Fetched(bytes=size, sha256=digest, info=info)
    foreign = verify.sniff(data[:32]) is None
    failure.arrived = Arrived(size, digest, foreign=foreign, cut=not failure.final)
    raise failure


def _whole(data: bytes) -> verify.ImageInfo | None:
    """The facts of a picture that is there to its end mark."""
    try:
        info = verify.check_bytes(data)
    except (verify.NotAnImage, verify.TooLarge):
        return None
    return info if info.ended else None


def _sync(part: Path) -> None:
    with part.open("rb+") as file:
        os.fsync(file.fileno())


def _damaged(why: Message, arrived: Arrived, *, final: bool) -> DownloadFailed:
    return DownloadFailed(Message.of("no-picture", why=why), final=final, arrived=arrived)


def _unpacked(part: Path, coding: str) -> bool:
    """Whether there was anything to take off. Raises DownloadFailed for too much, CutShort."""
    try:
        return unpack.unpack(part, coding, SIZE_LIMIT)
    except unpack.TooMuch as error:
        raise DownloadFailed(error.message, retry_after=NOT_NOW) from error


def _no_picture(
    part: Path, what: Message, coding: str, arrived: Arrived, repeated: bool
) -> DownloadFailed:
    """What is not a picture, to be kept: the beginning of an error page is shown as well."""
    with part.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        return DownloadFailed(what, gone=True, status=200)
    if words := clean(readable(head), 200):
        what = Message.of("it-says", why=what, text=words)
        return DownloadFailed(
            what, final=not arrived.foreign, gone=True, arrived=arrived, status=200
        )
    if not set(codings_of(coding)) <= _KNOWN_CODINGS:
        what = Message.of("packed-otherwise", coding=clean(coding, 40))
    return DownloadFailed(what, final=repeated, arrived=arrived)


def copied(source: Path, part: Path) -> Fetched:
    """Copies an image that is on this disk already; raises DownloadFailed, OSError."""
    with source.open("rb") as whole, open_new(part) as file:
        shutil.copyfileobj(whole, file)
    return judged(part, "", None)


def store_base64(data: str, part: Path) -> Fetched:
    """Writes an image that came inside the answer to `part`; raises DownloadFailed, OSError."""
    raw = inline.decoded(data)
    if len(raw) > SIZE_LIMIT:
        raise DownloadFailed(Message.of("too-many-bytes"), final=True)
    part.unlink(missing_ok=True)
    with open_new(part) as file:
        file.write(raw)
    return judged(part, "", None)
