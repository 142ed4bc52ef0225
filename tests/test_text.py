"""Text shown on a terminal: one line, no control or bidi character, bounded."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogview_cli.terminal.text import SHOWN_LIMIT, cell_width, clean

anything = st.text(st.characters(), max_size=400)
nasty = st.text(
    st.sampled_from("a猫 \x00\x07\x1b\x7f\x9b\r\n\t\u2028\u202e\u2066\u200f\ufeff\ud800")
)
BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@given(anything | nasty)
@settings(deadline=None, max_examples=200)
def test_no_control_surrogate_or_bidi_character_is_left(text: str) -> None:
    shown = clean(text)
    assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert not {unicodedata.bidirectional(char) for char in shown} & BIDI
    assert not set("\u061c\u200e\u200f\ufeff") & set(shown)
    shown.encode("utf-8")


@given(anything | nasty, st.integers(1, 50))
@settings(deadline=None)
def test_the_limit_holds(text: str, limit: int) -> None:
    assert len(clean(text, limit)) <= limit


@given(anything | nasty)
@settings(deadline=None)
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert clean(clean(text)) == clean(text)


def test_what_was_cut_ends_in_an_ellipsis() -> None:
    shown = clean("a" * 1_000_000)
    assert (len(shown), shown[-1]) == (SHOWN_LIMIT, "…")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("一只可爱的小猫咪", "一只可爱的小猫咪"),
        ("[/red][link=x]", "[/red][link=x]"),
        ("\x1b]52;c;eA==\x07", "^[]52;c;eA==^G"),
        ("\x9b31m", "\\u009b31m"),
        ("a\nb\r\tc", "a b  c"),
        ("a\u202eb", "a\\u202eb"),
    ],
)
def test_harmless_text_stays_and_hostile_text_is_escaped(text: str, shown: str) -> None:
    assert clean(text) == shown


@pytest.mark.parametrize(("value", "shown"), [(None, "None"), (7, "7"), (b"\x1b", "b'\\x1b'")])
def test_anything_can_be_shown(value: object, shown: str) -> None:
    assert clean(value) == shown


@pytest.mark.parametrize(("text", "cells"), [("abc", 3), ("猫", 2), ("e\u0301", 1), ("", 0)])
def test_wide_characters_take_two_cells_and_marks_none(text: str, cells: int) -> None:
    assert cell_width(text) == cells
