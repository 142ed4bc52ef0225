"""HTTP/1.1 for httpx on top of h11: one request on one connection, no pool.

httpx's own transport loads httpcore and anyio, which doubles the time of a start, and costs
twice the CPU for each picture. It is still used where a proxy is set.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import h11
import httpx

from cogview_cli.net.connection import Connection, Seconds, connect
from cogview_cli.net.lenient import HEAD_LIMIT, AnswerRepair

PROCESSING = 102


class Transport(httpx.AsyncBaseTransport):
    """Opens a connection for each request and closes it after the response."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        """`tls`: what to trust, for https URLs."""
        self._tls = tls

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The response, its body still to be read. Raises httpx.TransportError.

        Of the extensions it knows `timeout`, `sni_hostname`, `addresses`, the only ones to
        connect to, and `in_hand`, which hears of a 102. The request's body is read once, when
        the connection and its TLS stand and the head is known to be sound.
        """
        url, limits = request.url, request.extensions.get("timeout", {})
        tls = self._tls if url.scheme == "https" else None
        host = url.raw_host.decode("ascii")
        connection = await connect(
            host,
            url.port or (443 if tls else 80),
            tls=tls,
            name=request.extensions.get("sni_hostname", host),
            timeout=limits.get("connect"),
            addresses=request.extensions.get("addresses", ()),
        )
        exchange = _Exchange(connection, limits)
        try:
            await exchange.send(request)
            head = await exchange.head(request.extensions.get("in_hand"))
            body = _Body(exchange, _length(head))
        except BaseException:
            await connection.close()
            raise
        return httpx.Response(head.status_code, headers=head.headers.raw_items(), stream=body)


class _Exchange:
    """A request and its response on one connection."""

    def __init__(self, connection: Connection, limits: dict[str, Seconds]) -> None:
        self._connection = connection
        self._limits = limits
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_LIMIT)
        self._repair = AnswerRepair()

    async def send(self, request: httpx.Request) -> None:
        with _errors():
            head = h11.Request(
                method=request.method,
                target=request.url.raw_path,
                headers=request.headers.raw,
            )
            data = self._http.send(head) or b""
        try:
            await self._write(data, request)
        except httpx.WriteError:
            return  # a server may answer, and close, before it has read everything

    async def _write(self, data: bytes, request: httpx.Request) -> None:
        """Sends head and body in one piece: requests are small."""
        assert isinstance(request.stream, httpx.AsyncByteStream)
        async for chunk in request.stream:
            with _errors():
                data += self._http.send(h11.Data(data=chunk)) or b""
        with _errors():
            data += self._http.send(h11.EndOfMessage()) or b""
        await self._connection.write(data, self._limits.get("write"))

    async def head(self, in_hand: Callable[[], None] | None = None) -> h11.Response:
        """The head of the answer; `in_hand` hears of a 102 (RFC 2518 §10.1) before it."""
        while True:
            event = await self._event()
            if isinstance(event, h11.Response):
                return event
            interim = isinstance(event, h11.InformationalResponse)
            if interim and event.status_code == PROCESSING and in_hand:
                in_hand()

    async def pieces(self, length: int) -> AsyncIterator[bytes]:
        """A body of `length` bytes as it arrives: h11 would copy a picture four times."""
        data, _closed = self._http.trailing_data
        left = length
        while left > 0:
            data = data or await self._read()
            if not data:
                raise httpx.RemoteProtocolError(f"{length - left} of {length} bytes came")
            yield data[:left]
            left -= len(data)
            data = b""

    async def body(self) -> AsyncIterator[bytes]:
        """A body without a stated length: chunked, or up to the end of the connection."""
        while True:
            event = await self._event()
            if isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
                return
            yield bytes(event.data)

    async def close(self) -> None:
        await self._connection.close()

    async def _read(self) -> bytes:
        """What comes next, as a strict parser takes it; nothing at the end."""
        return await self._repair.read(lambda: self._connection.read(self._limits.get("read")))

    async def _event(self) -> Any:
        """The next event from the server."""
        while True:
            with _errors():
                event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return event
            data = await self._read()
            if not data and self._http.their_state is h11.SEND_RESPONSE:
                raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
            with _errors():
                self._http.receive_data(data)


class _Body(httpx.AsyncByteStream):
    """A response's body as it arrives."""

    def __init__(self, exchange: _Exchange, length: int | None) -> None:
        self._exchange = exchange
        self._length = length

    def __aiter__(self) -> AsyncIterator[bytes]:
        if self._length is None:
            return self._exchange.body()
        return self._exchange.pieces(self._length)

    async def aclose(self) -> None:
        await self._exchange.close()


def _length(head: h11.Response) -> int | None:
    """The body's Content-Length if that is what ends it. h11 has checked the number."""
    headers = dict(head.headers)
    if b"transfer-encoding" in headers or head.status_code in (204, 304):
        return None
    return int(headers[b"content-length"]) if b"content-length" in headers else None


@contextmanager
def _errors() -> Iterator[None]:
    """Turns h11's errors into httpx's."""
    try:
        yield
    except h11.RemoteProtocolError as error:
        raise httpx.RemoteProtocolError(str(error)) from error
    except h11.LocalProtocolError as error:
        raise httpx.LocalProtocolError(str(error)) from error
