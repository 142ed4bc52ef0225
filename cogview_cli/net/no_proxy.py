"""Which hosts NO_PROXY takes out, as curl and Go read it. Pure."""

from __future__ import annotations

import ipaddress
from contextlib import suppress

from cogview_cli.net.addresses import address


def is_exempt(host: str, port: int, rules: str) -> bool:
    """Whether requests to `host` go directly by the comma-separated `rules`.

    A rule is `*`, a name (with all names below it, a leading `.` or `*.` or none), an
    address or a network such as `10.0.0.0/8`; any but a network may end in `:PORT`.
    """
    name = host.lower().rstrip(".")
    return any(_matches(name, port, rule.strip().lower()) for rule in rules.split(","))


def _matches(host: str, port: int, rule: str) -> bool:
    if rule in ("", "*"):
        return rule == "*"
    if address(host) and "/" in rule:
        return _in_network(host, rule)
    bare, colon, last = rule.rpartition(":")
    if colon and last.isdecimal() and (":" not in bare or bare.endswith("]")):
        if int(last) != port:
            return False
        rule = bare
    if address(rule):
        return address(rule) == address(host)
    domain = rule.removeprefix("*").strip(".")
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def _in_network(host: str, rule: str) -> bool:
    with suppress(ValueError):
        return address(host) in ipaddress.ip_network(rule, strict=False)
    return False
