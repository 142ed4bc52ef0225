"""What both HTTP clients share: TLS trust and proxies."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING

from cogview_cli import __version__
from cogview_cli.errors import MachineError
from cogview_cli.i18n import _
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.net.http11 import DirectClient
from cogview_cli.net.proxies import proxy_for
from cogview_cli.net.response import Client, Limits
from cogview_cli.net.target import Target

if TYPE_CHECKING:
    from cogview_cli.net.tracing import TracedClient

HEADERS = {
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "Connection": "keep-alive",
    "User-Agent": f"cogview-cli/{__version__}",
}
CONNECT_SECONDS = 10.0
# What requests and curl read; companies whose proxy has a CA of its own set them.
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_PROXY_VARIABLES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY")


@lru_cache(1)
def load_trust() -> Future[ssl.SSLContext]:
    """Starts loading the trusted CAs in a thread: OpenSSL takes 20 ms, and the rest goes on."""
    return ThreadPoolExecutor(1, thread_name_prefix="trust").submit(_context)


def preload_trust(base_url: str) -> None:
    """Lets the CAs load while the caller goes on, if what is at `base_url` needs them."""
    if base_url.startswith("https:"):
        load_trust()


def tls_context() -> ssl.SSLContext:
    """The trusted CAs, once they are loaded: those of the environment, else certifi's."""
    try:
        return load_trust().result()
    except (OSError, ssl.SSLError) as error:
        raise MachineError(
            Message.of("ca-certificates", why=error),
            hint=_("check SSL_CERT_FILE and SSL_CERT_DIR"),
        ) from error


def _context() -> ssl.SSLContext:
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    bundle = next(filter(None, map(os.environ.get, _BUNDLES)), None)
    if bundle and not (file or folder):
        file, folder = (None, bundle) if os.path.isdir(bundle) else (bundle, None)
    if not (file or folder):
        import certifi

        file = certifi.where()
    context = ssl.create_default_context(cafile=file or None, capath=folder or None)
    context.set_alpn_protocols(["http/1.1"])
    return context


def understand_socks() -> None:
    """Rewrites `socks://`, as desktops set it, to the `socks5://` that httpx knows."""
    for name in (*_PROXY_VARIABLES, *map(str.lower, _PROXY_VARIABLES)):
        value = os.environ.get(name, "")
        if value.lower().startswith("socks://"):
            os.environ[name] = "socks5://" + value[len("socks://") :]


def new_client(target: Target, *, read_seconds: float | None) -> Client:
    """A client for the host of `target`: no redirects, cookies or kept connections.

    A kept connection may be closed during a POST, which would be an avoidable unknown
    outcome. Raises MachineError for a proxy setting that can't be used.
    """
    understand_socks()
    trusted = tls_context() if target.scheme == "https" else None
    connect = min(CONNECT_SECONDS, read_seconds or CONNECT_SECONDS)
    limits = Limits(connect, read_seconds)
    if proxy := proxy_for(target):
        return _proxied(proxy, trusted, limits)
    return DirectClient(trusted, limits, HEADERS)


def _proxied(proxy: str, trusted: ssl.SSLContext | None, limits: Limits) -> Client:
    import httpx  # 40 ms that a direct way does not take

    from cogview_cli.net.proxied import ProxiedClient

    try:
        return ProxiedClient(proxy, trusted, limits, HEADERS)
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        raise MachineError(
            Message.of("proxy-settings", why=error), hint=_("check HTTPS_PROXY and ALL_PROXY")
        ) from error


def traced(
    client: Client, say: Callable[[str], None], secrets: Callable[[str], str]
) -> TracedClient:
    """The same client, for --debug; `secrets` blots them out of a text."""
    from cogview_cli.net.tracing import TracedClient

    return TracedClient(client, say, secrets)


def tls_failure(error: BaseException | None) -> ssl.SSLError | None:
    """The TLS error behind an exception, if there is one."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
            return error
        error = error.__cause__ or error.__context__
    return None
