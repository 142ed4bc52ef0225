"""Which encoding a file has, decided over the whole file in constant memory."""

from __future__ import annotations

import codecs
from typing import BinaryIO, NamedTuple

from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.terminal.text import clean

_CHUNK = 2**20
_HEAD = 2**14
# Longer marks first: that of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", ""),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
# So many characters of three bytes are no accident; those of two may be: `一只` in GB18030.
_CLEARLY_UTF8 = 8
_THREE_BYTES = "\u0800"


class Encoding(NamedTuple):
    """A codec of Python and its name for people, "" for UTF-8."""

    codec: str
    shown: str


class EncodingError(UsageError):
    """Bytes that no encoding of ours has; `why` says it without the file's name."""

    def __init__(self, file: str, why: str) -> None:
        super().__init__(f"'{clean(file)}' {why}", hint=_("save it as UTF-8"))
        self.why = why


def detect_encoding(stream: BinaryIO, file: str) -> Encoding:
    """By its mark, else UTF-16 by its zero bytes, else UTF-8, else GB18030.

    Reads the whole stream; UsageError names the first byte that fits none.
    """
    stream.seek(0)
    found = _guess(stream.read(_HEAD))
    offset = _first_misfit(stream, found.codec)
    if offset is None:
        return found
    if found.codec == "utf-8" and not _broken_utf8(stream, offset):
        if _first_misfit(stream, "gb18030") is None:
            return Encoding("gb18030", "GB18030")
        raise _misfit(stream, file, offset, _("neither UTF-8 nor GB18030"))
    raise _misfit(stream, file, offset, _("not {encoding}", encoding=found.shown or "UTF-8"))


def _guess(head: bytes) -> Encoding:
    for mark, codec, shown in _MARKS:
        if head.startswith(mark):
            return Encoding(codec, shown)
    utf16 = _utf16_without_mark(head) if b"\x00" in head else None
    return Encoding(utf16, "UTF-16") if utf16 else Encoding("utf-8", "")


def _utf16_without_mark(head: bytes) -> str | None:
    """UTF-16 shows by its zero bytes, the high halves of ASCII."""
    if len(head) % 2:
        return None
    # A few zeros in valid UTF-8 are just zeros; UTF-16 that is all ASCII is half zeros.
    if _decoded(head, "utf-8") is not None and 3 * head.count(0) < len(head):
        return None
    texts = {codec: _decoded(head, codec) for codec in ("utf-16-le", "utf-16-be")}
    likely = {codec: _likeness(text) for codec, text in texts.items() if text is not None}
    return max(likely, key=likely.__getitem__, default=None)


def _likeness(text: str) -> tuple[int, int]:
    """Line feeds, then ASCII: with the bytes swapped `一` is ASCII, but nothing is a line feed."""
    return text.count("\n"), sum(char.isascii() for char in text)


def _decoded(head: bytes, codec: str) -> str | None:
    """The beginning of a file, which may end inside a character; None if it is not `codec`."""
    try:
        return codecs.getincrementaldecoder(codec)().decode(head)
    except UnicodeDecodeError:
        return None


def _first_misfit(stream: BinaryIO, codec: str) -> int | None:
    """The offset of the first byte `codec` cannot decode; None if it decodes them all."""
    decoder = codecs.getincrementaldecoder(codec)()
    stream.seek(0)
    consumed = 0
    while True:
        chunk = stream.read(_CHUNK)
        held = len(decoder.getstate()[0])
        try:
            decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            return consumed - held + error.start
        if not chunk:
            return None
        consumed += len(chunk)


def _broken_utf8(stream: BinaryIO, offset: int) -> bool:
    """Whether what stands before the misfit is clearly UTF-8: then it is damaged, not GB18030."""
    start = max(0, offset - _HEAD)
    stream.seek(start)
    before = stream.read(offset - start).decode("utf-8", "ignore")
    return sum(char >= _THREE_BYTES for char in before) >= _CLEARLY_UTF8


def _misfit(stream: BinaryIO, file: str, offset: int, what: str) -> EncodingError:
    stream.seek(offset)
    byte = stream.read(1)
    if byte:
        found = _("byte 0x{byte:02x} at offset {offset}", byte=byte[0], offset=offset)
    else:
        found = _("it ends inside a character at offset {offset}", offset=offset)
    return EncodingError(file, _("is {what}: {found}", what=what, found=found))
