"""gzip and deflate that nobody asked for, taken off within bounds. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

# What gzip and zlib data begins with; no picture and no JSON does.
MAGIC = (b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
STEP = 2**20
# Codings one inside the other; more are an attack.
LAYERS = 4
# zlib's numbers for "gzip or zlib, see for yourself" and for deflate without a frame (RFC 1951).
FRAMED, RAW = 47, -15


class Damaged(ValueError):
    """The packed data makes no sense from some point on."""


class CutShort(ValueError):
    """The packed data ends early."""


class Unpacked(NamedTuple):
    """Data with its codings taken off; `whole`: none of them was cut or damaged."""

    data: bytes
    whole: bool


def codings_of(header: str) -> list[str]:
    """The codings that a Content-Encoding names, the outermost first, as many as are looked for.

    What the header does not tell is found by its first bytes: those are the empty names.
    """
    named = [name.strip().lower() for name in reversed(header.split(","))]
    return [*named, *[""] * LAYERS][:LAYERS]


def window_of(head: bytes, coding: str) -> int | None:
    """How to unpack what begins with `head`; None where it is not packed. zlib's `wbits`."""
    if head.startswith(MAGIC):
        return FRAMED
    # Many servers leave out the frame that RFC 9110 §8.4.1.2 asks for. JSON is not packed:
    # its first byte would be that of a block with a letter beyond ASCII.
    plain = head.lstrip()[:1] in (b"{", b"[")
    return RAW if coding == "deflate" and not plain else None


def inflated(packed: Iterable[bytes], window: int) -> Iterator[bytes]:
    """What is in `packed`, all members of it, in pieces of STEP bytes at most.

    Raises Damaged or CutShort, after the pieces before that point.
    """
    unpacker = zlib.decompressobj(window)
    for data in packed:
        while data:
            if unpacker.eof:
                data = data.lstrip(b"\0")  # gzip may be padded
                if not data:
                    break
                if window == RAW or not MAGIC[0].startswith(data[:2]):
                    return
                unpacker = zlib.decompressobj(window)
            yield from _step(unpacker, data)
            data = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
    while not unpacker.eof:
        if not (held_back := unpacker.decompress(b"", STEP)):
            raise CutShort
        yield held_back


def _step(unpacker: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    """The next piece, if there is one already; of damaged data what comes before the damage."""
    before = unpacker.copy()
    try:
        pieces = [unpacker.decompress(data, STEP)]
    except zlib.error as error:
        yield from _up_to_damage(before, data)
        raise Damaged(str(error)) from error
    yield from filter(None, pieces)


def _up_to_damage(unpacker: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    with suppress(zlib.error):
        for at in range(len(data)):
            if piece := unpacker.decompress(data[at : at + 1]):
                yield piece


def unpacked(data: bytes, header: str, limit: int) -> Unpacked:
    """`data` without what its Content-Encoding, or its first bytes, say that it is packed in.

    Of more than `limit` bytes a part comes out. What does not unpack stays as it is.
    """
    whole = True
    for coding in codings_of(header):
        window = window_of(data[:3], coding)
        if window is not None and (inside := _layer(data, window, limit)):
            data, whole = inside.data, inside.whole and whole
    return Unpacked(data, whole)


def _layer(data: bytes, window: int, limit: int) -> Unpacked | None:
    pieces, size, whole = [], 0, True
    try:
        for piece in inflated([data], window):
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                return Unpacked(b"".join(pieces), False)
    except CutShort:
        whole = False
    except Damaged:
        if window == RAW:  # it was said, and is not so
            return None
        whole = False
    return Unpacked(b"".join(pieces), whole) if pieces else None
