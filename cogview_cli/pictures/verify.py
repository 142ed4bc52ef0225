"""Is this file a whole picture? Told by its first bytes and a full decode.

PNG, JPEG and WebP are the formats of the API. Others that arrive all the same are
recognised, so that they can be kept under their own suffix.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cogview_cli.disk.unreadable import why_unreadable
from cogview_cli.i18n.stored_messages import Message, StoredError
from cogview_cli.pictures import containers

if TYPE_CHECKING:
    from PIL import Image

PIXEL_LIMIT = 2**25
READABLE = ("PNG", "JPEG", "WEBP")
# Text and profiles in a PNG may be larger than Pillow expects; what all of them take
# together stays bounded, by Pillow's MAX_TEXT_MEMORY of 64 MiB.
TEXT_LIMIT = 2**24
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_MAGIC = {
    _PNG_MAGIC: "png", b"\xff\xd8\xff": "jpeg", b"GIF87a": "gif", b"GIF89a": "gif",
    b"II*\0": "tiff", b"MM\0*": "tiff",
}  # fmt: skip
# A baseline or extended sequential JPEG says of each row once all there is to know.
_SEQUENTIAL = (0xC0, 0xC1)
# Bits that no picture ends in: if the pixels depend on them, some were missing.
_GUESSES = (b"", b"\x55" * 64, b"\xaa" * 64, b"\x2b\xd4" * 32)


class NotAnImage(StoredError):
    """The bytes are no picture at all, or of a kind that is not known."""


class Damaged(NotAnImage):
    """A picture that is cut short or does not decode; the next copy may be whole."""


class TooLarge(StoredError):
    """A picture with more pixels than any model makes: perhaps a decompression bomb."""


class ImageInfo(NamedTuple):
    """`format` is a name of SAVED_SUFFIXES; sizes in pixels, 0 where they cannot be told.

    `ended`: the mark of its end is there. All pixels are in any case.
    """

    format: str
    width: int
    height: int
    ended: bool = True


def sniff(head: bytes) -> str | None:
    """The format by its first 32 bytes; the rest lies (cogview_cli/api/README.md#picture-files)."""
    for magic, format in _MAGIC.items():
        if head.startswith(magic):
            return format
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return "bmp"
    return containers.brand(head)


def check(path: Path) -> ImageInfo:
    """Decodes the whole picture. Raises NotAnImage, Damaged or TooLarge."""
    return check_bytes(path.read_bytes())


def check_bytes(data: bytes) -> ImageInfo:
    """As `check`, for the content of a file."""
    found = sniff(data[:32])
    if found is None:
        raise NotAnImage(Message.of("unknown-format"))
    try:
        return _judge(found, data)
    except (NotAnImage, TooLarge):
        raise
    except Exception as error:
        # Decoders raise anything from SyntaxError to struct.error on hostile data.
        raise _undecodable(found, why_unreadable(error)) from error


def _judge(found: str, data: bytes) -> ImageInfo:
    if found == "jpeg":
        return _jpeg(data)
    if found == "png":
        return _decode(found, _pixels_of(data))
    if not _has_end(found, data):
        raise _cut_short(found)
    if found in ("tiff", "heic") or not _decodes(found):
        return ImageInfo(found, *_size_of(found, data))
    return _decode(found, data)


def _cut_short(found: str) -> Damaged:
    return Damaged(Message.of("data-cut", format=found.upper()))


def _undecodable(found: str, why: Message) -> Damaged:
    return Damaged(Message.of("undecodable", format=found.upper(), why=why))


def open_picture(source: Path | io.BytesIO, formats: tuple[str, ...]) -> Image.Image:
    """Opens a picture. Pillow is loaded here: a request need not wait for it to be sent."""
    from PIL import Image, PngImagePlugin

    from cogview_cli.pillow import open_image

    # The size is checked against PIXEL_LIMIT before any decoding, as an error, in every thread.
    Image.MAX_IMAGE_PIXELS = None
    PngImagePlugin.MAX_TEXT_CHUNK = TEXT_LIMIT
    return open_image(source, formats)


def _decodes(found: str) -> bool:
    """Whether this Pillow has the decoder: AVIF came late, and not everywhere."""
    from PIL import features

    return found != "avif" or bool(features.check("avif"))


def _decode(found: str, data: bytes) -> ImageInfo:
    with open_picture(io.BytesIO(data), (found.upper(),)) as image:
        width, height = _bounded(image.size)
        image.load()
    return ImageInfo(format=found, width=width, height=height)


def _bounded(size: tuple[int, int]) -> tuple[int, int]:
    width, height = size
    if width * height > PIXEL_LIMIT:
        raise TooLarge(Message.of("too-many-pixels", pixels=f"{width}x{height}"))
    return width, height


def _has_end(found: str, data: bytes) -> bool:
    if found == "webp":
        return len(data) >= int.from_bytes(data[4:8], "little") + 8
    if found == "gif":
        return data.rstrip(b"\0").endswith(b";")
    return found not in ("avif", "heic") or containers.is_whole(data)


def _size_of(found: str, data: bytes) -> tuple[int, int]:
    """The size of a picture whose pixels are not decoded."""
    if found != "tiff":
        return _bounded(containers.size(data))
    with open_picture(io.BytesIO(data), ("TIFF",)) as image:
        if containers.tiff_end(dict(image.tag_v2)) > len(data):  # type: ignore[attr-defined]
            raise _cut_short(found)
        return _bounded(image.size)


# PNG: https://www.w3.org/TR/png/, sections 5.3 (chunks) and 5.4 (critical ones).


def _pixels_of(data: bytes) -> bytes:
    """A PNG's critical chunks, the sums of all of them checked: texts are not unpacked."""
    kept, kind = [memoryview(_PNG_MAGIC)], b""
    for kind, chunk in _chunks(memoryview(data)):
        if zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
            raise _undecodable("png", Message.of("wrong-sum", chunk=kind.decode("latin-1")))
        if not kind[0] & 0x20:
            kept.append(chunk)
    if kind != b"IEND":
        raise _cut_short("png")
    # A copy is megabytes, and no other thread runs while it is made.
    return data if sum(map(len, kept)) == len(data) else b"".join(kept)


def _chunks(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Name and bytes of each whole chunk up to IEND."""
    at, kind = len(_PNG_MAGIC), b""
    while at + 12 <= len(data) and kind != b"IEND":
        kind = bytes(data[at + 4 : at + 8])
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            return
        yield kind, data[at:end]
        at = end


# JPEG: ITU-T T.81, annex B.


def _jpeg(data: bytes) -> ImageInfo:
    if b"\xff\xd9" in data:
        try:
            return _decode("jpeg", data)
        except OSError:
            pass  # the mark of a thumbnail, perhaps
    return _without_end(data)


def _without_end(data: bytes) -> ImageInfo:
    """A JPEG that lost its end mark and nothing else. Damaged if pixels are missing too."""
    bare = data.rstrip(b"\xff")
    if containers.jpeg_frame(data) not in _SEQUENTIAL:
        raise _cut_short("jpeg")
    pixels = {_pixels(bare + guess + b"\xff\xd9") for guess in _GUESSES}
    if len(pixels) != 1:
        raise _cut_short("jpeg")
    return _decode("jpeg", bare + b"\xff\xd9")._replace(ended=False)


def _pixels(data: bytes) -> bytes:
    import hashlib

    with open_picture(io.BytesIO(data), ("JPEG",)) as image:
        _bounded(image.size)
        return hashlib.sha256(image.tobytes()).digest()
