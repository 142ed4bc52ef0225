"""gzip that nobody asked for, taken off within bounds."""

from __future__ import annotations

import zlib
from pathlib import Path

from cogview_cli.disk.atomic import open_new, temporary_beside
from cogview_cli.i18n.stored_messages import Message, StoredError

_MAGIC = (b"\x1f\x8b\x08", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_STEP = 2**20
_GZIP_OR_ZLIB = 47  # zlib's own number for "see for yourself"


class TooMuch(StoredError):
    """More comes out than a picture may have."""


class CutShort(StoredError):
    """The packed data ends early or is damaged."""


def is_packed(head: bytes) -> bool:
    """Whether these first bytes are those of gzip or zlib data; no picture begins so."""
    return head.startswith(_MAGIC)


def unpack(path: Path, limit: int) -> None:
    """Puts the unpacked bytes, `limit` at most, in the place of the packed ones."""
    other = temporary_beside(path.parent)
    try:
        with path.open("rb") as packed, open_new(other) as plain:
            unpacking, size = zlib.decompressobj(_GZIP_OR_ZLIB), 0
            while not unpacking.eof:
                data = unpacking.unconsumed_tail or packed.read(_STEP)
                piece = unpacking.decompress(data, _STEP)
                if not data and not piece:
                    raise CutShort(Message.of("packed-cut"))
                size += len(piece)
                if size > limit:
                    raise TooMuch(Message.of("too-many-bytes"))
                plain.write(piece)
        other.replace(path)
    except zlib.error as error:
        raise CutShort(Message.of("packed-damaged")) from error
    finally:
        other.unlink(missing_ok=True)
