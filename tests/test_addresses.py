"""Loopback, private and public are told by a parsed address or an exact name, never by a guess."""

from __future__ import annotations

import asyncio
import ipaddress
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.net.addresses import is_loopback, is_public, may_be_public
from cogview_cli.net.target import target_of
from cogview_cli.pictures.download import Downloader, DownloadFailed
from tests.conftest import Run

LOOPBACK = (
    "127.0.0.1", "127.255.255.254", "::1", "[::1]", "localhost", "LOCALHOST", "localhost.",
    "::ffff:127.0.0.1",
)  # fmt: skip
# Each may end at this machine, or at a stranger's, as its reader likes.
NOT_LOOPBACK = (
    "127.0.0.1%x.example.com", "127.0.0.1%25x", "::1%x.example.com", "[::1%eth0]", "[::1", "::1]",
    "[[::1]]", "127.0.0.1.", "127.0.0.1.example.com", "127.1", "127.0.1", "2130706433",
    "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "127.000.000.001", "localhost..",
    ".localhost", "localhost.example.com", "a.localhost", "localhost%x", "１２７.０.０.１",
    "١٢٧.٠.٠.١", "127。0。0。1", "ｌｏｃａｌｈｏｓｔ", "localhoſt", "127.0.0.1 ", "",
    "0.0.0.0", "::", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
)  # fmt: skip
PRIVATE = (
    "0.0.0.0", "0.1.2.3", "10.1.2.3", "100.64.0.1", "100.127.255.255", "127.0.0.1",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.170", "192.0.2.1",
    "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1",
    "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::2", "::8.8.8.8", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:0:8.8.8.8",
    "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::",
    "64:ff9b:1::8.8.8.8", "64:ff9b:1:2::1", "100::1", "2001::1", "2001:0:1:2::3", "2001:2::1",
    "2001:10::1", "2001:20::1", "2001:db8::1", "2002::1", "2002:808:808::1", "3fff::1",
    "4000::1", "5f00::1", "fc00::1", "fd12::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
    "2606:4700::1111%x", "127.1", "2130706433", "0x7f.1", "nonsense", "",
)  # fmt: skip
PUBLIC = (
    "1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1",
    "192.0.1.1", "198.17.0.1", "198.20.0.1", "223.255.255.255", "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8", "2001:200::1", "2001:4860:4860::8888", "2003::1", "2400:3200::1",
    "2606:4700:4700::1111", "[2606:4700:4700::1111]",
)  # fmt: skip


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_is_an_address_or_the_name(host: str) -> None:
    assert is_loopback(host)
    assert not is_public(host) and not may_be_public(host)


@pytest.mark.parametrize("host", NOT_LOOPBACK)
def test_what_only_resembles_loopback_is_none(host: str) -> None:
    assert not is_loopback(host)
    assert not is_public(host)


@pytest.mark.parametrize("host", NOT_LOOPBACK)
def test_the_key_goes_over_http_to_nothing_that_only_resembles_loopback(
    cogview: Run, host: str
) -> None:
    wrapped = f"[{host}]" if ":" in host and "[" not in host and "]" not in host else host
    ended = cogview("gen", "cat", "--base-url", f"http://{wrapped}/v4")
    assert ended.code in (2, 9), ended
    assert ended.err.startswith("error: ") and not list(Path.cwd().iterdir())


@pytest.mark.parametrize(
    "authority",
    ["[::1]]", "[::1]example.com", "example.com[::1]", "a[::1]:80", "localhost:80:90", "[v1.x]",
     "localhost:0x50", "a..b", f"{'a' * 64}.example", "xn--\udcff", "ü.xn--a"],
)  # fmt: skip
def test_a_host_that_readers_take_for_different_ones_is_refused(
    cogview: Run, authority: str
) -> None:
    for scheme in ("http", "https"):
        ended = cogview("gen", "cat", "--base-url", f"{scheme}://{authority}/v4")
        assert ended.code in (2, 9), ended


@pytest.mark.parametrize("ip", PRIVATE)
def test_what_the_registries_keep_back_is_not_public(ip: str) -> None:
    assert not is_public(ip)


@pytest.mark.parametrize("ip", PUBLIC)
def test_what_lies_beside_it_is_public(ip: str) -> None:
    assert is_public(ip) and may_be_public(ip)


@given(st.ip_addresses())
def test_nothing_is_public_that_python_holds_for_private(
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    if (mapped or ip).is_private or (mapped or ip).is_multicast:
        assert not is_public(str(ip))


@given(st.ip_addresses(v=4))
def test_every_way_to_write_an_ipv4_address_in_ipv6_is_as_public_as_it_is(
    ip: ipaddress.IPv4Address,
) -> None:
    for prefix in ("::ffff:", "64:ff9b::"):
        assert is_public(f"{prefix}{ip}") == is_public(str(ip))
    for prefix in ("::", "::ffff:0:", "64:ff9b:1::"):
        assert not is_public(f"{prefix}{ip}")


@given(st.integers(0, 2**32 - 1), st.sampled_from(["{}", "0x{:x}", "0{:o}", "a.{}", "a.0X{:X}."]))
def test_a_number_is_no_public_name(number: int, form: str) -> None:
    """A proxy that reads `0x7f000001` as an address is not asked for it."""
    assert not may_be_public(form.format(number))


@given(st.text(string.ascii_lowercase + string.digits + "-", min_size=1))
def test_a_name_may_be_public(label: str) -> None:
    assert may_be_public(f"{label}.example.com")


async def _fetch(host: str) -> None:
    downloader = Downloader("https://open.bigmodel.cn/api/paas/v4")
    try:
        await downloader._addresses(target_of(f"https://{host}/a.png"), 1)
    finally:
        await downloader.close()


@pytest.mark.parametrize("host", ["localhost", "x.localhost", "0x7f.1", "127.1", "10.0.0.1"])
def test_a_proxy_is_not_asked_for_a_private_host(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setattr(Downloader, "_base_is_private", _never)
    with pytest.raises(DownloadFailed, match="private address"):
        asyncio.run(_fetch(host))


async def _never(_: Downloader) -> bool:
    return False
