"""HTTP/1.1 of our own: one request on one connection, no pool, nothing to load for it.

httpx with its transport doubles the time of a start, and costs twice the CPU for each picture.
It is still used where a proxy is set.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from cogview_cli.net.connection import Connection, Seconds, connect
from cogview_cli.net.failures import LocalProtocolError, RemoteProtocolError, WriteError
from cogview_cli.net.response import Limits, Response
from cogview_cli.net.target import Target

if TYPE_CHECKING:
    from cogview_cli.net.lenient import Head, HeadReader

PROCESSING = 102
_METHOD = r"[A-Z]+"
_NAME = r"[-!#$%&'*+.^_`|~0-9a-zA-Z]+"
_VALUE = r"[\t -~]*"


class DirectClient:
    """Opens a connection for each request and closes it after the response."""

    def __init__(
        self, tls: ssl.SSLContext | None, limits: Limits, headers: Mapping[str, str]
    ) -> None:
        """`tls`: what to trust, for https URLs; `headers`: of every request."""
        self._tls, self._limits, self._headers = tls, limits, headers

    async def aclose(self) -> None:
        """Nothing stays open."""

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        target: Target,
        *,
        content: AsyncIterable[bytes] | None = None,
        headers: Mapping[str, str],
        addresses: Sequence[str] = (),
        in_hand: Callable[[], None] | None = None,
    ) -> AsyncIterator[Response]:
        """The response, its body still to be read. Raises NetworkError.

        `addresses`: the only ones to connect to. `in_hand` hears of a 102. The body is read
        once, when the connection and its TLS stand and the head is known to be sound.
        """
        connection = await connect(
            target.host,
            target.port,
            tls=self._tls if target.scheme == "https" else None,
            name=target.host,
            timeout=self._limits.connect,
            addresses=addresses,
        )
        exchange = _Exchange(connection, self._limits.read)
        try:
            await exchange.send(_head(method, target, [self._headers, headers]), content)
            head = await exchange.head(in_hand)
            yield Response(head.status, head.fields(), exchange.body(head))
        finally:
            await connection.close()


def _head(method: str, target: Target, headers: Sequence[Mapping[str, str]]) -> bytes:
    """A request's head; LocalProtocolError for what no server could read."""
    fields = {"host": ("Host", target.authority)}
    for given in headers:
        fields |= {name.lower(): (name, value) for name, value in given.items()}
    sound = re.fullmatch(_METHOD, method) and all(
        re.fullmatch(_NAME, name) and re.fullmatch(_VALUE, value) for name, value in fields.values()
    )
    if not sound:
        raise LocalProtocolError("a header of the request has characters that none may have")
    lines = [f"{method} {target.path} HTTP/1.1", *(f"{n}: {v}" for n, v in fields.values())]
    return "\r\n".join([*lines, "", ""]).encode("ascii")


class _Exchange:
    """A request and its response on one connection."""

    def __init__(self, connection: Connection, seconds: Seconds) -> None:
        """`seconds`: for one read or write."""
        self._connection = connection
        self._seconds = seconds

    @cached_property
    def _heads(self) -> HeadReader:
        from cogview_cli.net.lenient import HeadReader

        return HeadReader()

    async def send(self, head: bytes, content: AsyncIterable[bytes] | None) -> None:
        """Sends the head with the body's first piece: most requests are one."""
        data = head
        try:
            if content is not None:
                async for piece in content:
                    await self._connection.write(data + piece, self._seconds)
                    data = b""
            if data:
                await self._connection.write(data, self._seconds)
        except WriteError:
            return  # a server may answer, and close, before it has read everything

    async def head(self, in_hand: Callable[[], None] | None) -> Head:
        """The head of the answer; `in_hand` hears of a 102 (RFC 2518 §10.1) before it."""
        while True:
            while head := self._heads.next():
                if head.is_final:
                    return head
                if head.status == PROCESSING and in_hand:
                    in_hand()
            data = await self._heads.read(self._read)
            self._heads.add(data)
            self._heads.check(ended=not data)
            if not data:
                raise RemoteProtocolError("Server disconnected without sending a response.")

    def body(self, head: Head) -> AsyncIterator[bytes]:
        """The body as it arrives, without its chunks."""
        if head.length is not None:
            return self._pieces(head.length)
        return self._chunks() if head.chunked else self._until_closed()

    async def _pieces(self, length: int) -> AsyncIterator[bytes]:
        data, left = self._heads.rest(), length
        while left > 0:
            data = data or await self._read()
            if not data:
                raise RemoteProtocolError(f"{length - left} of {length} bytes came")
            yield data[:left]
            left -= len(data)
            data = b""

    async def _chunks(self) -> AsyncIterator[bytes]:
        from cogview_cli.net.lenient import Chunks

        chunks, data = Chunks(), self._heads.rest()
        while not chunks.ended:
            if piece := chunks.feed(data or await self._read()):
                yield piece
            data = b""

    async def _until_closed(self) -> AsyncIterator[bytes]:
        data = self._heads.rest() or await self._read()
        while data:
            yield data
            data = await self._read()

    async def _read(self) -> bytes:
        return await self._connection.read(self._seconds)
