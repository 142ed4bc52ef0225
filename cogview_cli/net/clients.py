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
from cogview_cli.net.no_proxy import is_exempt
from cogview_cli.net.tracing import Tracer

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


def new_client(
    url: httpx.URL, *, read_seconds: float | None, tracer: Tracer | None = None
) -> httpx.AsyncClient:
    """A client for `url`'s host: no redirects, cookies or kept connections, no proxy to loopback.

    A kept connection may be closed during a POST, which would be an avoidable unknown
    outcome. `tracer` tells of each exchange. Raises MachineError for a proxy setting that
    can't be used.
    """
    understand_socks()
    trusted = tls_context() if url.scheme == "https" else None
    connect = min(CONNECT_SECONDS, read_seconds or CONNECT_SECONDS)
    proxy, hooks = proxy_for(url), tracer.hooks if tracer else {"request": [], "response": []}
    try:
        client = httpx.AsyncClient(
            transport=None if proxy else Transport(trusted),
            proxy=proxy,
            verify=trusted or False,
            trust_env=False,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            timeout=httpx.Timeout(read_seconds, connect=connect, pool=None),
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            event_hooks={**hooks, "response": [*hooks["response"], _set_location_aside]},
        )
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        raise MachineError(
            Message.of("proxy-settings", why=error), hint=_("check HTTPS_PROXY and ALL_PROXY")
        ) from error
    if proxy:
        from cogview_cli.net.proxied import read_leniently  # loads httpcore and anyio

        read_leniently(client)
    return client


async def _set_location_aside(response: httpx.Response) -> None:
    """Moves `Location` to the extension `location`: httpx reads it also where none is followed.

    It raises whatever comes of a malformed one, and the response would be lost.
    """
    if "location" in response.headers:
        response.extensions["location"] = response.headers.pop("location")


def proxy_for(url: httpx.URL) -> str | None:
    """The environment's proxy for `url`, judged by the host's name; None to go there directly."""
    host, proxies = url.raw_host.decode("ascii"), getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    port = url.port or (443 if url.scheme == "https" else 80)
    if not proxy or is_loopback(host) or is_exempt(host, port, proxies.get("no", "")):
        return None
    if proxy_bypass(host):  # what macOS and Windows keep elsewhere
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def tls_failure(error: BaseException | None) -> ssl.SSLError | None:
    """The TLS error behind an exception of httpx, if there is one."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
            return error
        error = error.__cause__ or error.__context__
    return None
