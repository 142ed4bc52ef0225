"""The body of a response into a file, a piece at a time."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import BinaryIO

from cogview_cli.api.image_urls import server_date
from cogview_cli.api.protocol import retry_after
from cogview_cli.disk.atomic import open_new
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.net.response import Response
from cogview_cli.pictures.arrival import SIZE_LIMIT
from cogview_cli.pictures.failure import NOT_NOW, DownloadFailed

SLOW_AFTER_SECONDS, SLOWEST_BYTES_PER_SECOND = 10.0, 1024
# The loop must not stop for every piece that comes: they are written together, off it.
WRITE_BYTES = 256 * 1024
_BODILESS = (204, 205)
_GONE = (401, 403, 404, 410)
_WHOLE_RANGE = re.compile(r"bytes 0-([0-9]{1,19})/(?:([0-9]{1,19})|\*)")


class Body:
    """What one try has brought of a picture, in its file.

    `wanted`: there is something to be kept if it breaks off. `coding`: how it is packed, by its
    header. `length`: how many bytes the server says there are; `came`: so many have come.
    """

    def __init__(self) -> None:
        self.wanted = False
        self.coding = ""
        self.length: int | None = None
        self.came = 0

    @property
    def is_short(self) -> bool:
        """Whether bytes are missing, by what the server says."""
        return self.length is not None and self.came < self.length

    def begin(self, response: Response) -> None:
        """The first bytes may come."""
        self.wanted = True
        self.coding = str(response.headers.get("content-encoding", ""))
        length = response.headers.get("content-length")  # checked by now
        self.length = None if length is None else int(length)


async def to_file(response: Response, part: Path, body: Body) -> None:
    """Writes the body off the loop, a piece at a time, and syncs it: no check waits for a disk.

    What came before an error is in the file, too.
    """
    _check_head(response)
    part.unlink(missing_ok=True)  # of the try before
    pieces: list[bytes] = []
    with open_new(part) as file:
        body.begin(response)
        try:
            await _receive(response, file, pieces, body)
            await asyncio.to_thread(_write_last, file, _taken(pieces))
        except BaseException:
            file.writelines(pieces)
            raise


async def _receive(response: Response, file: BinaryIO, pieces: list[bytes], body: Body) -> None:
    """The body into `file`; its last bytes are in `pieces` then, still to be written."""
    waiting, loop = 0, asyncio.get_running_loop()
    began = loop.time()
    async for chunk in response.body:
        body.came += len(chunk)
        if body.came > SIZE_LIMIT:
            body.wanted = False
            raise DownloadFailed(Message.of("too-many-bytes"), retry_after=NOT_NOW)
        pieces.append(chunk)
        _check_speed(body.came, loop.time() - began)
        waiting += len(chunk)
        if waiting >= WRITE_BYTES:
            waiting = 0
            await asyncio.to_thread(file.writelines, _taken(pieces))


def _taken(pieces: list[bytes]) -> list[bytes]:
    """The pieces, out of the list: a thread goes on writing when its caller is cancelled."""
    taken = pieces.copy()
    pieces.clear()
    return taken


def _write_last(file: BinaryIO, pieces: list[bytes]) -> None:
    file.writelines(pieces)
    file.flush()
    os.fsync(file.fileno())


def _check_head(response: Response) -> None:
    status, headers = response.status, response.headers
    # Of a 201 or 203 the decoder tells whether it is the picture.
    if not 200 <= status < 300 or status in _BODILESS:
        message = Message.of("host-status", status=status)
        wait, gone = retry_after(headers), status in _GONE
        date = server_date(headers) if gone else None
        raise DownloadFailed(message, gone=gone, retry_after=wait, date=date, status=status)
    if status == 206 and not _is_all(headers.get("content-range")):
        raise DownloadFailed(Message.of("host-part"))
    length = headers.get("content-length", "0")
    if not re.fullmatch(r"[0-9]{1,8}", length) or int(length) > SIZE_LIMIT:
        raise DownloadFailed(Message.of("too-many-bytes"), retry_after=NOT_NOW)


def _is_all(content_range: str | None) -> bool:
    """Whether a 206 that nobody asked for holds all bytes; without a word the decoder tells."""
    if content_range is None:
        return True
    found = _WHOLE_RANGE.fullmatch(content_range.strip())
    return found is not None and found[2] in (None, str(int(found[1]) + 1))


def _check_speed(size: int, seconds: float) -> None:
    if seconds > SLOW_AFTER_SECONDS and size < seconds * SLOWEST_BYTES_PER_SECOND:
        raise DownloadFailed(Message.of("host-slow"))
