"""How the image host answers, with and without a fault (cogview_cli/api/README.md#links)."""

from __future__ import annotations

import asyncio
import gzip
import io
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
_BINARY = bytes(range(256)) * 64
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


def _error(status: int, code: str, **more: str) -> Act:
    headers = {name.replace("_", "-"): value for name, value in more.items()}

    async def act(fetch: Fetch) -> None:
        await fetch.peer.reply(status, xml_error(code, "sandbox"), XML, headers)

    return act


def _redirect(location: Callable[[Fetch], str]) -> Act:
    async def act(fetch: Fetch) -> None:
        await fetch.peer.reply(302, b"", HTML, {"Location": location(fetch)})

    return act


async def _all_of_it(fetch: Fetch) -> None:
    size = len(fetch.image)
    headers = {"Content-Range": f"bytes 0-{size - 1}/{size}"}
    await fetch.peer.reply(206, fetch.image, PNG_TYPE, headers)


async def _half_of_it(fetch: Fetch) -> None:
    size, half = len(fetch.image), fetch.image[: len(fetch.image) // 2]
    headers = {"Content-Range": f"bytes 0-{len(half) - 1}/{size}"}
    await fetch.peer.reply(206, half, PNG_TYPE, headers)


def _with_texts(image: bytes) -> bytes:
    """A PNG with a packed text and a packed profile, each of more than Pillow's limits."""
    long = zlib.compress(b"prompt " * (2 * 2**20 // 7))
    text = _chunk(b"zTXt", b"parameters\0\0" + long)
    profile = _chunk(b"iCCP", b"icc\0\0" + long)
    return image[:33] + profile + text + image[33:]


def _as(format: str, **options: int) -> Callable[[bytes], bytes]:
    """The picture in another format."""

    def encode(image: bytes) -> bytes:
        from PIL import Image

        out = io.BytesIO()
        with Image.open(io.BytesIO(image)) as picture:
            picture.convert("RGB").save(out, format, **options)
        return out.getvalue()

    return encode


def _without_end(image: bytes) -> bytes:
    return _as("JPEG")(image)[:-2]


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
    "503-download": _error(503, "SlowDown", Retry_After="1"),
    "503-day-download": _error(503, "SlowDown", Retry_After="86400"),
    "oversize-download": _endless,
    "huge-length": _huge_length,
    "bomb-download": _body(lambda image: bomb(50_000)),
    "bomb-warning": _body(lambda image: bomb(12_000)),
    "flip-download": _flip,
    "gzip-download": _gzip,
    "packed-download": _body(gzip.compress, Content_Encoding="gzip"),
    "packed-unsaid": _body(gzip.compress),
    "packed-cut": _body(lambda image: gzip.compress(image)[:-12], Content_Encoding="gzip"),
    "br-download": _body(lambda image: _BINARY, Content_Encoding="br"),
    "binary-download": _body(lambda image: _BINARY),
    "206-download": _all_of_it,
    "206-part": _half_of_it,
    "text-download": _body(_with_texts),
    "noend-download": _body(_without_end),
    "gif-download": _body(_as("GIF")),
    "bmp-download": _body(_as("BMP")),
    "tiff-download": _body(_as("TIFF")),
    "avif-download": _body(_as("AVIF", speed=10)),
    "wrong-type": _body(lambda image: image, "image/gif"),
    "jpeg": whole,
    "webp": whole,
    "disposition": _body(lambda image: image, Content_Disposition='attachment; filename="../../x"'),
    "redirect-download": _redirect(lambda fetch: fetch.mirror + _same(fetch)),
    "redirect-loop": _redirect(_same),
    "redirect-private": _redirect(lambda fetch: "http://169.254.169.254/latest/meta-data/"),
    "redirect-file": _redirect(lambda fetch: "file:///etc/passwd"),
    "redirect-junk": _redirect(lambda fetch: "https://[::1/x"),
    "redirect-port": _redirect(lambda fetch: "https://images.invalid:99999/1.png"),
    "redirect-empty": _redirect(lambda fetch: ""),
    "lost-download": _lost,
}
