"""Which encoding a file has, decided over the whole file in constant memory."""

from __future__ import annotations

import codecs
import re
import unicodedata
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
_SAMPLE = 2**18
_DISGUISED = 2**10
_SCRIPTS = {
    "GREEK", "CYRILLIC", "ARMENIAN", "HEBREW", "ARABIC", "SYRIAC", "THAANA", "NKO",
}  # fmt: skip
_COMMON_SHARE = 0.8
_KOREAN_SAMPLE = 12
_SPACED = re.compile(r"[^\x00-\x7f] (?=[^\x00-\x7f])")


class Encoding(NamedTuple):
    """A codec of Python and its name for people, "" for UTF-8."""

    codec: str
    shown: str


class EncodingError(UsageError):
    """Bytes that no encoding of ours has; `why` says it without the file's name."""

    def __init__(self, file: str, why: str, hint: str = "") -> None:
        super().__init__(f"'{clean(file)}' {why}", hint=hint or _("save it as UTF-8"))
        self.why = why


def find_encoding(stream: BinaryIO, file: str, asked: str | None) -> Encoding:
    """The encoding asked for, if the whole stream has it; else the one it shows itself."""
    if asked is None:
        return detect_encoding(stream, file)
    codec = codecs.lookup(asked).name
    mark = "utf-8-sig" if codec == "utf-8" else codec
    offset = _first_misfit(stream, mark)
    if offset is not None:
        raise _misfit(stream, file, offset, _("not {encoding}", encoding=asked))
    return Encoding(mark, "" if codec == "utf-8" else asked)


def detect_encoding(stream: BinaryIO, file: str) -> Encoding:
    """By its mark, else UTF-16 by its zero bytes, else UTF-8, else clearly GB18030.

    Reads the whole stream; UsageError names the first byte that fits none.
    """
    stream.seek(0)
    found = _guess(stream.read(_HEAD))
    offset = _first_misfit(stream, found.codec)
    if offset is None:
        return Encoding("gb18030", "GB18030") if _is_disguised(stream, found) else found
    if found.codec == "utf-8" and not _broken_utf8(stream, offset):
        if _first_misfit(stream, "gb18030") is None:
            return _chinese(stream, file)
        raise _misfit(stream, file, offset, _("neither UTF-8 nor GB18030"))
    raise _misfit(stream, file, offset, _("not {encoding}", encoding=found.shown or "UTF-8"))


def _is_disguised(stream: BinaryIO, found: Encoding) -> bool:
    """Whether a few Chinese characters in GB18030 happen to be valid UTF-8.

    As such they are letters of several scripts, which no text has and Chinese must give.
    """
    stream.seek(0)
    head = stream.read(_DISGUISED)
    if found.codec != "utf-8" or head.isascii() or len(head) == _DISGUISED:
        return False
    chars = [char for char in head.decode("utf-8") if not char.isascii()]
    scripts = {unicodedata.name(char, "?").split()[0] for char in chars} & _SCRIPTS
    if max(chars) >= _THREE_BYTES or len(scripts) < 2:
        return False
    try:
        return is_everyday_chinese(head.decode("gb18030"))
    except UnicodeDecodeError:
        return False


def _chinese(stream: BinaryIO, file: str) -> Encoding:
    """GB18030, which decodes nearly anything, only where what it gives is everyday Chinese."""
    stream.seek(0)
    text = codecs.getincrementaldecoder("gb18030")().decode(stream.read(_SAMPLE))
    if is_everyday_chinese(text):
        return Encoding("gb18030", "GB18030")
    chars = "".join(char for char in text if not char.isascii())[:12]
    why = _("is neither UTF-8 nor clearly GB18030, in which it reads '{text}'", text=clean(chars))
    raise EncodingError(file, why, _("name its encoding: --encoding big5 (or gb18030, cp1252 …)"))


def is_everyday_chinese(text: str) -> bool:
    """Whether the characters are those of simplified Chinese; misread bytes give rare ones.

    The first rows of GB 2312 hold marks, then follow the common characters in the order of
    their pronunciation. Korean, misread, gives only the first half of these,
    in words with blanks between.
    """
    chars = [char for char in text if not char.isascii()]
    pairs = [pair for char in chars if len(pair := char.encode("gb2312", "ignore")) == 2]
    common = [pair for pair in pairs if pair[0] in (0xA1, 0xA3) or 0xB0 <= pair[0] <= 0xD7]
    rare = sum(pair[0] >= 0xD8 for pair in pairs)
    if len(common) + rare / 2 < _COMMON_SHARE * len(chars):
        return False
    words = [pair for pair in common if pair[0] >= 0xB0]
    spaced = len(_SPACED.findall(text)) > 1
    korean = spaced or len(words) >= _KOREAN_SAMPLE
    return not korean or any(pair[0] > 0xC8 for pair in words)


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
