"""Is this file a whole picture? Told by its first bytes and a full decode."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cogview_cli.i18n.stored_messages import Message, StoredError

if TYPE_CHECKING:
    from PIL import Image

PIXEL_LIMIT = 2**25
READABLE = ("PNG", "JPEG", "WEBP")
SUFFIXES = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


class NotAnImage(StoredError):
    """The bytes are not a whole PNG, JPEG or WebP picture."""


class TooLarge(StoredError):
    """A picture with more pixels than any model makes: perhaps a decompression bomb."""


class ImageInfo(NamedTuple):
    """`format` is `png`, `jpeg` or `webp`; sizes in pixels."""

    format: str
    width: int
    height: int


def sniff(head: bytes) -> str | None:
    """The format by its first bytes; the rest lies (cogview_cli/api/README.md#picture-files)."""
    if head.startswith(_PNG_MAGIC):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    return None


def check(path: Path) -> ImageInfo:
    """Decodes the whole picture. Raises NotAnImage or TooLarge."""
    data = path.read_bytes()
    found = sniff(data[:16])
    if found is None:
        raise NotAnImage(Message.of("unknown-format"))
    if not _has_end(found, data):
        raise NotAnImage(Message.of("data-cut", format=found.upper()))
    try:
        return _decode(found, data)
    except TooLarge:
        raise
    except Exception as error:
        # Decoders raise anything from SyntaxError to struct.error on hostile data.
        why = Message.of("undecodable", format=found.upper(), why=error)
        raise NotAnImage(why) from error


def open_picture(source: Path | io.BytesIO, formats: tuple[str, ...]) -> Image.Image:
    """Opens a picture. Pillow is loaded here: a request need not wait for it to be sent."""
    from PIL import Image

    # The size is checked against PIXEL_LIMIT before any decoding, as an error, in every thread.
    Image.MAX_IMAGE_PIXELS = None
    return Image.open(source, formats=formats)


def _decode(found: str, data: bytes) -> ImageInfo:
    with open_picture(io.BytesIO(data), (found.upper(),)) as image:
        width, height = image.size
        if width * height > PIXEL_LIMIT:
            raise TooLarge(Message.of("too-many-pixels", pixels=f"{width}x{height}"))
        image.verify()
    # verify() checks PNG sums that load() passes over; load() finds what verify() does not.
    with open_picture(io.BytesIO(data), (found.upper(),)) as image:
        image.load()
    return ImageInfo(format=found, width=width, height=height)


def _has_end(found: str, data: bytes) -> bool:
    if found == "png":
        return _has_iend(data)
    if found == "webp":
        return len(data) >= int.from_bytes(data[4:8], "little") + 8
    return b"\xff\xd9" in data


def _has_iend(data: bytes) -> bool:
    """Whether the last chunk of a PNG is there as a whole (ISO/IEC 15948, section 5.3)."""
    at = len(_PNG_MAGIC)
    while at + 12 <= len(data):
        kind = data[at + 4 : at + 8]
        at += 12 + int.from_bytes(data[at : at + 4], "big")
        if kind == b"IEND":
            return at <= len(data)
    return False
