"""Which hosts are this machine or on the public internet, judged by their text alone. Pure."""

from __future__ import annotations

import ipaddress


def address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """`host` as an IP address if it is written as one."""
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Whether `host` names this machine: 127.0.0.0/8, ::1 or localhost."""
    found = address(host)
    return host.lower().rstrip(".") == "localhost" or bool(found and found.is_loopback)


def is_public(ip: str) -> bool:
    """Whether an address belongs to the public internet (no private, link-local, mapped…)."""
    found = address(ip)
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return bool(found and found.is_global and not found.is_multicast)
