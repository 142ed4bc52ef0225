"""The proxies of the environment, and which of them leads to a host."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from cogview_cli.net.addresses import is_loopback
from cogview_cli.net.no_proxy import is_exempt
from cogview_cli.net.target import Target

_SUFFIX = "_proxy"
# There the system has settings of its own, which the standard library reads.
_SYSTEM_SETTINGS = sys.platform in ("darwin", "win32")


def proxy_for(target: Target) -> str | None:
    """The environment's proxy for `target`, judged by the host's name; None to go directly."""
    proxies = _proxies(os.environ)
    proxy = proxies.get(target.scheme) or proxies.get("all")
    rules = proxies.get("no", "")
    if not proxy or is_loopback(target.host) or is_exempt(target.host, target.port, rules):
        return None
    if _SYSTEM_SETTINGS and _is_bypassed(target.host):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """The proxies by scheme, `all` and `no`; lower case goes before upper case.

    Read here where nothing but the environment has any: `urllib.request` takes 10 ms to load.
    """
    if _SYSTEM_SETTINGS:
        from urllib.request import getproxies

        return getproxies()
    named = sorted((name for name in environ if name.lower().endswith(_SUFFIX)), key=str.islower)
    found = {name[: -len(_SUFFIX)].lower(): environ[name] for name in named}
    if "REQUEST_METHOD" in environ and "http_proxy" not in environ:
        found.pop("http", None)  # CGI: a header of the client's request (CVE-2016-1000110)
    return {name: value for name, value in found.items() if value}


def _is_bypassed(host: str) -> bool:
    from urllib.request import proxy_bypass

    return bool(proxy_bypass(host))
