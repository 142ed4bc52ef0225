"""URLs of pictures, in parts. Pure.

httpx reads them as browsers do, international names and all, but loading it takes 40 ms and
4 MB. The links that servers write need nothing of that.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from cogview_cli.net.addresses import address
from cogview_cli.net.target import PORTS

# Encoded already, and no `.` or `..` among its folders: httpx leaves it as it is.
_PLAIN = re.compile(
    r"(https?)://([a-z0-9-]+(?:\.[a-z0-9-]+)*)(?::([1-9][0-9]{0,4}))?"
    r"((?:/(?!\.)(?:[\w~!$&'()*+,;=:@.-]|%[0-9A-Fa-f]{2})*)+"
    r"(?:\?(?:[\w~!$&'()*+,;=:@.?-]|%[0-9A-Fa-f]{2})+)?)",
    re.ASCII,
)


class Url(NamedTuple):
    """`host`: ASCII in lower case, IPv6 without brackets; `port`: None for the usual one.

    `path`: as it is sent, with the query; `login`: there is a name or a password in it.
    """

    scheme: str
    host: str
    port: int | None
    path: str
    login: bool = False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"


def url_of(text: str) -> Url:
    """The URL that `text` is, perhaps without a scheme or a host; ValueError if it is none."""
    return plain_url(text) or _read(text)


def plain_url(text: str) -> Url | None:
    """The URL that `text` is, if it is a whole one with nothing in it to be normalized."""
    found = _PLAIN.fullmatch(text)
    if found is None:
        return None
    scheme, host, digits, path = found.groups()
    port = int(digits) if digits else None
    if not _is_plain_host(host) or (port or 0) > 65535:
        return None
    return Url(scheme, host, None if port == PORTS[scheme] else port, path)


def _is_plain_host(host: str) -> bool:
    """Whether it is a name without encoded letters, or an IPv4 address."""
    if "xn--" in host:
        return False
    return host.rpartition(".")[2][0].isalpha() or address(host) is not None


def _read(text: str) -> Url:
    import httpx

    try:
        url = httpx.URL(text)
        _ = url.host  # decodes an international name: bad punycode shows here
        host, path = url.raw_host.decode("ascii"), url.raw_path.decode("ascii")
        return Url(url.scheme, host, url.port, path, bool(url.userinfo))
    except Exception:  # httpx, idna and ipaddress each raise their own
        raise ValueError(text) from None


def joined(base: Url, reference: str) -> str:
    """The URL that `reference` means at `base`. ValueError if there is none."""
    if plain_url(reference):
        return reference
    import httpx

    try:
        return str(httpx.URL(str(base)).join(reference))
    except Exception:  # as in `_read`
        raise ValueError(reference) from None
