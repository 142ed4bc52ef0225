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
    """Any characters are read in the encoding that the user names."""
    data = "\n".join(lines).encode("gb18030")
    assert [r.prompt for r in from_stdin(data, format="txt", encoding="GB18030")] == lines


ZH_TW = "一隻可愛的小貓\n霓虹燈下的雨夜街道\n"


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        (ZH_TW, "big5"),
        ("綠草\n", "big5"),
        ("かわいい猫の絵\n雪の山\n", "shift_jis"),
        ("かわいい猫の絵\n雪の山\n", "euc-jp"),
        ("눈 덮인 산의 귀여운 고양이\n", "euc-kr"),
        ("un café très élégant\n", "cp1252"),
        ("кот на крыше\n", "cp1251"),
    ],
)
def test_what_gb18030_would_turn_into_rubbish_is_refused_and_can_be_named(
    text: str, codec: str
) -> None:
    data = text.encode(codec)
    with pytest.raises(UsageError, match="neither UTF-8 nor") as caught:
        read(data)
    assert caught.value.hint
    assert prompts(data, encoding=codec) == text.splitlines()


def test_the_hint_for_an_unclear_encoding_names_the_option() -> None:
    with pytest.raises(UsageError, match="nor clearly GB18030, in which it reads '") as caught:
        read(ZH_TW.encode("big5"))
    assert "--encoding big5" in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "一只猫\n",
        "海报，标题“春天”\n",
        "a product shot of 马克杯 on a table\n",
        "赛博朋克风格的上海外滩，雨夜，霓虹灯倒映在积水里，电影质感\n",
        "龙凤呈祥，剪纸，喜庆\n",
    ],
)
def test_everyday_chinese_needs_no_option(text: str) -> None:
    assert prompts(text.encode("gb18030")) == text.splitlines()


def test_an_encoding_that_does_not_fit_names_the_byte() -> None:
    with pytest.raises(UsageError, match="is not ascii: byte 0xe4 at offset 0"):
        read("一只\n", encoding="ascii")


@pytest.mark.parametrize("name", ["nonsense", "rot13", "base64", "idna", ""])
def test_an_unknown_encoding_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="no encoding") as caught:
        read("a\n", encoding=name)
    assert "big5" in caught.value.hint


def test_a_named_encoding_takes_its_mark() -> None:
    assert prompts(codecs.BOM_UTF8 + "猫\n".encode(), encoding="utf8") == ["猫"]
    assert prompts("猫\n".encode("utf-16"), encoding="utf-16") == ["猫"]


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_lines_that_end_in_a_carriage_return_alone(codec: str) -> None:
    assert prompts("一只猫\r一只狗\r一只鸟\r".encode(codec)) == ["一只猫", "一只狗", "一只鸟"]


@pytest.mark.parametrize(
    "text", ["кот и ёж\n", "un café très «élégant»\n", "חתול\n", "γάτα, ½ kg\n", "İstanbul\n"]
)
def test_utf8_of_one_script_is_not_taken_for_chinese(text: str) -> None:
    assert prompts(text.encode()) == text.splitlines()
