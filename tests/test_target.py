"""A URL as its parts go over the wire."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.net.proxies import proxy_for
from cogview_cli.net.target import Target, target_of


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://a.com", Target("https", "a.com", 443, "/")),
        ("https://A.com:443/v4/images", Target("https", "a.com", 443, "/v4/images")),
        ("http://127.0.0.1:8080/v4?a=1", Target("http", "127.0.0.1", 8080, "/v4?a=1")),
        ("http://[::1]:9/x", Target("http", "::1", 9, "/x")),
        ("https://图片.example/画", Target("https", "xn--wcsw84d.example", 443, "/%E7%94%BB")),
        ("https://a.com/%20x", Target("https", "a.com", 443, "/%20x")),
    ],
)
def test_parts(url: str, target: Target) -> None:
    assert target_of(url) == target


@pytest.mark.parametrize(
    "url",
    ["", "a.com", "ftp://a.com", "https://", "https://:80/", "https://a.com:0", "https://a.com:x", "https://a.com:99999",
     "https://a b.com", "https://a.com/\n", "https://xn--\u200d\u2028.com"],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        target_of(url)


@pytest.mark.parametrize(
    ("target", "authority"),
    [
        (Target("https", "a.com", 443, "/"), "a.com"),
        (Target("https", "a.com", 8443, "/"), "a.com:8443"),
        (Target("http", "::1", 80, "/"), "[::1]"),
        (Target("http", "::1", 81, "/"), "[::1]:81"),
    ],
)
def test_the_host_header_leaves_out_the_usual_port(target: Target, authority: str) -> None:
    assert target.authority == authority


_PATHS = st.text(
    st.characters(
        min_codepoint=33, exclude_characters="#?\x7f", exclude_categories=["Cs", "Cc", "Z"]
    )
)


@given(_PATHS)
def test_a_path_is_sent_in_ascii_and_means_the_same_a_second_time(path: str) -> None:
    target = target_of(f"https://a.com/{path}")
    assert target.path.isascii() and " " not in target.path
    assert target_of(target.url) == target


@given(
    st.from_regex(
        r"[a-z0-9-]{1,20}(\.[a-z]{2,5}){1,2}(:[1-9][0-9]{0,3})?(/[a-zA-Z0-9%._~-]*){0,3}",
        fullmatch=True,
    )
)
def test_plain_urls_are_read_as_httpx_reads_them(rest: str) -> None:
    url = f"https://{rest}"
    try:
        theirs = httpx.URL(url)
    except httpx.InvalidURL:
        return
    ours = target_of(url)
    assert (ours.host, ours.port) == (theirs.raw_host.decode(), theirs.port or 443)
    assert ours.authority == theirs.netloc.decode()


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({"http_proxy": "http://low:1", "HTTP_PROXY": "http://up:1"}, "http://low:1"),
        ({"http_proxy": "", "HTTP_PROXY": "http://up:1"}, None),
        ({"HTTP_PROXY": "http://up:1", "REQUEST_METHOD": "GET"}, None),
        ({"http_proxy": "http://low:1", "REQUEST_METHOD": "GET"}, "http://low:1"),
        ({"Http_Proxy": "http://mixed:1"}, "http://mixed:1"),
        ({"ALL_PROXY": "http://all:1", "http_proxy": "http://low:1"}, "http://low:1"),
    ],
)
def test_proxies_are_read_as_the_standard_library_reads_them(
    environment: dict[str, str], proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from urllib.request import getproxies_environment

    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    theirs = getproxies_environment()
    assert (theirs.get("http") or theirs.get("all")) == proxy
    assert proxy_for(Target("http", "a.com", 80, "/")) == proxy
