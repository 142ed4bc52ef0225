"""Links: what is fetched, and what ends with words of its own; never anything but those."""

from __future__ import annotations

from contextlib import suppress

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cogview_cli.pictures.failure import DownloadFailed
from cogview_cli.pictures.links import allowed, redirected
from cogview_cli.pictures.urls import joined, plain_url, url_of

BASE = "open.bigmodel.cn"
IMPOSSIBLE = {
    "empty label": "https://a..b/1.png",
    "leading dot": "https://.example.com/1.png",
    "only a dot": "https://./1.png",
    "64 letters": f"https://{'a' * 64}.com/1.png",
    "254 letters": f"https://{'a.' * 126}ab/1.png",
    "bad punycode": "https://xn--0.com/1.png",
    "bad punycode further in": "https://images.xn--a\x80.com/1.png",
    "trailing hyphen": "https://a-.com/1.png",
    "decimal number": "https://2852039166/1.png",
    "hex number": "https://0xa9fea9fe/1.png",
    "short number": "https://127.1/1.png",
    "number at the end": "https://a.example.1/1.png",
    "zone": "https://[fe80::1%25eth0]/1.png",
    "zone of loopback": "https://[::1%25x.example.com]/1.png",
    "per cent": "https://127.0.0.1%2ex.example.com/1.png",
    "no IPv6": "https://[::1/1.png",
    "port 99999": "https://a.com:99999/1.png",
    "port 0": "https://a.com:0/1.png",
    "port -1": "https://a.com:-1/1.png",
    "port in letters": "https://a.com:https/1.png",
    "login": "https://user:password@a.com/1.png",
    "name alone": "https://user@a.com/1.png",
    "no host": "https:///1.png",
    "no scheme": "//a.com/1.png",
    "nothing": "",
    "a path": "/1.png",
    "http": "http://a.com/1.png",
    "http to this machine": "http://127.0.0.1/1.png",
    "ftp": "ftp://a.com/1.png",
    "blank inside": "https://a.com/1 2.png",
    "line feed inside": "https://a.com/1\n2.png",
    "8193 letters": "https://a.com/" + "a" * 8180,
}
FINE = {
    "plain": ("https://a.com/1.png", "a.com"),
    "blanks around": (" \r\n https://a.com/1.png\t\n", "a.com"),
    "port": ("https://a.com:8443/1.png", "a.com"),
    "trailing dot": ("https://a.com./1.png", "a.com."),
    "underscore": ("https://my_bucket.a.com/1.png", "my_bucket.a.com"),
    "Chinese": ("https://图片.example/1.png", "xn--wcsw84d.example"),
    "punycode": ("https://xn--fiq228c.com/1.png", "xn--fiq228c.com"),
    "IPv4": ("https://93.184.215.14/1.png", "93.184.215.14"),
    "IPv6": ("https://[2606:2800::1]/1.png", "2606:2800::1"),
    "capitals": ("HTTPS://A.COM/1.png", "a.com"),
}


@pytest.mark.parametrize("how", IMPOSSIBLE)
def test_a_link_that_cannot_be_fetched_ends_with_its_own_words(how: str) -> None:
    with pytest.raises(DownloadFailed, match="the image's URL") as caught:
        allowed(IMPOSSIBLE[how], BASE)
    assert caught.value.final and not caught.value.gone


@pytest.mark.parametrize("how", FINE)
def test_a_link_is_taken_as_it_is(how: str) -> None:
    text, host = FINE[how]
    assert allowed(text, BASE).host == host


def test_http_is_for_this_machine_talking_to_itself() -> None:
    assert allowed("http://127.0.0.1:8000/1.png", "127.0.0.1").port == 8000
    for url in ("http://127.0.0.1%25x.example.com/1.png", "http://10.0.0.1/1.png"):
        with pytest.raises(DownloadFailed):
            allowed(url, "127.0.0.1")


@given(st.text(max_size=60) | st.from_regex(r"https://[^/]{1,30}/.*"))
@example("https://xn--\x80.com/")
@example("https://[::ffff:1.2.3.4%25]/")
def test_any_text_is_a_link_or_one_error(text: str) -> None:
    with suppress(DownloadFailed):
        url = allowed(text, BASE)
        host = url.host
        assert url.scheme == "https" and all(len(label) < 64 for label in host.split("."))
        host.encode("idna")


HERE = url_of("https://a.com/x/1.png?q=1")


@given(
    st.from_regex(
        r"https?://[a-z0-9.-]{1,12}(:[0-9]{1,6})?/[!-~]{0,20}(\?[!-~]{0,20})?", fullmatch=True
    )
)
@example("https://a.com:443/1.png?Expires=1&Signature=a%2bB%3D&x=1?")
@example("https://127.0.0.1:8000/a/b;c=1,2:@!$&'()*+/.%2e")
@example("https://xn--0.com/1.png")
@example("https://127.0.0.01/1.png")
@example("https://a.com/a/../b")
@example("https://a.com/a?")
def test_a_plain_link_is_read_as_httpx_reads_it(text: str) -> None:
    if (ours := plain_url(text)) is None:
        return
    theirs = httpx.URL(text)
    assert (ours.scheme, ours.host, ours.port) == (theirs.scheme, theirs.host, theirs.port)
    assert ours.path == theirs.raw_path.decode() and str(ours) == str(theirs)
    assert not ours.login and not theirs.userinfo


@pytest.mark.parametrize(
    "text",
    [
        "https://aigc-files.bigmodel.cn/api/cogview/2026112600123abc_0.png",
        "https://a.oss-cn-beijing.aliyuncs.com/x/1_2.png?Expires=1&Signature=a%2Bb%3D",
        "http://127.0.0.1:8000/v1/images/7/content",
    ],
)
def test_the_links_of_servers_are_plain(text: str) -> None:
    assert str(plain_url(text)) == text


@pytest.mark.parametrize(
    ("location", "there"),
    [
        ("https://b.com/2.png", "https://b.com/2.png"),
        ("/2.png", "https://a.com/2.png"),
        ("2.png", "https://a.com/x/2.png"),
        (" //b.com/2.png ", "https://b.com/2.png"),
    ],
)
def test_a_redirect_leads_somewhere(location: str, there: str) -> None:
    assert redirected(HERE, location) == there


@given(
    st.lists(
        st.sampled_from(["https:", "http:", "//", "/", "@", "a.com", "[::1]", ":80", ":0", "..",
                         "%2e", "?x=1", "#f", "\\", "\t", "图", "。", "127.0.0.1", "xn--a"]),
        max_size=6,
    ).map("".join)
)  # fmt: skip
@example("https://a.com\\@169.254.169.254/1.png")
@example("/%2e%2e/x")
def test_a_redirect_is_joined_as_httpx_joins_it(reference: str) -> None:
    try:
        theirs = str(httpx.URL(str(HERE)).join(reference))
    except Exception:
        with pytest.raises(ValueError):
            joined(HERE, reference)
        return
    assert joined(HERE, reference) == theirs


@given(st.text(max_size=40))
@example("")
@example("   ")
@example("https://[::1/x")
@example("https://xn--0.com/")
@example("https://a.com:99999999999/")
@example("\ud800")
def test_any_location_leads_somewhere_or_is_one_error(location: str) -> None:
    with suppress(DownloadFailed):
        allowed(redirected(HERE, location), BASE)
    if not location.strip():
        with pytest.raises(DownloadFailed, match="redirects"):
            redirected(HERE, location)
