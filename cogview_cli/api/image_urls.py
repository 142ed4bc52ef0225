"""What an answer leads to: links, their time and their signed part; inline pictures. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

# A link with all that follows it: taken whole, so that a text full of `http://` is read once.
_LINK = rb'https?:(?:\\?/){2}(?:\\.|[^"\s\\])*'
_QUERY = rb"\?|\\u003[fF]"

# The one form that servers write (RFC 9110, 5.6.7).
_DATE = r"[A-Z][a-z]{2}, ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT"
_NAMES = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_MONTHS = {name: number for number, name in enumerate(_NAMES, 1)}

# What the vendor promises where a link does not say (cogview_cli/api/README.md#links).
DEFAULT_SECONDS = 30 * 86400
LONGEST_SECONDS = 366 * 86400
# A JSON string that is nothing but base64, maybe escaped, maybe a `data:` URL.
_INLINE = rb'"(?:data:[^",\s]{0,100},)?[A-Za-z0-9+/=_\\-]{2000,}(?<!\\)"'
TAKEN_OUT = b'"(saved and taken out)"'


def link_end(url: str, came: float | None) -> float | None:
    """When a link dies, Unix seconds; None if neither it nor its answer tells.

    `came`: the time of the answer by its server's clock. By that clock the link's own
    `Expires` is believed, if it lies ahead; else the vendor's promise counts from there.
    """
    said = _expires(url)
    if came is None or (said is not None and came < said <= came + LONGEST_SECONDS):
        return said
    return came + DEFAULT_SECONDS


def _expires(url: str) -> float | None:
    """Unix seconds from the link's own `Expires` (cogview_cli/api/README.md#links)."""
    try:
        values = parse_qs(urlsplit(url).query).get("Expires", [])
    except ValueError:
        return None
    return float(values[0]) if values and re.fullmatch(r"[0-9]{9,11}", values[0]) else None


def server_date(headers: Mapping[str, str]) -> float | None:
    """The server's clock in its `Date` header, Unix seconds; None without a usable one."""
    found = re.fullmatch(_DATE, headers.get("date", "").strip())
    if not found:
        return None
    day, month, year, hour, minute, second = found.groups()
    try:
        clock = datetime(int(year), _MONTHS[month], int(day), int(hour), int(minute), tzinfo=UTC)
    except (ValueError, KeyError):
        return None
    return clock.timestamp() + int(second)


def unsigned(url: str) -> str:
    """The link without query, fragment and login: fit to be shown and shared."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        return parts._replace(netloc=host, query="", fragment="").geturl()
    except ValueError:
        return re.sub("//[^/?#]*@", "//", re.split("[?#]", url)[0])


def without_pictures(raw: bytes) -> bytes:
    """A raw answer with inline pictures taken out; all else is kept byte for byte."""
    return re.sub(_INLINE, TAKEN_OUT, raw)


def redact(raw: bytes) -> bytes:
    """A raw answer with the signed part of its links taken out."""
    return re.sub(_LINK, lambda link: re.split(_QUERY, link[0], maxsplit=1)[0], raw)
