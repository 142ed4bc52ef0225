"""gzip and deflate that nobody asked for, taken off a file within bounds."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import BinaryIO

from cogview_cli.disk.atomic import open_new, temporary_beside
from cogview_cli.i18n.stored_messages import Message, StoredError
from cogview_cli.net import inflate


class TooMuch(StoredError):
    """More comes out than a picture may have."""


class CutShort(StoredError):
    """The packed data ends early, or is damaged: what comes out need not be what went in."""

    def __init__(self, message: Message, *, damaged: bool = False) -> None:
        super().__init__(message)
        self.damaged = damaged


def unpack(path: Path, header: str, limit: int) -> bool:
    """Takes off what the Content-Encoding in `header`, or the first bytes, say it is packed in.

    True if that may have made another file of it. Raises TooMuch for more than `limit` bytes: the
    file is as it was then; CutShort: it holds what came out, if anything did.
    """
    packed = False
    for coding in inflate.codings_of(header):
        with path.open("rb") as file:
            window = inflate.window_of(file.read(3), coding)
        if window is not None:
            packed = True
            _take_off(path, window, limit)
    return packed


def _take_off(path: Path, window: int, limit: int) -> None:
    """Puts the unpacked bytes in the place of the packed ones, as far as they go."""
    other = temporary_beside(path.parent)
    try:
        with path.open("rb") as packed, open_new(other) as plain:
            broken = _inflate(packed, plain, window, limit)
            size = plain.tell()
        if size or not broken:
            other.replace(path)
        if broken:
            raise broken
    except inflate.Damaged:  # it was only said to be packed
        return
    finally:
        other.unlink(missing_ok=True)


def _inflate(packed: BinaryIO, plain: BinaryIO, window: int, limit: int) -> CutShort | None:
    """Writes what comes out, at most `limit` bytes; what it broke off with."""
    size = 0
    try:
        for piece in inflate.inflated(iter(partial(packed.read, inflate.STEP), b""), window):
            size += len(piece)
            if size > limit:
                raise TooMuch(Message.of("too-many-bytes"))
            plain.write(piece)
    except inflate.CutShort:
        return CutShort(Message.of("packed-cut"))
    except inflate.Damaged:
        if window != inflate.FRAMED:
            raise
        return CutShort(Message.of("packed-damaged"), damaged=True)
    return None
