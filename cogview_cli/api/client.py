"""The API call: one POST, its answer kept whatever happens. The only sender of the key."""

from __future__ import annotations

import asyncio
import zlib
from contextlib import suppress
from typing import Any, Protocol

import httpx

from cogview_cli.api.protocol import ENDPOINT, Answer, ImageRequest
from cogview_cli.errors import MachineError
from cogview_cli.i18n import _
from cogview_cli.i18n.stored_messages import Message, StoredError
from cogview_cli.net.clients import new_client, tls_failure

ANSWER_LIMIT = 48 * 2**20
KEPT_OF_TOO_LONG = 2**20
KEY_LENGTH = 12  # characters; a real key has about 49
# After SIGCONT, an answer that already waits in the socket is still read.
GRACE_SECONDS = 0.5
_KEPT_HEADERS = (
    "content-type", "content-encoding", "date", "retry-after", "x-request-id",
    "x-log-id", "location",
)  # fmt: skip


class Key(Protocol):
    """A secret that is shown only on request."""

    def reveal(self) -> str:
        """The key itself."""


class NotSent(StoredError):
    """No byte of the request left this machine: it cost nothing."""


class AnswerLost(StoredError):
    """The request was sent but no complete answer came; `partial` is what arrived."""

    def __init__(self, message: Message, partial: Answer | None) -> None:
        super().__init__(message)
        self.partial = partial


class _Exchange:
    """One POST under way: what was sent and what has arrived, `secret` blotted out."""

    def __init__(self, secret: str) -> None:
        # A short key, such as a test's, may be part of any word.
        self._secret = secret if len(secret) >= KEY_LENGTH else ""
        self.sent = False
        self.status = 0
        self.headers: dict[str, str] = {}
        self.raw = bytearray()
        self.whole = False

    async def trace(self, event: str, info: dict[str, Any]) -> None:
        """What the transport tells; the first header byte is the point of no return."""
        # A CONNECT goes to the proxy alone: no key, nothing to pay.
        if event == "http11.send_request_headers.started" and info["request"].method != b"CONNECT":
            self.sent = True

    def begin(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers = {
            name: self._blotted(response.headers[name].encode()).decode()[:500]
            for name in _KEPT_HEADERS
            if name in response.headers
        }

    def answer(self) -> Answer:
        raw, whole = bytes(self.raw), self.whole
        if len(raw) > ANSWER_LIMIT:
            raw, whole = raw[:KEPT_OF_TOO_LONG], False
        raw = self._blotted(_unpacked(raw, self.headers))
        return Answer(status=self.status, headers=self.headers, raw=raw, whole=whole)

    def _blotted(self, data: bytes) -> bytes:
        """Some servers repeat a key they refuse; it must reach neither screen nor disk."""
        return data.replace(self._secret.encode(), b"***") if self._secret else data

    @property
    def partial(self) -> Answer | None:
        return self.answer() if self.status else None


def _unpacked(raw: bytes, headers: dict[str, str]) -> bytes:
    """Undoes compression that was not asked for, up to a limit; the raw bytes if that fails."""
    if headers.get("content-encoding", "").lower() not in ("gzip", "deflate"):
        return raw
    try:
        return zlib.decompressobj(47).decompress(raw, ANSWER_LIMIT)
    except zlib.error:
        return raw


class ApiClient:
    """Sends image requests to one base URL, the key to its host only."""

    def __init__(self, base_url: str, key: Key, *, timeout: float) -> None:
        """`timeout`: seconds for a whole answer, from the first try to connect."""
        self._url = httpx.URL(base_url.rstrip("/") + ENDPOINT)
        self._key = key
        self._timeout = timeout
        self._client = new_client(self._url, read_seconds=None)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def post(self, request: ImageRequest) -> Answer:
        """Sends `request` once and returns the raw answer, whatever its status.

        Raises NotSent, AnswerLost, or MachineError for TLS and proxy settings.
        """
        exchange = _Exchange(self._key.reveal())
        task = asyncio.create_task(self._exchange(request, exchange))
        try:
            done, _waiting = await asyncio.wait({task}, timeout=self._timeout)
            if not done:
                done, _waiting = await asyncio.wait({task}, timeout=GRACE_SECONDS)
            if not done:
                raise TimeoutError(Message.of("no-answer", seconds=f"{self._timeout:g}"))
            task.result()
        except asyncio.CancelledError as error:
            # The run is being stopped at once, and only here is it known what was sent.
            stopped = InterruptedError(Message.of("stopped-before-answer"))
            raise _explained(stopped, exchange) from error
        except Exception as error:
            raise _explained(error, exchange) from error
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task
        return exchange.answer()

    async def _exchange(self, request: ImageRequest, exchange: _Exchange) -> None:
        headers = {
            "Authorization": f"Bearer {self._key.reveal()}",
            "Content-Type": "application/json",
            "Accept": "application/json",
        }
        async with self._client.stream(
            "POST",
            self._url,
            content=request.encode(),
            headers=headers,
            extensions={"trace": exchange.trace},
        ) as response:
            exchange.begin(response)
            async for chunk in response.aiter_raw():
                exchange.raw += chunk
                if len(exchange.raw) > ANSWER_LIMIT:
                    return
        exchange.whole = True


def _explained(error: Exception, exchange: _Exchange) -> Exception:
    """The one place where httpx's exceptions become ours; their messages are stored."""
    if exchange.sent:
        return AnswerLost(_words(error), exchange.partial)
    if tls := tls_failure(error):
        return MachineError(
            Message.of("tls", why=getattr(tls, "verify_message", "") or tls.reason or tls),
            hint=_("check the base URL, the clock and SSL_CERT_FILE; the key was not sent"),
        )
    if isinstance(error, httpx.ProxyError) and "407" in str(error):
        return MachineError(Message.of("proxy-login"), hint=_("put it into HTTPS_PROXY"))
    if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError | httpx.InvalidURL):
        return MachineError(
            Message.of("bad-request", why=error), hint=_("check the base URL and the key")
        )
    return NotSent(_words(error))


_NETWORK_ERRORS: dict[type[Exception], Message] = {
    httpx.ConnectTimeout: Message.of("connect-timeout"),
    httpx.ConnectError: Message.of("connect-error"),
    httpx.ReadError: Message.of("read-error"),
    httpx.RemoteProtocolError: Message.of("closed-early"),
    httpx.WriteError: Message.of("write-error"),
}


def _words(error: Exception) -> Message:
    what, why = _NETWORK_ERRORS.get(type(error)), str(error)
    if what:
        return Message.of("detailed", what=what, why=why) if why else what
    return Message.of_error(error) if why else Message.said(type(error).__name__)
