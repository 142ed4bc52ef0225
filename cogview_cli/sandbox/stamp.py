"""A mark that makes each picture its own file: the vendor draws the same prompt anew each time.

It is put into the finished bytes, so that a picture that is drawn need not be drawn again.
"""

from __future__ import annotations

import struct
import zlib

_PNG_HEAD = 33  # the signature and the first chunk, IHDR


def stamped(image: bytes, text: str) -> bytes:
    """`image`, a PNG, JPEG or WebP, with `text` in it as a comment."""
    mark = text.encode("ascii", "replace")
    if image.startswith(b"\x89PNG"):
        return image[:_PNG_HEAD] + _chunk(b"tEXt", b"Serial\0" + mark) + image[_PNG_HEAD:]
    if image.startswith(b"\xff\xd8"):
        return image[:2] + b"\xff\xfe" + struct.pack(">H", len(mark) + 2) + mark + image[2:]
    return _in_webp(image, mark)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _in_webp(image: bytes, mark: bytes) -> bytes:
    """A chunk of its own at the end: readers pass over those they do not know."""
    padded = mark + b"\0" * (len(mark) % 2)
    body = image[8:] + b"NOTE" + struct.pack("<I", len(mark)) + padded
    return b"RIFF" + struct.pack("<I", len(body)) + body
