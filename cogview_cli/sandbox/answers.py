"""How the API answers under each fault of `faults` (cogview_cli/api/README.md#answers)."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cogview_cli.sandbox.gallery import LINK_TIMES
from cogview_cli.sandbox.gateway import LOSSES, REFUSALS, detail
from cogview_cli.sandbox.messages import CHINESE, error_body
from cogview_cli.sandbox.wire import HTML, JSON, Peer, head

Fields = dict[str, object]
_PAGE = b"<html><body><h1>upstream failed</h1></body></html>"
_PAST = "Wed, 21 Oct 2015 07:28:00 GMT"
_HOSTILE = (
    "\x1b[2J\x1b]0;owned\x07\x1b]52;c;cm0gLXJmIH4=\x07"
    "[red]markup[/red] [link=http://example.invalid]here[/link] \u202egnp.exe\u2066\x9b31m\r\nnext"
)


@dataclass(frozen=True, slots=True)
class Plain:
    """A complete answer that needs nothing from the request."""

    status: int
    body: bytes
    kind: str = JSON
    headers: dict[str, str | int] = field(default_factory=dict)


def _slow_down(retry_after: str) -> Plain:
    return Plain(429, error_body("1303", CHINESE["1303"]), headers={"Retry-After": retry_after})


FREE: dict[str, Plain] = {
    "html-500": Plain(500, _PAGE, HTML),
    "html-502": Plain(502, _PAGE, HTML),
    "html-404": Plain(404, b"<html><h1>404 Not Found</h1></html>", HTML),
    "503": Plain(503, b"", HTML, {"Retry-After": 1}),
    "504": Plain(504, _PAGE, HTML),
    "408": Plain(408, error_body("408", "请求超时")),
    "retry-after-2": _slow_down("2"),
    "retry-after-day": _slow_down("86400"),
    "retry-after-junk": _slow_down("soon"),
    "retry-after-digits": _slow_down("9" * 20),
    "retry-after-past": _slow_down(_PAST),
    "error-in-200": Plain(200, error_body("1302", CHINESE["1302"])),
    "code-number": Plain(429, b'{"error":{"code":1302,"message":"sandbox"}}'),
    "hostile": Plain(400, error_body("1210", _HOSTILE)),
    "loading": Plain(503, detail("The model is being loaded"), headers={"Retry-After": 1}),
    **{name: Plain(*answer) for name, answer in REFUSALS.items()},
}


def moved(location: str) -> Plain:
    """A 307, which a client may take as leave to repeat the POST elsewhere."""
    return Plain(307, b"", HTML, {"Location": location})


def encode(fields: Fields) -> bytes:
    """JSON as the vendor sends it."""
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def _with(**more: object) -> Callable[[Fields], bytes]:
    return lambda fields: encode({**fields, **more})


def _without(name: str) -> Callable[[Fields], bytes]:
    return lambda fields: encode({key: value for key, value in fields.items() if key != name})


def _spliced(extra: bytes) -> Callable[[Fields], bytes]:
    """The usual answer with raw JSON members put before its last brace."""
    return lambda fields: encode(fields)[:-1] + b"," + extra + b"}"


def _renamed(fields: Fields) -> bytes:
    return encode({("contentFilter" if k == "content_filter" else k): v for k, v in fields.items()})


def _half(fields: Fields) -> bytes:
    """Cut inside the url, if there is one."""
    body = encode(fields)
    start = body.find(b'"url"')
    return body[: start + 20 if start >= 0 else len(body) // 2]


_HELP = "https://docs.example.invalid/help"


def _in_events(fields: Fields) -> bytes:
    return b'event: partial\ndata: {"progress":50}\n\ndata: ' + encode(fields) + b"\n\n"


def _in_parts(fields: Fields) -> bytes:
    opening = b"--part\r\nContent-Type: application/json\r\n\r\n"
    return opening + encode(fields) + b"\r\n--part--\r\n"


def _as_results(fields: Fields) -> bytes:
    output = {"task_status": "SUCCEEDED", "results": fields["data"]}
    return encode({"request_id": "r", "output": output})


_SEVERE = [{"role": "assistant", "level": 0}]
BODIES: dict[str, Callable[[Fields], bytes]] = {
    "empty-200": lambda fields: b"",
    "html-200": lambda fields: b"<html><body>Sign in to continue</body></html>",
    "bom-200": lambda fields: b"\xef\xbb\xbf" + encode(fields),
    "cut-json": _half,
    "deep-json": _spliced(b'"deep":' + b"[" * 100_000 + b"]" * 100_000),
    "big-number": _spliced(b'"number":' + b"9" * 5_000),
    "nan-json": _spliced(b'"number":NaN'),
    "surrogate-json": _spliced(b'"text":"\\ud800"'),
    "twice-json": _spliced(b'"data":[]'),
    "url-number": _with(data=[{"url": 7}]),
    "url-null": _with(data=[{"url": None}]),
    "empty-data": _with(data=[]),
    "no-data": _without("data"),
    "filtered": _with(data=[], content_filter=_SEVERE),
    "camel-filter": _renamed,
    "no-filter": _without("content_filter"),
    "created-text": lambda fields: encode({**fields, "created": str(fields["created"])}),
    "two-images": encode,
    "b64": encode,
    "error-beside": _with(error={"code": "1302", "message": "sandbox"}),
    "null-data": _with(data=None, content_filter=None),
    "docs-link": _with(
        data=[], content_filter=_SEVERE, message=_HELP, help={"url": _HELP, "icon": f"{_HELP}.png"}
    ),
    "nested-data": lambda fields: encode({"code": 200, "data": fields}),
    "output-results": _as_results,
    "utf16-200": lambda fields: encode(fields).decode().encode("utf-16"),
    "junk-behind": lambda fields: encode(fields) + b"\n<!-- served in 9 s -->",
    "two-objects": lambda fields: b'{"created":1}\n' + encode(fields),
    "event-stream": _in_events,
    "multipart": _in_parts,
    "b64-lines": encode,
    "b64-and-url": encode,
    "url-and-junk": encode,
    "data-picture": encode,
}
# A picture's path below the API's own origin.
CONTENT = "/v1/images/{name}/content"
# What befalls any body; the others are about pictures.
ANY_BODY = (
    *("empty-200", "html-200", "bom-200", "utf16-200", "cut-json", "deep-json", "big-number"),
    *("nan-json", "surrogate-json", "error-beside", "junk-behind", "event-stream", "multipart"),
)
URLS: dict[str, Callable[[str], str]] = {
    **dict.fromkeys(("expired-url", *LINK_TIMES), lambda url: url),
    "private-url": lambda url: "http://169.254.169.254/latest/meta-data/iam",
    "http-url": lambda url: "http://images.example.invalid/1_watermark.png",
    "file-url": lambda url: "file:///etc/passwd",
    "data-url": lambda url: "data:image/png;base64,iVBORw0KGgo=",
    "host-url": lambda url: "https://images..example.invalid/1.png",
    "label-url": lambda url: f"https://{'a' * 64}.invalid/1.png",
    "punycode-url": lambda url: "https://xn--0.invalid/1.png",
    "number-url": lambda url: "https://2852039166/latest",
    "zone-url": lambda url: "https://[fe80::1%25eth0]/1.png",
    "port-url": lambda url: "https://images.invalid:99999/1.png",
    "zero-port-url": lambda url: "https://images.invalid:0/1.png",
    "spaced-url": lambda url: f" \n{url}\t\n",
    "userinfo-url": lambda url: url.replace("://", "://user:secret@", 1),
    "control-url": lambda url: url + "\n\x1b[31m",
    "relative-url": lambda url: CONTENT.format(name=urlsplit(url).path.removeprefix("/")),
    "disk-path": lambda url: "/root/.xinference/image/1f0c.jpg",
    "long-url": lambda url: url + "&pad=" + "a" * (10_000 - len(url) - 5),
}


def _base64(image: bytes) -> str:
    return base64.b64encode(image).decode()


def _in_lines(url: str, image: bytes) -> dict[str, str]:
    packed = base64.urlsafe_b64encode(image).decode().rstrip("=")
    return {"b64_json": "\r\n".join(packed[at : at + 76] for at in range(0, len(packed), 76))}


# The picture in the answer itself, by its usual url and its bytes.
INLINE: dict[str, Callable[[str, bytes], dict[str, str]]] = {
    "b64": lambda url, image: {"b64_json": _base64(image)},
    "b64-lines": _in_lines,
    "b64-and-url": lambda url, image: {"url": "file:///1.png", "b64_json": _base64(image)},
    "url-and-junk": lambda url, image: {"url": url, "b64_json": "not base64!"},
    "data-picture": lambda url, image: {"url": f"data:image/png;base64,{_base64(image)}"},
}


@dataclass(frozen=True, slots=True)
class HttpReply:
    """A produced answer on its way out. `drip` is the pause of slow faults in seconds."""

    peer: Peer
    body: bytes
    drip: float

    async def open(self) -> None:
        await self.peer.start(200, {"Content-Type": JSON, "Content-Length": len(self.body)})


async def _lost(reply: HttpReply) -> None:
    reply.peer.closing = True


async def _reset(reply: HttpReply) -> None:
    reply.peer.reset()


async def _silent(reply: HttpReply) -> None:
    await reply.peer.gone()


async def _cut_late(reply: HttpReply) -> None:
    await reply.open()
    end = reply.body.find(b"}]") + 1
    await reply.peer.send(reply.body[: end or len(reply.body) - 1])


async def _cut_early(reply: HttpReply) -> None:
    await reply.open()
    await reply.peer.send(reply.body[:12])


async def _slow(reply: HttpReply) -> None:
    await reply.open()
    for byte in reply.body:
        await reply.peer.send(bytes([byte]))
        await asyncio.sleep(reply.drip)


async def _slow_headers(reply: HttpReply) -> None:
    reply.peer.closing = True
    await reply.peer.send(b"HTTP/1.1 200 OK\r\n")
    for number in range(1_000_000):
        await reply.peer.send(b"X-Wait-%d: 1\r\n" % number)
        await asyncio.sleep(reply.drip)


async def _hints(reply: HttpReply) -> None:
    await reply.peer.send(head(103, {"Link": "</style.css>; rel=preload"}))
    await reply.peer.reply(200, reply.body)


async def _endless(reply: HttpReply) -> None:
    await reply.peer.start(200, {"Content-Type": JSON})
    await reply.peer.send(b'{"created":1,"pad":"')
    while True:
        await reply.peer.send(b"a" * 65536)
        await asyncio.sleep(0)


async def _huge_header(reply: HttpReply) -> None:
    await reply.peer.reply(200, reply.body, more={"X-Pad": "a" * 200_000})


def _raw(opening: bytes, *, length: bool = True) -> Callable[[HttpReply], Awaitable[None]]:
    """The answer behind these lines of a head, nothing in order."""

    async def send(reply: HttpReply) -> None:
        size = b"Content-Length: %d\r\n" % len(reply.body) if length else b""
        reply.peer.closing = True
        await reply.peer.send(opening + size + b"\r\n" + reply.body)

    return send


async def _no_head(reply: HttpReply) -> None:
    reply.peer.closing = True
    await reply.peer.send(reply.body)


def _lost_by_gateway(status: int, body: bytes) -> Callable[[HttpReply], Awaitable[None]]:
    async def send(reply: HttpReply) -> None:
        await reply.peer.reply(status, body)

    return send


async def _charged_502(reply: HttpReply) -> None:
    await reply.peer.reply(502, _PAGE, HTML)


WIRES: dict[str, Callable[[HttpReply], Awaitable[None]]] = {
    "lost-answer": _lost,
    "reset": _reset,
    "silent": _silent,
    "cut-answer": _cut_late,
    "cut-early": _cut_early,
    "slow-answer": _slow,
    "slow-headers": _slow_headers,
    "early-hints": _hints,
    "big-answer": _endless,
    "huge-header": _huge_header,
    "odd-header": _raw(b"HTTP/1.1 200 OK\r\nX-Corp-Proxy : x\r\n"),
    "two-lengths": _raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n"),
    "no-reason": _raw(b"HTTP/1.0 200\r\n", length=False),
    "broken-chunks": _raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", length=False),
    "no-head": _no_head,
    "html-502-charged": _charged_502,
    **{name: _lost_by_gateway(*answer) for name, answer in LOSSES.items()},
}
