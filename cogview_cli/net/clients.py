"""What both HTTP clients share: TLS trust and proxies."""

from __future__ import annotations

import os
import ssl
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.request import getproxies, proxy_bypass

import httpx

from cogview_cli import __version__
from cogview_cli.errors import MachineError
from cogview_cli.i18n import _
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.net.addresses import is_loopback
from cogview_cli.net.http11 import Transport

USER_AGENT = f"cogview-cli/{__version__}"
CONNECT_SECONDS = 10.0
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
    """The trusted CAs, once they are loaded; SSL_CERT_FILE and SSL_CERT_DIR are honoured."""
    try:
        return load_trust().result()
    except (OSError, ssl.SSLError) as error:
        raise MachineError(
            Message.of("ca-certificates", why=error),
            hint=_("check SSL_CERT_FILE and SSL_CERT_DIR"),
        ) from error


def _context() -> ssl.SSLContext:
    context = httpx.create_ssl_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def understand_socks() -> None:
    """Rewrites `socks://`, as desktops set it, to the `socks5://` that httpx knows."""
    for name in (*_PROXY_VARIABLES, *map(str.lower, _PROXY_VARIABLES)):
        value = os.environ.get(name, "")
        if value.lower().startswith("socks://"):
            os.environ[name] = "socks5://" + value[len("socks://") :]


def new_client(url: httpx.URL, *, read_seconds: float | None) -> httpx.AsyncClient:
    """A client for `url`'s host: no redirects, cookies or kept connections, no proxy to loopback.

    A kept connection may be closed during a POST, which would be an avoidable unknown
    outcome. Raises MachineError for a proxy setting that can't be used.
    """
    understand_socks()
    trusted = tls_context() if url.scheme == "https" else None
    connect = min(CONNECT_SECONDS, read_seconds or CONNECT_SECONDS)
    proxied = _proxies_for(url)
    try:
        client = httpx.AsyncClient(
            transport=None if proxied else Transport(trusted),
            verify=trusted or False,
            trust_env=not is_loopback(url.host),
            follow_redirects=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            timeout=httpx.Timeout(read_seconds, connect=connect, pool=None),
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        raise MachineError(
            Message.of("proxy-settings", why=error), hint=_("check HTTPS_PROXY and ALL_PROXY")
        ) from error
    if proxied:
        from cogview_cli.net.proxied import read_leniently  # loads httpcore and anyio

        read_leniently(client)
    return client


def _proxies_for(url: httpx.URL) -> bool:
    """Whether a proxy may apply to what the client for `url` fetches."""
    return not is_loopback(url.host) and bool(getproxies())


def tls_failure(error: BaseException | None) -> ssl.SSLError | None:
    """The TLS error behind an exception of httpx, if there is one."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
            return error
        error = error.__cause__ or error.__context__
    return None


def uses_proxy(host: str) -> bool:
    """Whether https requests to `host` go through a proxy of the environment."""
    proxies = getproxies()
    return ("https" in proxies or "all" in proxies) and not proxy_bypass(host)
