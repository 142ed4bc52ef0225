"""PNG data looked at without a picture library: its chunks, and whether its rows are all there.

Pure. The format is ISO/IEC 15948 (https://www.w3.org/TR/png/, sections 5, 7 and 9).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

MAGIC = b"\x89PNG\r\n\x1a\n"
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_LAST_FILTER = 4
# Packed data grows at most a thousandfold: at most 16 MiB come out of a slice.
_SLICE = 16 * 1024


def has_end(data: bytes) -> bool:
    """Whether the last chunk, IEND, is there as a whole."""
    return any(kind == b"IEND" for kind, _ in _chunks(data))


def rows_are_whole(data: bytes) -> bool:
    """Whether the pixels unpack, with the right sum, to exactly as many rows as are said.

    False if that is not so, or cannot be told quickly: an interlaced picture, or no isal
    (the extra `fast`), which takes a third of the CPU of zlib. A decoder must judge then.
    """
    try:
        from isal import isal_zlib
    except ImportError:
        return False
    width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    if interlaced or not width * height:
        return False
    row = 1 + (width * depth * _SAMPLES[colour] + 7) // 8
    unpacking, size = isal_zlib.decompressobj(), 0
    try:
        for piece in _packed(data):
            pixels = unpacking.decompress(piece)
            if max(pixels[-size % row :: row], default=0) > _LAST_FILTER:
                return False
            size += len(pixels)
            if size > row * height:
                return False
    except Exception:  # isal's own error has no type
        return False
    return bool(unpacking.eof) and size == row * height


def _packed(data: bytes) -> Iterator[memoryview]:
    """The packed pixels, slice by slice."""
    for kind, content in _chunks(data):
        if kind == b"IDAT":
            yield from (content[at : at + _SLICE] for at in range(0, len(content), _SLICE))


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Name and content of each whole chunk up to IEND."""
    at, view = len(MAGIC), memoryview(data)
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            return
        yield kind, view[at + 8 : end - 4]
        if kind == b"IEND":
            return
        at = end
