"""HTTP/1.1 on one connection: h11 reads the requests, answers are raw bytes.

Raw answers let a fault break the protocol wherever it wants.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus

import h11

from cogview_cli import __version__
from cogview_cli.api.dialects import SANDBOX_SERVER

MAX_BODY = 4 * 2**20
MAX_UPLOAD = 128 * 2**20
JSON = "application/json; charset=UTF-8"
HTML = "text/html"


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Header names are in lower case; `query` is as sent."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    keep_alive: bool


def _request(head: h11.Request, body: bytes) -> Request:
    path, _, query = head.target.decode("ascii").partition("?")
    headers = {name.decode(): value.decode("latin-1") for name, value in head.headers}
    close = "close" in headers.get("connection", "").lower()
    keep_alive = head.http_version == b"1.1" and not close
    return Request(head.method.decode(), path, query, headers, body, keep_alive)


def head(status: int, headers: Mapping[str, str | int]) -> bytes:
    """Status line and headers. Names and values are not checked."""
    lines = [f"HTTP/1.1 {status} {_phrase(status)}"]
    now, name = formatdate(usegmt=True), f"{SANDBOX_SERVER}/{__version__}"
    ours = {"Server": name, "Date": now} if status >= 200 else {}
    named = {**ours, **headers}
    lines += [f"{name}: {value}" for name, value in named.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _phrase(status: int) -> str:
    """The usual words; the vendor has a status of its own, 435."""
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error"


class Peer:
    """The client's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._rest = b""
        self._request: Request | None = None
        self.closing = False

    async def request(self) -> Request | None:
        """The next request, or None once the client is done."""
        parser = h11.Connection(h11.SERVER)
        if self._rest:
            parser.receive_data(self._rest)
        opening: h11.Request | None = None
        body = bytearray()
        async for event in self._events(parser):
            if isinstance(event, h11.Request):
                opening = event
            elif isinstance(event, h11.Data):
                body += event.data
                _check_length(opening, len(body))
        self._rest = parser.trailing_data[0]
        self._request = _request(opening, bytes(body)) if opening else None
        self.closing = not (self._request and self._request.keep_alive)
        return self._request

    async def _events(self, parser: h11.Connection) -> AsyncIterator[object]:
        while True:
            event = parser.next_event()
            if isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
                return
            if event is h11.NEED_DATA:
                await self._feed(parser)
            else:
                yield event

    async def _feed(self, parser: h11.Connection) -> None:
        if parser.they_are_waiting_for_100_continue:
            await self.send(head(100, {}))
        parser.receive_data(await self._reader.read(65536))

    async def send(self, data: bytes) -> None:
        """Write raw bytes."""
        self._writer.write(data)
        await self._writer.drain()

    async def reply(
        self,
        status: int,
        body: bytes,
        kind: str = JSON,
        more: Mapping[str, str | int] | None = None,
    ) -> None:
        """A complete, correct answer; `more` adds or replaces headers."""
        headers: dict[str, str | int] = {"Content-Type": kind, "Content-Length": len(body)}
        headers["Connection"] = "close" if self.closing else "keep-alive"
        opening = head(status, {**headers, **(more or {})})
        bodiless = self._request is not None and self._request.method == "HEAD"
        await self.send(opening if bodiless else opening + body)

    async def start(self, status: int, headers: Mapping[str, str | int]) -> None:
        """Only the head of an answer, after which the connection will close."""
        self.closing = True
        await self.send(head(status, {**headers, "Connection": "close"}))

    async def gone(self) -> None:
        """Wait until the client leaves."""
        self.closing = True
        while await self._reader.read(65536):
            pass

    def reset(self) -> None:
        """Drop the connection with RST."""
        self.closing = True
        raw: socket.socket = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


def _check_length(opening: h11.Request | None, length: int) -> None:
    upload = opening is not None and opening.target.endswith(b"/files")
    if length > (MAX_UPLOAD if upload else MAX_BODY):
        raise h11.RemoteProtocolError("body too long", error_status_hint=413)


Handler = Callable[[Peer, Request], Awaitable[None]]


async def converse(peer: Peer, handler: Handler) -> None:
    """Answer requests until either side is done with the connection."""
    try:
        while request := await peer.request():
            await handler(peer, request)
            if peer.closing:
                return
    except h11.RemoteProtocolError as error:
        peer.closing = True
        await peer.reply(error.error_status_hint, b"<h1>bad request</h1>", HTML)
