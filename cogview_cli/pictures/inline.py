"""Pictures inside the answer: base64 as servers write it, and `data:` URLs. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote, unquote_to_bytes

from cogview_cli.i18n.stored_messages import Message
from cogview_cli.pictures.failure import DownloadFailed

_DATA_URL = re.compile(r"\s*data:([^,]{0,1000}),", re.IGNORECASE)
_URL_SAFE = str.maketrans("-_", "+/")
_BLANKS = re.compile(r"\s+")


def is_data_url(text: str) -> bool:
    """Whether the picture is in the URL itself (RFC 2397)."""
    return bool(_DATA_URL.match(text))


def decoded(text: str) -> bytes:
    """The bytes of base64 in either alphabet, with or without line breaks and padding.

    Also of a `data:` URL. Raises DownloadFailed, final.
    """
    if head := _DATA_URL.match(text):
        data = text[head.end() :]
        if not head[1].lower().rstrip().endswith("base64"):
            return unquote_to_bytes(data)
        text = unquote(data)
    packed = _BLANKS.sub("", text).translate(_URL_SAFE).rstrip("=")
    try:
        return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise DownloadFailed(Message.of("not-base64"), final=True) from None
