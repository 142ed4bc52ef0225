"""What a picture's container says: brands, ends and sizes, read without a decoder. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

# ISO/IEC 14496-12 §4.3 and 23000-22; a file of brand mif1 may be either, by its others.
_BRANDS = {
    b"avif": "avif", b"avis": "avif", b"heic": "heic", b"heix": "heic", b"heim": "heic",
    b"heis": "heic", b"hevc": "heic", b"hevx": "heic", b"mif1": "heic", b"msf1": "heic",
}  # fmt: skip
_STRIPS, _TILES = (273, 279), (324, 325)  # TIFF 6.0: offsets and byte counts


def brand(head: bytes) -> str | None:
    """`avif` or `heic` by the first bytes of an ISO media file."""
    if head[4:8] != b"ftyp":
        return None
    end = min(int.from_bytes(head[:4], "big"), len(head))
    others = [head[at : at + 4] for at in range(16, end - 3, 4)]
    found = [_BRANDS[name] for name in (head[8:12], *others) if name in _BRANDS]
    return "avif" if "avif" in found else next(iter(found), None)


def is_whole(data: bytes) -> bool:
    """Whether the outer boxes end exactly where the file does."""
    ends = [end for _kind, _at, end in _boxes(data, 0, len(data))]
    return bool(ends) and ends[-1] == len(data)


def _boxes(data: bytes, at: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, start of the content and end of each box; the end may lie beyond `stop`."""
    while at + 8 <= stop:
        length, inside = int.from_bytes(data[at : at + 4], "big"), at + 8
        if length == 1:
            length, inside = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
        end = stop if length == 0 else at + length
        if end < inside:
            return
        yield data[at + 4 : at + 8], inside, end
        at = end


def size(data: bytes) -> tuple[int, int]:
    """The largest picture's width and height by its `ispe` properties; 0, 0 if it has none."""
    found, at = [(0, 0)], data.find(b"ispe")
    while at >= 0:
        numbers = data[at + 8 : at + 16]
        found.append((int.from_bytes(numbers[:4], "big"), int.from_bytes(numbers[4:], "big")))
        at = data.find(b"ispe", at + 4)
    return max(found, key=lambda pair: pair[0] * pair[1])


def tiff_end(tags: Mapping[int, Any]) -> int:
    """Where the last strip or tile of the first picture ends, in bytes."""
    ends = [0]
    for offsets, counts in (_STRIPS, _TILES):
        pairs = zip_longest(_numbers(tags.get(offsets)), _numbers(tags.get(counts)), fillvalue=0)
        ends += [offset + count for offset, count in pairs]
    return max(ends)


def _numbers(value: Any) -> tuple[int, ...]:
    if value is None:
        return ()
    return tuple(map(int, value)) if isinstance(value, tuple | list) else (int(value),)


def jpeg_frame(data: bytes) -> int | None:
    """The code of a JPEG's frame header, such as 0xC0 for a baseline one (ITU-T T.81, B.1)."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        code = data[at + 1]
        if 0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC):
            return code
        if code == 0xFF:  # a fill byte
            at += 1
            continue
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None
