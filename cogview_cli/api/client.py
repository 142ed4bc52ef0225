"""The API call: one request, its answer kept whatever happens. The only sender of the key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Protocol

from cogview_cli.api.protocol import Answer
from cogview_cli.api.redaction import Redactors
from cogview_cli.api.request import ENDPOINT, ImageRequest
from cogview_cli.errors import MachineError
from cogview_cli.i18n import _
from cogview_cli.i18n.stored_messages import Message, StoredError
from cogview_cli.net import failures
from cogview_cli.net.clients import new_client, tls_failure, traced
from cogview_cli.net.request_body import RequestBody
from cogview_cli.net.response import Client, Response
from cogview_cli.net.target import Target, target_of

ANSWER_LIMIT = 48 * 2**20
KEPT_OF_TOO_LONG = 2**20
BEARER = "Bearer "
# After SIGCONT, an answer that already waits in the socket is still read.
GRACE_SECONDS = 0.5
_KEPT_HEADERS = (
    "content-type", "content-encoding", "date", "retry-after", "x-request-id",
    "x-log-id", "location", "server",
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


class Exchange:
    """One request under way: what was sent and what has arrived, without the key.

    Some servers repeat a key they refuse; it must reach neither screen nor disk.
    """

    def __init__(
        self, redactor: Redactors, body: RequestBody | None, limit: int = ANSWER_LIMIT
    ) -> None:
        """`body` None for a GET; of more than `limit` bytes of an answer only a part is kept."""
        self._redactor = redactor
        self._limit = limit
        self.body = body
        self.status = 0
        self.headers: dict[str, str] = {}
        self.raw = bytearray()
        self.whole = False
        self.began: float | None = None

    @property
    def sent(self) -> bool:
        """Whether it may have cost something: the body is on its way, or an answer came."""
        return bool(self.status or (self.body and self.body.taken))

    def begin(self, response: Response) -> None:
        self.status = response.status
        self.headers = {
            name: self._redactor.blotted_text(response.headers[name])[:500]
            for name in _KEPT_HEADERS
            if name in response.headers
        }

    async def receive(self, response: Response) -> None:
        """Takes what comes; of an answer that is too long the rest is left."""
        async for chunk in response.body:
            self.raw += chunk
            if self.too_long:
                return
        self.whole = True

    @property
    def too_long(self) -> bool:
        return len(self.raw) > self._limit

    def take(self, unread: failures.NotHttp) -> None:
        """Keeps what came although it is no answer: there may be a picture in it."""
        self.status, self.raw = unread.status, bytearray(unread.came)

    def answer(self) -> Answer:
        from cogview_cli.net.inflate import unpacked

        header = self.headers.get("content-encoding", "")
        data, unbroken = unpacked(bytes(self.raw), header, self._limit)
        fits = len(data) <= self._limit and not self.too_long
        raw = self._redactor.blotted(data if fits else data[:KEPT_OF_TOO_LONG])
        whole = self.whole and unbroken and fits
        return Answer(status=self.status, headers=self.headers, raw=raw, whole=whole)

    def now_in_hand(self) -> None:
        """The server has begun with the request (102): the time counts from the first such word."""
        if self.began is None:
            self.began = asyncio.get_running_loop().time()

    def words(self, error: Exception) -> Message:
        """What an exception says, in words to be stored; it may quote the server."""
        what, why = _NETWORK_ERRORS.get(type(error)), self._redactor.blotted_text(str(error))
        if what:
            return Message.of("detailed", what=what, why=why) if why else what
        if error.args and isinstance(error.args[0], Message):
            return error.args[0]
        return Message.said(why or type(error).__name__)

    @property
    def partial(self) -> Answer | None:
        return self.answer() if self.status or self.raw else None


class ApiClient:
    """Sends requests to one base URL, the key to its host only."""

    def __init__(
        self,
        base_url: str,
        key: Key | None,
        *,
        timeout: float,
        headers: Mapping[str, Key] = MappingProxyType({}),
        height_first: bool = False,
        trace: Callable[[str], None] | None = None,
    ) -> None:
        """`timeout`: seconds for a whole answer, from the first try to connect, or from when
        the server says that it has begun. `headers`: more of them, secrets like the key.
        `height_first`: the server reads a size as HEIGHTxWIDTH. `trace` hears of each exchange,
        a line at a time, for --debug.

        Raises MachineError for a URL, a proxy or CAs that can't be used.
        """
        self._base_url = base_url.rstrip("/")
        self._headers_sent = authorization(key, headers)
        sent = self._headers_sent.values()
        self._redactor = Redactors([*sent, *(value.removeprefix(BEARER) for value in sent)])
        self._timeout, self._height_first = timeout, height_first
        self._client: Client = new_client(_target(self._base_url), read_seconds=None)
        self._tracer = traced(self._client, trace, self._redactor.blotted_text) if trace else None
        self._client = self._tracer or self._client

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    @staticmethod
    def prepare() -> None:
        """Loads what reads an answer: a paid one must not wait for a file.

        Where that fails it is tried again before anything is sent, and told then.
        """
        with suppress(Exception):
            _load_reader()

    async def post(self, request: ImageRequest, path: str = ENDPOINT) -> Answer:
        """Sends `request` once and returns the raw answer, whatever its status.

        Raises NotSent, AnswerLost, or MachineError for TLS and proxy settings.
        """
        exchange = Exchange(
            self._redactor, RequestBody(request.encode(height_first=self._height_first))
        )
        await self._within_time("POST", path, exchange)
        return self._traced(exchange.answer())

    async def get(
        self, path: str, *, limit: int = ANSWER_LIMIT, seconds: float | None = None
    ) -> Answer:
        """What is at `path` below the base URL, at most `limit` bytes; it costs nothing.

        `seconds`: to wait for all of it, if that is less than for a picture.
        Raises NotSent where no answer began, AnswerLost where it did not end, MachineError.
        """
        exchange = Exchange(self._redactor, None, limit)
        within = self._timeout if seconds is None else min(seconds, self._timeout)
        await self._within_time("GET", path, exchange, within)
        return self._traced(exchange.answer())

    def _traced(self, answer: Answer) -> Answer:
        if self._tracer:
            self._tracer.body("<", answer.raw)
        return answer

    async def _within_time(
        self, method: str, path: str, exchange: Exchange, seconds: float | None = None
    ) -> None:
        _require()
        within = self._timeout if seconds is None else seconds
        task = asyncio.create_task(self._exchange(method, path, exchange))
        try:
            if not await self._done(task, exchange, within):
                raise TimeoutError(Message.of("no-answer", seconds=f"{within:g}"))
            task.result()
        except asyncio.CancelledError as error:
            # The run is being stopped at once, and only here is it known what was sent.
            stopped = InterruptedError(Message.of("stopped-before-answer"))
            raise _explained(stopped, exchange) from error
        except failures.NotHttp as error:
            if exchange.sent:  # else it is a proxy's
                exchange.take(error)
            raise _explained(error, exchange) from error
        except Exception as error:
            if self._tracer:
                self._tracer.error(exchange.words(error))
            raise _explained(error, exchange) from error
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task

    async def _done(self, task: asyncio.Task[None], exchange: Exchange, within: float) -> bool:
        """Whether `task` ends within so many seconds."""
        clock = asyncio.get_running_loop().time
        start = clock()
        while not task.done():
            left = (exchange.began or start) + within - clock()
            if left <= 0:
                await asyncio.wait({task}, timeout=GRACE_SECONDS)
                break
            await asyncio.wait({task}, timeout=left)
        return task.done()

    async def _exchange(self, method: str, path: str, exchange: Exchange) -> None:
        async with self._client.stream(
            method,
            _target(self._base_url + path),
            content=exchange.body,
            headers=self._headers(exchange.body),
            in_hand=exchange.now_in_hand,
        ) as response:
            exchange.begin(response)
            await exchange.receive(response)

    def _headers(self, body: RequestBody | None) -> dict[str, str]:
        headers = {"Accept": "application/json", **self._headers_sent}
        if body is not None:
            headers["Content-Type"] = body.content_type
            headers["Content-Length"] = str(len(body))
        return headers


def authorization(key: Key | None, headers: Mapping[str, Key]) -> dict[str, str]:
    """The headers that tell a server whose request it is. One's own go before the key."""
    own = {name: value.reveal() for name, value in headers.items()}
    if key is None or "authorization" in own:
        return own
    return {"Authorization": BEARER + key.reveal(), **own}


