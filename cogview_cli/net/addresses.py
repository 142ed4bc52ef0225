"""Which hosts are this machine or the public internet: by a parsed address or an exact name.

Nothing else counts: a resolver may read `127.1`, `0x7f000001` or a name with a zone in
ways of its own. Pure.
"""

from __future__ import annotations

import ipaddress
import re
from functools import cache, lru_cache

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]

# IANA's special-purpose registries, and what was withdrawn and still lives in routers.
# Our own list: that of `ipaddress` differs from one Python to the next.
_SPECIAL_IPV4 = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
)  # fmt: skip
# Global unicast, and what of it is special: protocols (Teredo, benchmarking, ORCHID),
# documentation, 6to4. All that lies outside of it is private, local or not in use.
_GLOBAL_IPV6 = "2000::/3"
_SPECIAL_IPV6 = ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
# RFC 6052: what a NAT64 network makes of an IPv4 address, which then decides.
_NAT64 = "64:ff9b::/96"
_NUMBER = r"(?i)[0-9]+|0x[0-9a-f]*"


@lru_cache(64)
def address(host: str) -> Address | None:
    """`host` as an IP address if it is written as one, in brackets or without."""
    bare = host[1:-1] if host[:1] == "[" and host[-1:] == "]" else host
    try:
        return ipaddress.ip_address(bare)
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine: 127.0.0.0/8, ::1 or the name localhost."""
    if host.lower().removesuffix(".") == "localhost":
        return True
    found = address(host)
    if found is None or _has_zone(found):
        return False
    return _unmapped(found).is_loopback


def is_public(ip: str) -> bool:
    """Whether an address belongs to the public internet; False for what is not one."""
    found = address(ip)
    if found is None or _has_zone(found):
        return False
    found = _translated(_unmapped(found))
    if isinstance(found, ipaddress.IPv4Address):
        return not _within(found, _SPECIAL_IPV4)
    return _within(found, (_GLOBAL_IPV6,)) and not _within(found, _SPECIAL_IPV6)


def may_be_public(host: str) -> bool:
    """Whether a host that somebody else resolves, such as a proxy, can be a public one.

    False for this machine, a private address, and a number that is no plain address.
    """
    last = host.removesuffix(".").rpartition(".")[2]
    if address(host) or ":" in host or re.fullmatch(_NUMBER, last):
        return is_public(host)
    return not (host.lower().removesuffix(".").endswith(".localhost") or is_loopback(host))


def _has_zone(found: Address) -> bool:
    """Whether it is bound to an interface (`fe80::1%eth0`): the zone can be any text."""
    return isinstance(found, ipaddress.IPv6Address) and found.scope_id is not None


def _unmapped(found: Address) -> Address:
    """The IPv4 address behind `::ffff:1.2.3.4`."""
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def _translated(found: Address) -> Address:
    """The IPv4 address that a NAT64 network reaches under an IPv6 one."""
    return ipaddress.IPv4Address(int(found) & 0xFFFFFFFF) if _within(found, (_NAT64,)) else found


def _within(found: Address, networks: tuple[str, ...]) -> bool:
    return any(found in network for network in _parsed(networks))


@cache
def _parsed(networks: tuple[str, ...]) -> Networks:
    return tuple(ipaddress.ip_network(network) for network in networks)
