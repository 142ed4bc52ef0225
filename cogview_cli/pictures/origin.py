"""The API's own origin among the links of its answers: relative links, its key, paths on its disk.

Servers of open weights answer with links of their own: SGLang with `/v1/images/ID/content`,
behind the key if there is one, Xinference with a path on the worker's disk, LocalAI with an http
link to itself (read in their sources, 2026-11-25). The key never goes to another origin.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from cogview_cli.i18n.stored_messages import Message
from cogview_cli.net.target import PORTS
from cogview_cli.pictures.urls import Url, joined, url_of

_WEB = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]+:(?!\\)")
_DISK = re.compile(r"\s*(?:file:|[A-Za-z]:[\\/]|\\\\)", re.IGNORECASE)


class Origin(NamedTuple):
    """The origin of a base URL; `headers` go with requests to it alone, for links behind a key."""

    base: Url
    headers: Mapping[str, str]

    def resolved(self, link: str) -> str:
        """A link of an answer as a whole URL: a relative one is below this origin."""
        if link.strip().startswith("//"):
            return f"{self.base.scheme}:{link.strip()}"
        if not is_relative(link):
            return link
        try:
            folder = self.base._replace(path=self.base.path.rstrip("/") + "/")
            return joined(folder, link.strip())
        except ValueError:
            return link

    def is_own(self, url: Url) -> bool:
        """Whether `url` has the scheme, host and port of the API."""
        return _triple(url) == _triple(self.base)

    @property
    def is_plain(self) -> bool:
        """Whether it is asked over http: the user says that this is safe."""
        return self.base.scheme == "http"

    def headers_for(self, url: Url) -> dict[str, str]:
        """The headers that a request for `url` carries."""
        return dict(self.headers) if self.is_own(url) else {}

    def explained(self, link: str, status: int | None, why: Message) -> Message:
        """Why the picture at `link` is not here, where this origin has to do with it.

        `status`: what the server answered, None if it did not.
        """
        refused = (401, 403) if is_relative(link) else (401,)  # 403: a link past its time
        if status in refused and not self.headers and self._leads_home(link):
            return Message.of("content-key", why=why)
        if is_on_disk(link) or (is_relative(link) and status is not None):
            return Message.of("server-path", path=link.strip(), why=why)
        return why

    def _leads_home(self, link: str) -> bool:
        try:
            return self.is_own(url_of(self.resolved(link)))
        except ValueError:
            return False


def _triple(url: Url) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or PORTS.get(url.scheme)


def is_relative(link: str) -> bool:
    """Whether a link names no host of its own."""
    return not _WEB.match(link) and not link.strip().startswith("//") and not is_on_disk(link)


def is_on_disk(link: str) -> bool:
    """Whether a link can only be a path on the server's disk."""
    return bool(_DISK.match(link))
