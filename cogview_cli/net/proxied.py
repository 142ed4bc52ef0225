"""httpx's own transport, in use where a proxy is set, with the leniency of ours."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

from cogview_cli.net.lenient import AnswerRepair

_REQUEST = re.compile(rb"[A-Z]+ \S+ HTTP/1\.")


def read_leniently(client: httpx.AsyncClient) -> None:
    """Puts right what comes over the connections of `client`.

    httpx has no public way to its connections; a test holds that this one works.
    """
    for transport in (client._transport, *client._mounts.values()):
        if isinstance(transport, httpx.AsyncHTTPTransport):
            pool = transport._pool
            pool._network_backend = _Backend(pool._network_backend)


class _Backend(httpcore.AsyncNetworkBackend):
    """Opens connections whose answers are put right."""

    def __init__(self, inner: httpcore.AsyncNetworkBackend) -> None:
        self._inner = inner

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to `host`."""
        opened = await self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        return _Stream(opened)

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await self._inner.sleep(seconds)


class _Stream(httpcore.AsyncNetworkStream):
    """A connection; what comes is an answer from where a request was written on."""

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner
        self._repair: AnswerRepair | None = None

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """The next bytes, nothing at the end."""
        if self._repair is None:  # a SOCKS proxy is talked to in another language
            return await self._inner.read(max_bytes, timeout)
        return await self._repair.read(lambda: self._inner.read(max_bytes, timeout))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Sends `buffer`."""
        if _REQUEST.match(buffer):
            self._repair = AnswerRepair()
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        """Closes the connection."""
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """The same connection, encrypted from here on."""
        return _Stream(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """What the connection knows of itself."""
        return self._inner.get_extra_info(info)
