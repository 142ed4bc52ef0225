"""Names: one safe component, cut by bytes, readable, never leaving the folder."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogview_cli.disk.names import (
    COMPONENT_BYTES,
    SLUG_BYTES,
    STEM_BYTES,
    check_template,
    cut_bytes,
    expand,
    safe_component,
    slug,
    template_fields,
    with_number,
)
from cogview_cli.errors import UsageError

pieces = st.sampled_from(
    ["con", "CON", "nul", "com1", "lpt9", ".", "..", "/", "\\", " ", "-", "~", ":", "猫", "é",
     "e\u0301", "\x00", "\n", "\u202e", "\ud800", "😀", "a", "*", "\u0338", "<", "{", "}"]
)  # fmt: skip
texts = st.text(st.characters(), max_size=300) | st.lists(pieces, max_size=30).map("".join)
limits = st.integers(8, 255)
DEVICES = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{d}{n}" for d in ("com", "lpt") for n in "0123456789¹²³"),
}


def assert_safe(name: str, limit: int) -> None:
    assert 0 < len(name.encode("utf-8")) <= limit
    assert not set('/\\:*?"<>|') & set(name)
    assert not {unicodedata.category(char) for char in name} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert name[0] not in "-.~ "
    assert name[-1] not in ". "
    assert name.partition(".")[0].rstrip(" ").lower() not in DEVICES
    assert PurePosixPath(name).name == PureWindowsPath(name).name == name
    assert unicodedata.is_normalized("NFC", name)


@given(texts, limits)
@settings(deadline=None, max_examples=300)
def test_any_text_becomes_one_component_that_every_system_takes(text: str, limit: int) -> None:
    assert_safe(safe_component(text, limit), limit)


@given(texts, limits)
@settings(deadline=None)
def test_a_safe_component_stays_as_it_is(text: str, limit: int) -> None:
    once = safe_component(text, limit)
    assert safe_component(once, limit) == once


@given(texts, st.integers(8, SLUG_BYTES))
@settings(deadline=None, max_examples=200)
def test_a_slug_is_a_safe_component_of_letters_digits_and_dashes(text: str, limit: int) -> None:
    made = slug(text, limit)
    assert_safe(made, limit)
    assert all(unicodedata.category(char)[0] in "LNM" or char in "-_" for char in made)
    assert slug(made, limit) in (
        made,
        made.rstrip("_"),
        made.replace("_", "-"),
        made.rstrip("_") + "_",
    )


@given(texts, st.integers(0, 60))
@settings(deadline=None, max_examples=200)
def test_a_cut_fits_the_bytes_and_splits_no_character(text: str, limit: int) -> None:
    whole = text.encode("utf-8", "ignore").decode("utf-8")
    kept = cut_bytes(whole, limit)
    assert len(kept.encode("utf-8")) <= limit
    assert whole.startswith(kept)
    rest = whole[len(kept) :]
    assert not (kept and rest and unicodedata.combining(rest[0]))


def test_a_base_character_is_not_kept_without_its_marks() -> None:
    assert cut_bytes("ae\u0301", 3) == "a"
    assert cut_bytes("ae\u0301", 4) == "ae\u0301"


def test_cutting_drops_what_is_not_unicode() -> None:
    assert cut_bytes("a\ud800b", 10) == "ab"


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("一只可爱的小猫咪，在花园里", "一只可爱的小猫咪-在花园里"),
        ("  A cat & a dog! ", "A-cat-a-dog"),
        ("cafe\u0301", "café"),
        ("", "image"),
        ("!!!", "image"),
        ("../../etc/passwd", "etc-passwd"),
    ],
)
def test_slugs_stay_readable_in_any_script(text: str, made: str) -> None:
    assert slug(text) == made


@pytest.mark.parametrize(
    "name", ["CON", "nul.txt", "com1", "LPT9.png", "con .txt", "aux  .a.b", "COM¹"]
)
def test_windows_device_names_are_changed(name: str) -> None:
    assert_safe(safe_component(name), STEM_BYTES)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("..", "_"),
        ("-rf", "_rf"),
        (".bashrc", "_bashrc"),
        ("~root", "_root"),
        ("a/b", "a_b"),
        ("", "_"),
    ],
)
def test_names_that_mean_something_to_a_shell_are_changed(text: str, made: str) -> None:
    assert safe_component(text) == made


def test_a_stem_leaves_room_for_number_suffix_and_sidecar() -> None:
    longest = safe_component("猫" * 400) + "-9999.jpeg.json"
    assert len(longest.encode("utf-8")) <= COMPONENT_BYTES


@given(
    st.lists(pieces.filter(lambda piece: piece not in "{}") | st.just("{slug}"), max_size=12).map(
        "".join
    ),
    texts,
)
@settings(deadline=None, max_examples=200)
def test_no_template_and_no_value_leaves_the_folder(template: str, value: str) -> None:
    parts = expand(template, {"slug": value})
    assert parts
    for part in parts:
        assert_safe(part, STEM_BYTES)
    assert len(parts) <= template.count("/") + 1


def test_a_slash_in_a_value_adds_no_folder_and_one_in_the_template_does() -> None:
    assert expand("{a}/{b}", {"a": "x/y", "b": "../z"}) == ["x_y", "_._z"]
    assert expand("/../{a}//./{b}", {"a": "x", "b": "y"}) == ["x", "y"]
    assert expand("", {}) == ["image"]


@pytest.mark.parametrize(
    ("template", "name"),
    [("{index}", "7"), ("{index:04}", "0007"), ("{index:2}-{n}", "07-12"), ("{{x}}-{n}", "{x}-12")],
)
def test_fields_are_filled_in_and_padded(template: str, name: str) -> None:
    assert expand(template, {"index": 7, "n": 12}) == [name]


@pytest.mark.parametrize("template", ["{", "}", "{index", "a}b", "{{}", "{index:x}", "{in/dex}"])
def test_a_stray_brace_is_refused(template: str) -> None:
    with pytest.raises(UsageError, match="brace"):
        check_template(template, {"index": 1})


def test_an_unknown_field_is_refused_and_the_known_ones_are_listed() -> None:
    with pytest.raises(UsageError, match="no field 'indx'") as caught:
        expand("{indx}", {"index": 1, "slug": ""})
    assert "index, slug" in caught.value.hint


def test_the_fields_of_a_template_come_in_order() -> None:
    assert template_fields("{date}/{{x}}-{index:04}.{ext}") == ["date", "index", "ext"]


def test_the_second_of_a_name_is_numbered_2() -> None:
    assert [with_number("cat", number) for number in (1, 2, 3)] == ["cat", "cat-2", "cat-3"]


@pytest.mark.parametrize(("text", "limit"), [("COM0  \u0800", 8), ("nul  猫", 6), ("aux   x", 3)])
def test_a_name_that_is_a_device_only_once_it_is_cut_is_changed(text: str, limit: int) -> None:
    assert_safe(safe_component(text, limit), limit)
