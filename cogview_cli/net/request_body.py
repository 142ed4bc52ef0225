"""A request's body that knows whether a transport has taken it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import BinaryIO

from cogview_cli.net.failures import BodyConsumed

JSON_TYPE = "application/json"
PIECE_BYTES = 256 * 1024


class RequestBody:
    """Bytes for one request; `taken` is set as they are handed on, never before.

    A transport reads a body once the connection (and its TLS) stands and the head of the
    request is out or goes with it; a proxy's CONNECT has no part in it. So `taken` is the
    point of no return, whatever the transport.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.taken = False
        self.content_type = JSON_TYPE

    @property
    def data(self) -> bytes:
        """The bytes, whether they were taken or not."""
        return self._data

    @property
    def shown(self) -> bytes:
        """What --debug shows of it."""
        return self._data

    def __len__(self) -> int:
        return len(self._data)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The bytes, in one piece. BodyConsumed the second time: nothing is sent twice."""
        if self.taken:
            raise BodyConsumed
        self.taken = True
        yield self._data


class FileBody(RequestBody):
    """A file between two pieces of bytes, read as it is sent."""

    def __init__(
        self, before: bytes, file: BinaryIO, size: int, after: bytes, content_type: str
    ) -> None:
        super().__init__(before)
        self._file, self._size, self._after = file, size, after
        self.content_type = content_type
        # Hears of every piece that goes out.
        self.moved: Callable[[], None] = lambda: None

    def __len__(self) -> int:
        return len(self._data) + self._size + len(self._after)

    @property
    def shown(self) -> bytes:
        """How much it is: requests by the thousand would hide everything else."""
        return f"({self._size} bytes of a file)".encode()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The bytes, a piece at a time; the file is read off the loop."""
        async for piece in super().__aiter__():
            yield piece
        while piece := await asyncio.to_thread(self._file.read, PIECE_BYTES):
            self.moved()
            yield piece
        yield self._after
