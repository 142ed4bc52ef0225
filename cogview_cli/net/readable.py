"""What strangers send instead of an answer, as words; binary data is never shown. Pure."""

from __future__ import annotations

import codecs

_LOOKED_AT = 800
_CONTROLS = {*range(0x20), 0x7F} - set(b"\t\n\r\x0c\x1b")


def readable(raw: bytes) -> str:
    """The beginning of `raw` on one line if it is text in UTF-8, else nothing."""
    head = raw[:_LOOKED_AT].removeprefix(codecs.BOM_UTF8)
    if _CONTROLS & set(head):
        return ""
    try:
        # A character cut off by the limit is no error.
        text = codecs.getincrementaldecoder("utf-8")().decode(head, len(raw) <= _LOOKED_AT)
    except UnicodeDecodeError:
        return ""
    return " ".join(text.split())
