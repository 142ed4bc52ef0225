"""How the image host answers, with and without a fault (cogview_cli/api/README.md#links)."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache

from cogview_cli.sandbox.wire import HTML, Peer, Request

PNG_TYPE = "image/png"
XML = "application/xml"
TEN_TB = 10 * 2**40
_BLOCK = bytes(65536)
_EXPIRED_PAGE = "<!doctype html><title>链接已过期</title><p>链接已过期</p>".encode()


@dataclass(frozen=True, slots=True)
class Fetch:
    """One GET of one picture. `mirror` is another origin that has the same pictures."""

    peer: Peer
    request: Request
    image: bytes
    mirror: str
    drip: float


Act = Callable[[Fetch], Awaitable[None]]


def xml_error(code: str, text: str) -> bytes:
    """An error body in the form of the image host."""
    return f"<Error><Code>{code}</Code><Message>{text}</Message></Error>".encode()


async def whole(fetch: Fetch) -> None:
    """The image as it is."""
    await fetch.peer.reply(200, fetch.image, PNG_TYPE)


async def _cut(fetch: Fetch) -> None:
    await fetch.peer.start(200, {"Content-Type": PNG_TYPE, "Content-Length": len(fetch.image)})
    await fetch.peer.send(fetch.image[: len(fetch.image) // 2])


async def _short(fetch: Fetch) -> None:
    await fetch.peer.start(200, {"Content-Type": PNG_TYPE})
    await fetch.peer.send(fetch.image[: len(fetch.image) // 2])


async def _stall(fetch: Fetch) -> None:
    await _cut(fetch)
    await fetch.peer.gone()


async def _slow(fetch: Fetch) -> None:
    await fetch.peer.start(200, {"Content-Type": PNG_TYPE, "Content-Length": len(fetch.image)})
    for start in range(0, len(fetch.image), 512):
        await fetch.peer.send(fetch.image[start : start + 512])
        await asyncio.sleep(fetch.drip)


async def _endless(fetch: Fetch) -> None:
    await fetch.peer.start(200, {"Content-Type": PNG_TYPE})
    await fetch.peer.send(fetch.image)
    while True:
        await fetch.peer.send(_BLOCK)
        await asyncio.sleep(0)


async def _huge_length(fetch: Fetch) -> None:
    await fetch.peer.start(200, {"Content-Type": PNG_TYPE, "Content-Length": TEN_TB})
    await fetch.peer.send(fetch.image)
    await fetch.peer.gone()


async def _gzip(fetch: Fetch) -> None:
    body = await asyncio.to_thread(_zip_bomb)
    await fetch.peer.reply(200, body, PNG_TYPE, {"Content-Encoding": "gzip"})


@lru_cache(maxsize=1)
def _zip_bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join(packer.compress(bytes(2**20)) for _ in range(128))
    return packed + packer.flush()


async def _flip(fetch: Fetch) -> None:
    body = bytearray(fetch.image)
    body[len(body) // 2] ^= 0x10
    await fetch.peer.reply(200, bytes(body), PNG_TYPE)


async def _lost(fetch: Fetch) -> None:
    fetch.peer.closing = True


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def bomb(side: int) -> bytes:
    """A small PNG that claims side x side pixels."""
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    data = _chunk(b"IDAT", zlib.compress(bytes(1024)))
    return b"\x89PNG\r\n\x1a\n" + header + data + _chunk(b"IEND", b"")


def _body(make: Callable[[bytes], bytes], kind: str = PNG_TYPE, **more: str) -> Act:
    """An intact 200 with another body, type or header (`_` in names stands for `-`)."""
    headers = {name.replace("_", "-"): value for name, value in more.items()}

    async def act(fetch: Fetch) -> None:
        await fetch.peer.reply(200, make(fetch.image), kind, headers)

    return act


def _error(status: int, code: str) -> Act:
    async def act(fetch: Fetch) -> None:
        await fetch.peer.reply(status, xml_error(code, "sandbox"), XML)

    return act


def _redirect(location: Callable[[Fetch], str]) -> Act:
    async def act(fetch: Fetch) -> None:
        await fetch.peer.reply(302, b"", HTML, {"Location": location(fetch)})

    return act


def _same(fetch: Fetch) -> str:
    return f"{fetch.request.path}?{fetch.request.query}"


ACTS: dict[str, Act] = {
    "cut-download": _cut,
    "short-download": _short,
    "trim-download": _body(lambda image: image[:-12]),
    "stall-download": _stall,
    "slow-download": _slow,
    "html-download": _body(lambda image: _EXPIRED_PAGE, "text/html; charset=utf-8"),
    "empty-download": _body(lambda image: b""),
    "403-download": _error(403, "AccessDenied"),
    "404-download": _error(404, "NoSuchKey"),
    "500-download": _error(500, "InternalError"),
    "oversize-download": _endless,
    "huge-length": _huge_length,
    "bomb-download": _body(lambda image: bomb(50_000)),
    "bomb-warning": _body(lambda image: bomb(12_000)),
    "flip-download": _flip,
    "gzip-download": _gzip,
    "wrong-type": _body(lambda image: image, "image/gif"),
    "jpeg": whole,
    "webp": whole,
    "disposition": _body(lambda image: image, Content_Disposition='attachment; filename="../../x"'),
    "redirect-download": _redirect(lambda fetch: fetch.mirror + _same(fetch)),
    "redirect-loop": _redirect(_same),
    "redirect-private": _redirect(lambda fetch: "http://169.254.169.254/latest/meta-data/"),
    "redirect-file": _redirect(lambda fetch: "file:///etc/passwd"),
    "lost-download": _lost,
}
