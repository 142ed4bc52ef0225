"""The links of an answer: what may be fetched, and where a redirect leads. Pure."""

from __future__ import annotations

import re

from cogview_cli.i18n.stored_messages import Message
from cogview_cli.net.addresses import address, is_loopback
from cogview_cli.pictures.failure import DownloadFailed
from cogview_cli.pictures.urls import Url, joined, url_of

URL_LIMIT = 8192
# What a resolver takes: labels of 1 to 63 characters (RFC 1035 §2.3.4), 253 in all.
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
# The last label of a name is no number: `127.1` and `0x7f000001` are addresses to some.
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")


def allowed(text: str, base_host: str, *, plain: bool = False) -> Url:
    """The URL of an image, blanks around it taken off.

    Raises DownloadFailed, final, for one that must not or cannot be fetched. http is for
    this machine alone, and only where `base_host`, the API's, is this machine too; `plain`: or
    for that very host, which is asked over http itself.
    """
    url = _parsed(text.strip())
    if url.login or not url.host:
        raise DownloadFailed(Message.of("url-login"), final=True)
    host = url.host
    if not _is_host(host):
        raise DownloadFailed(Message.of("url-host"), final=True)
    if url.port is not None and not 0 < url.port < 65536:
        raise DownloadFailed(Message.of("url-port", port=url.port), final=True)
    local = is_loopback(host) and is_loopback(base_host)
    http = url.scheme == "http" and (local or (plain and host == base_host))
    if url.scheme != "https" and not http:
        raise DownloadFailed(Message.of("url-scheme", scheme=url.scheme), final=True)
    return url


def _parsed(text: str) -> Url:
    if len(text) > URL_LIMIT or re.search(r"[\x00-\x20\x7f]", text):
        raise DownloadFailed(Message.of("url-malformed"), final=True)
    try:
        return url_of(text)
    except ValueError:
        raise DownloadFailed(Message.of("url-malformed"), final=True) from None


def _is_host(host: str) -> bool:
    if "%" in host:  # a zone of this machine's own
        return False
    if address(host):
        return True
    labels = host.removesuffix(".").split(".")
    return (
        len(host) <= 253
        and all(_LABEL.fullmatch(label) for label in labels)
        and not _NUMBER.fullmatch(labels[-1])
    )


def redirected(url: Url, location: str) -> str:
    """The URL that a redirect's `Location` leads to. Raises DownloadFailed, final."""
    try:
        if location.strip():
            return joined(url, location.strip())
        raise ValueError(location)
    except ValueError:
        raise DownloadFailed(Message.of("redirect-malformed"), final=True) from None
