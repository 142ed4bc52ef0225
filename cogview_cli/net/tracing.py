"""What --debug shows of each exchange, as `curl -v` does: no key, no signature of a link."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from typing import Any

import httpx

SHOWN_CHARACTERS = 2000
# The others may hold a secret: a key under any name, a header of one's own, a cookie.
_SENT_AS_IT_IS = frozenset(
    ("host", "user-agent", "accept", "accept-encoding", "connection", "content-type",
     "content-length")
)  # fmt: skip
_KEPT_BACK = frozenset(("set-cookie", "authorization", "proxy-authorization"))
_SIGNED = re.compile(r"(https?:(?:\\?/){2}[^\s\"'<>?]*?)(?:\?|\\u003[fF])[^\s\"'<>]*")
_INLINE = re.compile(r"[A-Za-z0-9+/=_\\-]{400,}")
Say = Callable[[str], None]


class Tracer:
    """Tells of the exchanges of one client."""

    def __init__(self, say: Say, blotted: Callable[[str], str] = str) -> None:
        """`blotted`: its text without the secrets that a server may repeat."""
        self._say, self._blotted = say, blotted

    @property
    def hooks(self) -> dict[str, list[Callable[[Any], Any]]]:
        """For a client's `event_hooks`; they work with every transport."""
        return {"request": [self._request], "response": [self._response]}

    async def _request(self, request: httpx.Request) -> None:
        request.extensions["traced"] = time.monotonic()
        self._tell(">", [f"{request.method} {request.url}", *_sent(request.headers)])
        self.body(">", request.extensions.get("body", b""))

    async def _response(self, response: httpx.Response) -> None:
        began = response.request.extensions.get("traced", time.monotonic())
        line = f"HTTP {response.status_code}  ({time.monotonic() - began:.2f} s)"
        self._tell("<", [line, *_received(response.headers)])

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


def _sent(headers: httpx.Headers) -> list[str]:
    return [
        f"{name}: {value if name in _SENT_AS_IT_IS else _masked(name, value)}"
        for name, value in headers.multi_items()
    ]


def _masked(name: str, value: str) -> str:
    return "Bearer ***" if name == "authorization" and value.startswith("Bearer ") else "***"


def _received(headers: httpx.Headers) -> list[str]:
    return [f"{name}: {_shown(name, value)}" for name, value in headers.multi_items()]


def _shown(name: str, value: str) -> str:
    if name == "location":
        return value.partition("?")[0] + ("?***" if "?" in value else "")
    return "***" if name in _KEPT_BACK else value
