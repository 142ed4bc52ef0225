"""Pictures inside an answer: every form of base64 that servers write."""

from __future__ import annotations

import base64
from contextlib import suppress
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.pictures.failure import DownloadFailed
from cogview_cli.pictures.inline import decoded, is_data_url

FORMS = {
    "plain": lambda raw: base64.b64encode(raw).decode(),
    "lines of 76": lambda raw: base64.encodebytes(raw).decode(),
    "CRLF and blanks": lambda raw: f" {base64.encodebytes(raw).decode()}".replace("\n", "\r\n "),
    "URL-safe": lambda raw: base64.urlsafe_b64encode(raw).decode(),
    "unpadded": lambda raw: base64.b64encode(raw).decode().rstrip("="),
    "URL-safe, unpadded": lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("="),
    "data:": lambda raw: f"data:image/png;base64,{base64.b64encode(raw).decode()}",
    "data: without type": lambda raw: f"data:;base64,{base64.b64encode(raw).decode()}",
    "DATA: with charset": lambda raw: (
        f"DATA:image/png;charset=x;BASE64,{base64.b64encode(raw).decode()}"
    ),
    "data: escaped": lambda raw: f"data:image/png;base64,{quote(base64.b64encode(raw), safe='')}",
    "data: in per cent": lambda raw: f"data:image/png,{quote(raw)}",
}


@pytest.mark.parametrize("form", FORMS)
@given(raw=st.binary(max_size=200))
def test_every_form_gives_the_bytes(form: str, raw: bytes) -> None:
    assert decoded(FORMS[form](raw)) == raw


@pytest.mark.parametrize(
    "text", ["not base64!", "a", "ab=c=", "图", "data:image/png;base64,!", "%%"]
)
def test_anything_else_is_one_error(text: str) -> None:
    with pytest.raises(DownloadFailed, match="not base64") as caught:
        decoded(text)
    assert caught.value.final


@given(st.text(max_size=60))
def test_any_text_is_bytes_or_one_error(text: str) -> None:
    with suppress(DownloadFailed):
        assert isinstance(decoded(text), bytes)


def test_a_data_url_is_told_from_a_link() -> None:
    assert is_data_url(" data:image/png;base64,AAAA")
    assert not is_data_url("https://a.com/data:image/png,")
