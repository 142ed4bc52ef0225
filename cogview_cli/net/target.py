"""Where a request goes: the parts of a URL as they are sent. Pure."""

import re
from typing import NamedTuple
from urllib.parse import quote, urlsplit

PORTS = {"http": 80, "https": 443}
_BLANK = r"[\x00-\x20\x7f]"
# What RFC 3986 §3.3 and §3.4 allow in a path and a query; `%` stands before what is encoded.
_SAFE = "%/?:@!$&'()*+,;=-._~"


class Target(NamedTuple):
    """Scheme, host in ASCII (IPv6 without brackets), port, and path with query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS.get(self.scheme) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole URL, encoded."""
        return f"{self.scheme}://{self.authority}{self.path}"


def target_of(url: str) -> Target:
    """The target of a whole URL. ValueError, in words, for what is none."""
    if re.search(_BLANK, url):
        raise ValueError("blanks or control characters in it")
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError("no https://HOST")
    port = PORTS[parts.scheme] if parts.port is None else parts.port
    if not port:
        raise ValueError("port 0")
    query = f"?{quote(parts.query, safe=_SAFE)}" if parts.query else ""
    path = quote(parts.path or "/", safe=_SAFE) + query
    return Target(parts.scheme, _ascii(parts.hostname), port, path)


def _ascii(host: str) -> str:
    if host.isascii():
        return host.lower()
    import idna  # only for international names

    return idna.encode(host.lower(), uts46=True).decode("ascii")
