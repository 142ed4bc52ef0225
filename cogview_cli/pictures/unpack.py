"""gzip and deflate that nobody asked for, taken off a file within bounds."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from cogview_cli.disk.atomic import open_new, temporary_beside
from cogview_cli.i18n.stored_messages import Message, StoredError
from cogview_cli.net import inflate


class TooMuch(StoredError):
    """More comes out than a picture may have."""


class CutShort(StoredError):
    """The packed data ends early or is damaged."""


def unpack(path: Path, header: str, limit: int) -> bool:
    """Takes off what the Content-Encoding in `header`, or the first bytes, say it is packed in.

    True if that may have made another file of it. Raises TooMuch for more than `limit` bytes,
    CutShort; the file is as it was then.
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
    """Puts the unpacked bytes in the place of the packed ones."""
    other = temporary_beside(path.parent)
    try:
        with path.open("rb") as packed, open_new(other) as plain:
            size = 0
            for piece in inflate.inflated(iter(partial(packed.read, inflate.STEP), b""), window):
                size += len(piece)
                if size > limit:
                    raise TooMuch(Message.of("too-many-bytes"))
                plain.write(piece)
        other.replace(path)
    except inflate.CutShort as error:
        raise CutShort(Message.of("packed-cut")) from error
    except inflate.Damaged as error:
        if window == inflate.FRAMED:  # else it was only said to be packed
            raise CutShort(Message.of("packed-damaged")) from error
    finally:
        other.unlink(missing_ok=True)
