"""httpx and its own transport, in use where a proxy is set, with the leniency of ours."""

from __future__ import annotations

import re
import ssl
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpcore
import httpx

from cogview_cli.i18n.stored_messages import Message
from cogview_cli.net import failures
from cogview_cli.net.lenient import AnswerRepair
from cogview_cli.net.response import Limits, Response
from cogview_cli.net.target import Target

_REQUEST = re.compile(rb"[A-Z]+ \S+ HTTP/1\.")
_OURS: dict[type[Exception], type[failures.NetworkError]] = {
    httpx.ConnectTimeout: failures.ConnectTimeout,
    httpx.ConnectError: failures.ConnectError,
    httpx.ProxyError: failures.ProxyError,
    httpx.ReadTimeout: failures.ReadTimeout,
    httpx.ReadError: failures.ReadError,
    httpx.WriteTimeout: failures.WriteTimeout,
    httpx.WriteError: failures.WriteError,
    httpx.RemoteProtocolError: failures.RemoteProtocolError,
    httpx.LocalProtocolError: failures.LocalProtocolError,
    httpx.UnsupportedProtocol: failures.UnsupportedProtocol,
}


class ProxiedClient:
    """Opens a connection for each request through a proxy and closes it after the response."""

    def __init__(
        self, proxy: str, tls: ssl.SSLContext | None, limits: Limits, headers: Mapping[str, str]
    ) -> None:
        """ValueError, ImportError or httpx.InvalidURL for a proxy that can't be used."""
        self._client = httpx.AsyncClient(
            proxy=proxy,
            verify=tls or False,
            trust_env=False,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            timeout=httpx.Timeout(limits.read, connect=limits.connect, pool=None),
            headers=headers,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            event_hooks={"response": [_set_location_aside]},
        )
        _read_leniently(self._client, _without_login(proxy))

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

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
        """As DirectClient; the proxy chooses the address, and no 102 is heard of."""
        with _errors():
            request = self._client.build_request(
                method, target.url, content=content, headers=headers
            )
            response = await self._client.send(request, stream=True)
        try:
            yield Response(response.status_code, _fields(response), _body(response))
        finally:
            await response.aclose()


async def _set_location_aside(response: httpx.Response) -> None:
    """Moves `Location` to the extension `location`: httpx reads it also where none is followed.

    It raises whatever comes of a malformed one, and the response would be lost.
    """
    if "location" in response.headers:
        response.extensions["location"] = response.headers.pop("location")


def _fields(response: httpx.Response) -> dict[str, str]:
    found = dict(response.headers)
    if "location" in response.extensions:
        found["location"] = response.extensions["location"]
    return found


async def _body(response: httpx.Response) -> AsyncIterator[bytes]:
    with _errors():
        async for piece in response.aiter_raw():
            yield piece


def _without_login(proxy: str) -> str:
    """The address of a proxy as it may be shown."""
    scheme, _, rest = proxy.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


@contextmanager
def _errors() -> Iterator[None]:
    """Turns httpx's errors into ours."""
    try:
        yield
    except httpx.HTTPError as error:
        raise _OURS.get(type(error), failures.NetworkError)(str(error)) from error
    except httpx.InvalidURL as error:
        raise failures.LocalProtocolError(str(error)) from error


def _read_leniently(client: httpx.AsyncClient, proxy: str) -> None:
    """Puts right what comes over the connections of `client`, all of them to `proxy`.

    httpx has no public way to its connections; a test holds that this one works.
    """
    for transport in (client._transport, *client._mounts.values()):
        if isinstance(transport, httpx.AsyncHTTPTransport):
            pool = transport._pool
            pool._network_backend = _Backend(pool._network_backend, proxy)


class _Backend(httpcore.AsyncNetworkBackend):
    """Opens connections to a proxy; the answers that come over them are put right."""

    def __init__(self, inner: httpcore.AsyncNetworkBackend, proxy: str) -> None:
        self._inner, self._proxy = inner, proxy

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to `host`. Raises ProxyUnreachable."""
        way = self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        try:
            return _Stream(await way)
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            why = Message.said(error) if str(error) else Message.of("connect-timeout")
            message = Message.of("proxy-connect", proxy=self._proxy, why=why)
            raise failures.ProxyUnreachable(message) from error

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
