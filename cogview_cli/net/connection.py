"""One TCP connection as bytes in and out, plain or with TLS, on asyncio alone.

Bytes that have arrived are delivered before an error is raised: if a server resets the
connection right after its answer, that answer has been paid for all the same.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import cast

from cogview_cli.net.addresses import address
from cogview_cli.net.failures import (
    ConnectError,
    ConnectTimeout,
    NetworkError,
    ReadError,
    ReadTimeout,
    WriteError,
    WriteTimeout,
)
from cogview_cli.net.race import first_to_finish, interleaved
from cogview_cli.net.resolver import resolve

# One read of the event loop fills it: the next one waits in the kernel until it is taken away.
WINDOW = 128 * 1024
# RFC 8305 §5: after this delay the next address is tried too, without giving up the first.
NEXT_ADDRESS_SECONDS = 0.25
Seconds = float | None  # None: as long as it takes


class Connection(asyncio.Protocol):
    """Both directions of a connection; about three WINDOWs of received bytes wait here at most."""

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._came: deque[bytes] = deque()
        self._size = 0
        self._ended = self._lost = False
        self._error: Exception | None = None
        self._news, self._room = asyncio.Event(), asyncio.Event()
        self._room.set()

    async def read(self, timeout: Seconds) -> bytes:
        """The next bytes as they arrived, none at the end. Raises ReadTimeout, ReadError."""
        with _errors_as(ReadTimeout, ReadError):
            await _within(timeout, self._news)
            if self._came:
                return self._next()
            if self._error:
                raise self._error
        return b""

    def _next(self) -> bytes:
        piece = self._came.popleft()
        self._size -= len(piece)
        if not self._came and not self._ended:
            self._news.clear()
            self._transport.resume_reading()
        return piece

    async def write(self, data: bytes, timeout: Seconds) -> None:
        """Sends `data`; waits while the buffer is full. Raises WriteTimeout, WriteError."""
        with _errors_as(WriteTimeout, WriteError):
            if self._ended or self._transport.is_closing():
                raise self._error or ConnectionResetError("the server closed the connection")
            self._transport.write(data)
            await _within(timeout, self._room)

    async def close(self) -> None:
        """Drops the connection at once: a TLS peer may never close its side."""
        if not self._lost:
            self._transport.abort()
        await asyncio.sleep(0)  # the loop closes the socket

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Encrypts both directions from here on; the peer's certificate must be `host`'s.

        Raises OSError; the event loop has closed the connection by then.
        """
        loop = asyncio.get_running_loop()
        # In bytes, as the resolver has it; the types know of text only.
        name = cast("str", host.encode())
        secured = await loop.start_tls(self._transport, self, context, server_hostname=name)
        if secured is None:
            raise ConnectionResetError("the server closed the connection")
        self._transport = secured

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Keeps what arrived; beyond WINDOW the rest waits in the kernel until it is read."""
        self._came.append(data)
        self._size += len(data)
        self._news.set()
        if self._size >= WINDOW:
            self._transport.pause_reading()

    def eof_received(self) -> None:
        """Nothing more will come."""
        self._ended = True
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone; `exc` says why if that was an error."""
        self._error, self._lost = exc, True
        self.eof_received()
        self._room.set()

    def pause_writing(self) -> None:
        """The kernel's buffer is full."""
        self._room.clear()

    def resume_writing(self) -> None:
        """The kernel's buffer has room again."""
        self._room.set()


async def connect(
    host: str,
    port: int,
    *,
    tls: ssl.SSLContext | None,
    name: str,
    timeout: Seconds,
    addresses: Sequence[str] = (),
) -> Connection:
    """A connection to the first address of `host` that answers, within `timeout`.

    With `tls`, the certificate must be `name`'s. With `addresses`, these and no others are
    tried, in their order. Raises ConnectTimeout or ConnectError.
    """
    with _errors_as(ConnectTimeout, ConnectError):
        async with asyncio.timeout(timeout):
            ips = addresses or await _addresses(host, port)
            connection = await first_to_finish(
                (partial(_connect_to, ip, port) for ip in ips),
                NEXT_ADDRESS_SECONDS,
                Connection.close,
            )
            if tls:
                await connection.start_tls(tls, name)
    return connection


async def _addresses(host: str, port: int) -> Sequence[str]:
    return [host] if address(host) else interleaved(await resolve(host, port))


async def _connect_to(ip: str, port: int) -> Connection:
    _, connection = await asyncio.get_running_loop().create_connection(Connection, ip, port)
    return connection


async def _within(timeout: Seconds, event: asyncio.Event) -> None:
    if not event.is_set():
        async with asyncio.timeout(timeout):
            await event.wait()


@contextmanager
def _errors_as(late: type[NetworkError], failed: type[NetworkError]) -> Iterator[None]:
    """Turns system errors into ours."""
    try:
        yield
    except TimeoutError as error:
        raise late(str(error)) from error
    except OSError as error:  # TLS errors are OSErrors too
        raise failed(_why(error)) from error


def _why(error: OSError) -> str:
    """The reason without asyncio's wording, which names calls and every address."""
    if isinstance(error, ssl.SSLError | socket.gaierror):
        return str(error)
    if str(error).startswith("Multiple exceptions"):
        return "no address of the host answers"
    return os.strerror(error.errno) if error.errno else str(error)
