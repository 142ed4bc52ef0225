"""Image links: when they expire, and how they look without their signed part. Pure."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

_SIGNED = re.compile(rb'(https?:(?:\\?/){2}[^"\s?]+?)(?:\?|\\u003[fF])(?:\\.|[^"\s\\])*')


def expiry(url: str) -> float | None:
    """Unix seconds from the link's own `Expires` (cogview_cli/api/README.md#links)."""
    try:
        values = parse_qs(urlsplit(url).query).get("Expires", [])
    except ValueError:
        return None
    return float(values[0]) if values and re.fullmatch(r"[0-9]{9,11}", values[0]) else None


def unsigned(url: str) -> str:
    """The link without query, fragment and login: fit to be shown and shared."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        return parts._replace(netloc=host, query="", fragment="").geturl()
    except ValueError:
        return re.sub("//[^/?#]*@", "//", re.split("[?#]", url)[0])


def redact(raw: bytes) -> bytes:
    """A raw answer with the signed part of its links taken out."""
    return _SIGNED.sub(rb"\1", raw)