def _load_reader() -> None:
    """Loads what is needed once a request is on its way."""
    import cogview_cli.net.inflate
    import cogview_cli.net.lenient  # noqa: F401


def _require() -> None:
    """MachineError where an answer could not be read: it would be paid for and lost."""
    try:
        _load_reader()
    except Exception as error:  # a damaged file raises anything
        raise MachineError(
            Message.of("not-loaded", why=error),
            hint=_("install it again: pip install --force-reinstall cogview-cli"),
        ) from error


def _target(url: str) -> Target:
    try:
        return target_of(url)
    except ValueError as error:
        raise MachineError(
            _("the base URL '{url}' is not an address: {why}", url=url, why=error),
            hint=_("see: cogview config get base-url"),
        ) from error


def _explained(error: Exception, exchange: Exchange) -> Exception:
    """The one place where failures of the network get our words; their messages are stored."""
    if exchange.sent:
        return AnswerLost(exchange.words(error), exchange.partial)
    if tls := tls_failure(error):
        return MachineError(
            Message.of("tls", why=getattr(tls, "verify_message", "") or tls.reason or tls),
            hint=_("check the base URL, the clock and SSL_CERT_FILE; the key was not sent"),
        )
    if isinstance(error, failures.ProxyError) and "407" in str(error):
        return MachineError(Message.of("proxy-login"), hint=_("put it into HTTPS_PROXY"))
    if isinstance(error, failures.UnsupportedProtocol | failures.LocalProtocolError):
        return MachineError(
            Message.of("bad-request", why=error), hint=_("check the base URL and the key")
        )
    return NotSent(exchange.words(error))


_NETWORK_ERRORS: dict[type[Exception], Message] = {
    failures.ConnectTimeout: Message.of("connect-timeout"),
    failures.ConnectError: Message.of("connect-error"),
    failures.ReadError: Message.of("read-error"),
    failures.RemoteProtocolError: Message.of("closed-early"),
    failures.NotHttp: Message.of("closed-early"),
    failures.WriteError: Message.of("write-error"),
}
