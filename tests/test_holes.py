"""Templates with `{…}` holes: names of files and prompts share one grammar of braces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.disk.holes import Holes, escape_braces

WORDS = Holes(r"([a-z]+)")
BRACES = st.text(alphabet="{}a-", max_size=12)


def filled(text: str) -> str:
    return WORDS.fill(text, lambda hole: f"<{hole[1]}>")


@pytest.mark.parametrize(
    ("text", "names", "result"),
    [
        ("a {b} {c}", ["b", "c"], "a <b> <c>"),
        ("{{b}}", [], "{b}"),
        ("{{{b}}}", ["b"], "{<b>}"),
        ("{b}{b}", ["b", "b"], "<b><b>"),
        ("", [], ""),
    ],
)
def test_holes_are_found_and_filled(text: str, names: list[str], result: str) -> None:
    assert [hole[1] for hole in WORDS.find(text)] == names
    assert filled(text) == result
    assert not WORDS.has_stray_brace(text)


@pytest.mark.parametrize("text", ["{", "}", "{a", "a}", "{}", "{a{b}}", "{B}", "{{{", "}}}"])
def test_a_brace_that_is_neither_doubled_nor_a_hole_is_stray(text: str) -> None:
    assert WORDS.has_stray_brace(text)


@given(BRACES)
def test_any_text_can_be_said_literally(text: str) -> None:
    assert filled(escape_braces(text)) == text
    assert not WORDS.has_stray_brace(escape_braces(text))
    assert list(WORDS.find(escape_braces(text))) == []
