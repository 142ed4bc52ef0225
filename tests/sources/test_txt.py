"""Plain text: a prompt a line, blocks, comments, line ends, limits."""

from __future__ import annotations

import re
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.sources import Record, RejectedRow
from cogview_cli.sources.lines import LINE_LIMIT
from tests.sources.reading import bad, from_stdin, prompts, read, reading, records


def test_every_line_is_a_prompt_and_knows_its_line() -> None:
    got = records("一只猫\n\n  a dog \n")
    assert [(r.file, r.line, r.prompt) for r in got] == [
        ("p.txt", 1, "一只猫"),
        ("p.txt", 3, "a dog"),
    ]
    assert got[0] == Record(file="p.txt", line=1, prompt="一只猫")


def test_crlf_and_no_last_line_end() -> None:
    assert prompts("a red car\r\na blue car") == ["a red car", "a blue car"]


def test_comments_are_no_prompts_unless_asked_for() -> None:
    text = "# title\n//note\n#hashtag art\ncat # not a comment\n"
    assert prompts(text) == ["cat # not a comment"]
    assert prompts(text, comments=False) == text.splitlines()


@pytest.mark.parametrize("inner", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
def test_only_a_line_feed_ends_a_line(inner: str) -> None:
    assert prompts(f"one{inner}two\nthree") == [f"one{inner}two", "three"]


def test_a_carriage_return_inside_a_line_is_bad() -> None:
    assert bad("a cat\ra dog\na bird\n").line == 1
    assert prompts("a cat\r\r\na dog\r\r\n") == ["a cat", "a dog"]


def test_a_line_longer_than_the_limit_is_bad_and_the_next_is_read() -> None:
    got = read("a\n" + "x" * (LINE_LIMIT + 1) + "\nb\n" + "y" * LINE_LIMIT + "\nc")
    assert got[1] == RejectedRow("p.txt", 2, "longer than 1 MiB")
    assert [r.line for r in got if isinstance(r, Record)] == [1, 3, 4, 5]


def test_an_endless_line_is_never_held() -> None:
    rows = reading(b"x" * (24 * LINE_LIMIT) + b"\nlast")
    tracemalloc.start()
    try:
        got = list(rows)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [r.line for r in got] == [1, 2]
    assert peak < 12 * LINE_LIMIT


def test_reading_many_lines_holds_one() -> None:
    rows = reading("a prompt of some words that takes its place\n" * 50_000)
    tracemalloc.start()
    try:
        count = sum(1 for _ in rows)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 50_000
    assert peak < 6 * 2**20


def test_a_nul_is_bad() -> None:
    assert bad("a\nb\x00c\nd\n") == RejectedRow("p.txt", 2, "holds a NUL character")


def test_blocks_keep_their_inner_lines() -> None:
    got = records("first\nline two\n\n---\n\n# note\nsecond\n---\n---\r\nthird\r\nend\r\n")
    assert [(r.line, r.prompt) for r in got] == [
        (1, "first\nline two"),
        (7, "second"),
        (10, "third\nend"),
    ]


def test_blocks_only_for_a_line_that_is_exactly_three_dashes() -> None:
    assert prompts("a\nb --- c\n") == ["a", "b --- c"]
    assert prompts("a\nb\n", format="blocks") == ["a\nb"]
    assert prompts("a\n---\nb", format="txt") == ["a", "---", "b"]


def test_a_bad_line_makes_its_block_bad() -> None:
    got = read("a\n---\nb\nc\x00\nd\n---\ne")
    assert [r.line for r in got] == [1, 4, 7]
    assert isinstance(got[1], RejectedRow)
    long = read(("x" * 1023 + "\n") * 1025 + "---\ne\n")
    assert [type(r) for r in long] == [RejectedRow, Record]
    assert "1 MiB" in long[0].why  # type: ignore[union-attr]


def test_forms_say_what_was_found() -> None:
    for text, form in (
        ("a\n", "txt"),
        ("a\n---\nb\n", "blocks"),
        ("一只可爱的小猫\n".encode("gbk"), "txt (GB18030)"),
    ):
        rows = reading(text)
        list(rows)
        assert rows.forms == [form]


def test_prose_is_never_taken_for_another_form() -> None:
    lines = [
        "a cat, text",
        "1girl,caption",
        "[soft light] a cat",
        "{red|blue} car",
        '"猫" written on a wall',
        "prompt: a cat",
        "{a} {b}",
    ]
    for first in lines:
        assert prompts(f"{first}\na second, line\n") == [first, "a second, line"]


def test_a_text_file_of_objects_only_is_jsonl() -> None:
    assert prompts('{"prompt": "a"}\n\n{"prompt": "b"}\n') == ["a", "b"]
    assert prompts('# list\n{"prompt": "a"}\n{"prompt": "b"}\n') == ["a", "b"]
    assert prompts('{"prompt": "a"}\nplain\n') == ['{"prompt": "a"}', "plain"]


def test_one_broken_object_does_not_make_the_others_prompts() -> None:
    got = read('{"prompt": "a"}\n{"prompt": "b"\n{"prompt": "c"}\n')
    assert [type(r) for r in got] == [Record, RejectedRow, Record]


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\0")), max_size=6
    )
)
def test_any_lines_are_read_back(lines: list[str]) -> None:
    """Whatever stands in a line is its prompt, but for outer blanks and known flags."""
    said = [line for line in lines if not line.strip().startswith(('"', "/"))]
    said = [line for line in said if not re.search("--|[—–]|\r.", line)]
    got = from_stdin("\n".join(said) + "\n.", format="txt", comments=False)
    kept = [
        line.strip().removeprefix("\ufeff").strip() if i == 0 else line.strip()
        for i, line in enumerate(said)
    ]
    assert [r.prompt for r in got] == [line for line in kept if line] + ["."]
