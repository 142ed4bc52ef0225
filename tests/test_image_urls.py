"""Links: they expire when they say so, and are shown without their signed part."""

from __future__ import annotations

import json
import time
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogview_cli.api.image_urls import link_end, redact, unsigned

SIGNED = (
    "https://cdn.example/a/1_watermark.png?UCloudPublicKey=K&Signature=s%2Bx%3D&Expires=1762327333"
)
SECRET = "S3cr3t"
in_query = st.text(
    st.characters(min_codepoint=0x21, exclude_categories=("Cs", "Z", "C")), max_size=30
)
in_path = st.text("abc/._-%", max_size=15)


@given(in_path, in_query, in_query, st.booleans(), st.booleans())
@settings(deadline=None, max_examples=200)
def test_redacting_an_answer_leaves_json_without_the_signature(
    path: str, before: str, after: str, ascii_only: bool, slashes: bool
) -> None:
    url = f"https://cdn.example/{path}?{before}{SECRET}{after}"
    text = json.dumps({"data": [{"url": url}], "created": 1}, ensure_ascii=ascii_only)
    raw = (text.replace("/", "\\/") if slashes else text).replace("&", "\\u0026").encode()
    kept = redact(raw)
    assert SECRET.encode() not in kept
    assert json.loads(kept) == {"data": [{"url": f"https://cdn.example/{path}"}], "created": 1}


def test_an_escaped_question_mark_hides_nothing() -> None:
    raw = rb'{"url":"https://h/x.png\u003fSignature=S3cr3t\u003FExpires=1","created":7}'
    assert redact(raw) == b'{"url":"https://h/x.png","created":7}'


@pytest.mark.parametrize("link", [b"http://a", b"https://", b"http:\\/\\/a?", b"http://a\\"])
def test_redacting_reads_a_text_full_of_links_once(link: bytes) -> None:
    """It is done at every start and inside a transaction: one answer must not hold up the rest."""
    raw = b'{"url":"https://a.com/1.png?Expires=1","x":"' + link * 60_000 + b'"}'
    began = time.process_time()
    assert redact(raw).startswith(b'{"url":"https://a.com/1.png","x":"')
    assert time.process_time() - began < 5


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_redacting_twice_changes_nothing_more(raw: bytes) -> None:
    once = redact(raw)
    assert redact(once) == once
    assert b"http" in raw or once == raw


def test_a_link_cut_short_is_redacted_too() -> None:
    assert (
        redact(b'{"data":[{"url":"https://h/x.png?Signature=S3c')
        == b'{"data":[{"url":"https://h/x.png'
    )


def test_text_without_a_link_stays_as_it_is() -> None:
    raw = b'{"message":"really? yes","n":1}'
    assert redact(raw) == raw


def test_a_shown_link_has_no_query_fragment_or_login() -> None:
    assert unsigned(SIGNED) == "https://cdn.example/a/1_watermark.png"
    assert unsigned("https://user:pw@h:8443/x.png?a#b") == "https://h:8443/x.png"


@given(st.text(max_size=60) | st.text("/:@?#[]ab", max_size=40).map(lambda tail: "https://" + tail))
@settings(deadline=None, max_examples=200)
def test_no_link_however_broken_keeps_query_or_fragment(url: str) -> None:
    shown = unsigned(url)
    assert "?" not in shown
    try:
        parts = urlsplit(shown)
    except ValueError:
        return
    assert not parts.query and not parts.fragment


def test_a_link_with_a_broken_host_still_loses_its_login() -> None:
    assert "pw" not in unsigned("https://user:pw@[broken/x.png?Signature=s")


@pytest.mark.parametrize(
    ("url", "at"),
    [
        (SIGNED, 1762327333.0),
        ("https://h/x.png", None),
        ("https://h/x.png?Expires=soon", None),
        ("https://h/x.png?Expires=-1762327333", None),
        ("https://h/x.png?Expires=١٧٦٢٣٢٧٣٣٣", None),
        ("https://h/x.png?Expires=99999999999999999999", None),
        ("https://[broken?Expires=1762327333", None),
    ],
)
def test_only_plain_unix_seconds_are_an_expiry(url: str, at: float | None) -> None:
    assert link_end(url, None) == at
