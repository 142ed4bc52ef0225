"""Encodings: marks, UTF-16 without one, GB18030, and files that are neither."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.errors import UsageError
from tests.sources.reading import from_stdin, prompts, read, reading

TEXT = "一只可爱的小猫咪\na dog, 4k\n海报，标题“春天”\n"
PROMPTS = TEXT.splitlines()


def form_of(data: bytes) -> str:
    rows = reading(data)
    list(rows)
    return rows.forms[0]


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (TEXT.encode(), "txt"),
        (codecs.BOM_UTF8 + TEXT.encode(), "txt"),
        (codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"), "txt (UTF-16)"),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), "txt (UTF-16)"),
        (TEXT.encode("utf-16-le"), "txt (UTF-16)"),
        (TEXT.encode("utf-16-be"), "txt (UTF-16)"),
        (codecs.BOM_UTF32_LE + TEXT.encode("utf-32-le"), "txt (UTF-32)"),
        (TEXT.encode("gb18030"), "txt (GB18030)"),
        (TEXT.encode("gbk").replace(b"\n", b"\r\n"), "txt (GB18030)"),
    ],
)
def test_a_file_is_read_in_its_encoding(data: bytes, form: str) -> None:
    assert prompts(data) == PROMPTS
    assert form_of(data) == form


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf16_of_plain_ascii(codec: str) -> None:
    assert prompts("a cat\na dog\n".encode(codec)) == ["a cat", "a dog"]


def test_the_whole_file_decides() -> None:
    """A first megabyte of ASCII says nothing about the end; characters may sit on any border."""
    head = "a plain line of words\n" * 60_000
    for codec in ("utf-8", "gb18030"):
        assert (
            prompts((head + "一只可爱的小猫咪坐在窗台上").encode(codec))[-1]
            == "一只可爱的小猫咪坐在窗台上"
        )
    for shift in range(3):
        data = ("x" * (2**20 - 4 + shift) + "\n" + "猫" * 9 + "\n").encode()
        assert prompts(data)[1:] == ["猫" * 9]


def test_a_file_that_is_neither_names_the_byte() -> None:
    with pytest.raises(UsageError) as caught:
        read(b"a cat\nb\xff\xfe\xff\n")
    assert caught.value.message == "'p.txt' is neither UTF-8 nor GB18030: byte 0xff at offset 7"
    assert caught.value.hint


def test_damaged_utf8_is_not_taken_for_gb18030() -> None:
    """Read as GB18030 it would decode, to rubbish that would be paid for."""
    data = (TEXT * 3).encode() + b"caf\xe9 au lait\n"
    data.decode("gb18030", "replace")
    with pytest.raises(
        UsageError, match=f"not UTF-8: byte 0xe9 at offset {len(TEXT.encode()) * 3 + 3}"
    ):
        read(data)


def test_a_file_cut_inside_a_character() -> None:
    with pytest.raises(UsageError, match="not UTF-8"):
        read((TEXT * 3).encode() + "猫".encode()[:2])
    with pytest.raises(UsageError, match="not UTF-16"):
        read(codecs.BOM_UTF16_LE + "ab".encode("utf-16-le") + b"c")


def test_lone_surrogates_in_utf16_are_refused() -> None:
    with pytest.raises(UsageError, match="not UTF-16: byte 0x00 at offset 4"):
        read(codecs.BOM_UTF16_LE + "a".encode("utf-16-le") + b"\x00\xd8a\x00")


def test_gb18030_that_begins_like_utf8() -> None:
    """Both characters are valid UTF-8 of two bytes."""
    assert prompts(("一只" * 20 + "猫咪可爱").encode("gb18030")) == ["一只" * 20 + "猫咪可爱"]


def test_a_mark_alone_holds_no_prompt() -> None:
    assert read(codecs.BOM_UTF8) == []


@given(
    st.lists(
        st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=4), min_size=3
    )
)
def test_chinese_lines_in_gb18030(lines: list[str]) -> None:
    """Lines of Chinese that happen to be valid UTF-8 are beyond telling; they are rare."""
    data = "\n".join(lines).encode("gb18030")
    try:
        data.decode()
    except UnicodeDecodeError:
        assert [r.prompt for r in from_stdin(data, format="txt")] == lines
