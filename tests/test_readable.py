"""What a stranger sent, as words or not at all."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.net.readable import readable


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"<h1>gone</h1>\r\n", "<h1>gone</h1>"),
        ("链接\n已过期".encode(), "链接 已过期"),
        (b"\xef\xbb\xbf<p>", "<p>"),
        (("链" * 900).encode(), "链" * 266),
        (b"", ""),
        (gzip.compress(b"<h1>gone</h1>", mtime=0), ""),
        (b"\x89PNG\r\n\x1a\n", ""),
        (b"\xff\xd8\xff\xe0", ""),
        (b"text\0more", ""),
        ("é".encode("latin-1"), ""),
        (b"cut in the middle of \xe9\x93", ""),
    ],
)
def test_words_are_shown_and_nothing_else(raw: bytes, words: str) -> None:
    assert readable(raw) == words


@given(st.binary(max_size=2000))
def test_what_is_shown_was_there(raw: bytes) -> None:
    shown = readable(raw)
    assert "\0" not in shown and "\ufffd" not in shown.replace(
        "\ufffd" * raw.count(b"\xef\xbf\xbd"), ""
    )
    assert len(shown) <= 800
