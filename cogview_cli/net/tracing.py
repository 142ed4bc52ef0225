"""What --debug shows of each exchange, as `curl -v` does: no key, no signature of a link."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

from cogview_cli.net.request_body import RequestBody
from cogview_cli.net.response import Client, Response
from cogview_cli.net.target import Target

SHOWN_CHARACTERS = 2000
# The others may hold a secret: a key under any name, a header of one's own, a cookie.
_SENT_AS_IT_IS = frozenset(("accept", "content-type", "content-length"))
_KEPT_BACK = frozenset(("set-cookie", "authorization", "proxy-authorization"))
_SIGNED = re.compile(r"(https?:(?:\\?/){2}[^\s\"'<>?]*?)(?:\?|\\u003[fF])[^\s\"'<>]*")
_INLINE = re.compile(r"[A-Za-z0-9+/=_\\-]{400,}")
Say = Callable[[str], None]


class TracedClient:
    """A client whose exchanges are told, whatever way they take."""

    def __init__(self, client: Client, say: Say, blotted: Callable[[str], str]) -> None:
        """`blotted`: its text without the secrets that a server may repeat."""
        self._client, self._say, self._blotted = client, say, blotted

    async def aclose(self) -> None:
        """Closes what is open."""
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
        """As that of the client behind it."""
        began = time.monotonic()
        self._tell(">", [f"{method} {target.url}", *_sent(headers)])
        if isinstance(content, RequestBody):
            self.body(">", content.shown)
        async with self._client.stream(
            method, target, content=content, headers=headers, addresses=addresses, in_hand=in_hand
        ) as response:
            line = f"HTTP {response.status}  ({time.monotonic() - began:.2f} s)"
            self._tell("<", [line, *_received(response.headers)])
            yield response

    def body(self, side: str, data: bytes) -> None:
        """A body, cut to a size that can be read."""
        text = data.decode("utf-8", "replace")
        shown = _INLINE.sub(_counted, text[: SHOWN_CHARACTERS * 50])
        more = f" … {len(data)} bytes in all" if len(shown) > SHOWN_CHARACTERS else ""
        self._tell(side, [shown[:SHOWN_CHARACTERS] + more] if data else [])

    def error(self, why: object) -> None:
        """What came instead of an answer."""
        self._tell("*", [str(why)])

    def _tell(self, side: str, lines: Iterable[str]) -> None:
        for line in lines:
            self._say(f"{side} {unsigned_text(self._blotted(line))}")


def unsigned_text(text: str) -> str:
    """Text whose links show no query."""
    return _SIGNED.sub(r"\1?***", text)


def _counted(match: re.Match[str]) -> str:
    return f"({len(match[0])} characters of base64)"


def _sent(headers: Mapping[str, str]) -> list[str]:
    return [f"{name}: {_masked(name.lower(), value)}" for name, value in headers.items()]


def _masked(name: str, value: str) -> str:
    if name in _SENT_AS_IT_IS:
        return value
    return "Bearer ***" if name == "authorization" and value.startswith("Bearer ") else "***"


def _received(headers: Mapping[str, str]) -> list[str]:
    return [f"{name}: {_shown(name.lower(), value)}" for name, value in headers.items()]


def _shown(name: str, value: str) -> str:
    if name == "location":
        return value.partition("?")[0] + ("?***" if "?" in value else "")
    return "***" if name in _KEPT_BACK else value
