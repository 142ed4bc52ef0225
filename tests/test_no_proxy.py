"""NO_PROXY as curl and Go read it, and the one question that decides for every client."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.net.no_proxy import is_exempt
from cogview_cli.net.proxies import proxy_for
from cogview_cli.net.target import target_of


@pytest.mark.parametrize(
    ("rules", "host", "exempt"),
    [
        ("", "a.com", False),
        ("*", "a.com", True),
        ("a.com", "a.com", True),
        ("a.com", "A.com.", True),
        ("a.com", "x.a.com", True),
        (".a.com", "x.a.com", True),
        (".a.com", "a.com", True),
        ("*.a.com", "x.a.com", True),
        ("a.com", "ba.com", False),
        ("b.com, a.com ,", "a.com", True),
        ("a.com:443", "a.com", True),
        ("a.com:8443", "a.com", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.0.0.0/8", "a.com", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3:443", "10.1.2.3", True),
        ("2001:db8::1", "2001:db8::1", True),
        ("[2001:db8::1]:443", "2001:db8::1", True),
        ("[2001:db8::1]:80", "2001:db8::1", False),
        ("2001:db8::/32", "2001:db8::1", True),
        ("10.0.0.0/99", "10.0.0.1", False),
        (".", "a.com", False),
    ],
)
def test_rules(rules: str, host: str, exempt: bool) -> None:
    assert is_exempt(host, 443, rules) is exempt


@given(st.text(max_size=40), st.text(max_size=20))
def test_any_rules_can_be_read(rules: str, host: str) -> None:
    assert is_exempt(host, 443, rules) in (True, False)


@pytest.mark.parametrize(
    ("environment", "url", "proxy"),
    [
        ({}, "https://a.com", None),
        ({"HTTPS_PROXY": "http://p:1"}, "https://a.com", "http://p:1"),
        ({"HTTPS_PROXY": "p:1"}, "https://a.com", "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1"}, "http://a.com", None),
        ({"ALL_PROXY": "socks5://p:1"}, "https://a.com", "socks5://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a.com"}, "https://x.a.com", None),
        ({"HTTPS_PROXY": "http://p:1", "no_proxy": "93.184.0.0/16"}, "https://93.184.1.1", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a.com:8443"}, "https://a.com:8443", None),
        ({"HTTPS_PROXY": "http://p:1"}, "https://127.0.0.1", None),
        ({"HTTPS_PROXY": "http://p:1"}, "https://localhost", None),
    ],
)
def test_the_environment_decides_by_the_hosts_name(
    environment: dict[str, str], url: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(target_of(url)) == proxy
