"""Prompt lines with the flags of other tools; ordinary prompts that only look like it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.sources import RejectedRow
from cogview_cli.sources.flags import parse_flags
from tests.sources.reading import bad, one, reading


def test_a1111_line() -> None:
    got = one(
        '--prompt "a cat, 4k" --negative_prompt "dog" --width 1440 --height 720 '
        "--steps 20 --cfg_scale 7 --sampler_name Euler --n_iter 2 --batch_size 3 --seed -1\n"
    )
    assert (got.prompt, got.size, got.count) == ("a cat, 4k", "1440x720", 6)
    assert got.columns == {}
    assert got.extra == {
        "negative_prompt": "dog", "steps": "20", "cfg_scale": "7", "sampler_name": "Euler",
        "seed": "-1",
    }  # fmt: skip


def test_a1111_words_without_quotes_run_to_the_next_flag() -> None:
    assert one("--prompt a cat on a mat --steps 3\n").prompt == "a cat on a mat"


def test_invokeai_line() -> None:
    got = one('"a \\"wise\\" cat" -n4 -H512 -W640 -S1234\n')
    assert (got.prompt, got.size, got.count) == ('a "wise" cat', "640x512", 4)
    assert got.extra == {"seed": "1234"}


def test_midjourney_line() -> None:
    got = one("一只猫 - studio light --ar 3:2 --no red dog, birds --q 2 --seed 7 --tile\n")
    assert (got.prompt, got.size, got.quality) == ("一只猫 - studio light", "3:2", None)
    assert got.extra == {"no": "red dog, birds", "q": "2", "seed": "7", "tile": "true"}
    assert one("a cat --repeat 4").count == 4


def test_ignored_flags_are_counted() -> None:
    rows = reading("a --seed 1\nb --seed 2 --no dog --fast\nc --width 512\nd\n")
    list(rows)
    assert rows.ignored == {"seed": 2, "no": 1, "fast": 1, "width": 1}
    assert rows.columns == []


@pytest.mark.parametrize(
    "line",
    [
        "a cat - a dog",
        "a cat -- a dog",
        "a cat --unknown 3",
        "a cat --ar 3:2 --unknown 3",
        "a cat --ar wide",
        "a cat --ar 3:2 on a mat",
        "a cat --seed abc",
        "a cat --ar 3:2 --ar 4:3",
        "a--ar 3:2",
        '--prompt "a cat',
        "--prompt a --nonsense 4",
        "--prompt a --width wide",
        "-- a dash first",
        '"a cat"',
        '"a cat" and "a dog"',
        '"a cat" -z4',
        '"a cat" -nfour',
        "a T-shirt -S3",
    ],
)
def test_a_line_that_cannot_be_read_as_flags_is_the_prompt(line: str) -> None:
    assert one(line, comments=False).prompt == line


def test_flags_without_a_prompt_are_bad() -> None:
    assert bad("--width 512 --height 512\n") == RejectedRow(
        "p.txt", 1, "field prompt: the prompt is empty"
    )
    assert bad("--ar 3:2\n").why == "field prompt: the prompt is empty"


def test_a_count_out_of_range_is_bad() -> None:
    assert bad("a\n--prompt b --n_iter 2000\n").line == 2


def test_a_line_of_blanks_and_dashes_takes_no_time() -> None:
    for line in ("a" + " " * 2**19 + "-- b", '"a"' + " -n" * 2**17 + "!", '"' + "\\" * 2**19):
        assert parse_flags(line) is None


@given(st.text())
def test_no_line_breaks_the_parser(line: str) -> None:
    row = parse_flags(line)
    assert row is None or isinstance(row["prompt"], str)


_FLAGS: dict[str, Any] = {"--ar": "3:2", "--seed": "5", "--no": "red dog", "--tile": ""}


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="-\n"), min_size=1),
    st.sets(st.sampled_from(sorted(_FLAGS)), min_size=1),
)
def test_known_trailing_flags_never_reach_the_prompt(prompt: str, tags: set[str]) -> None:
    row = parse_flags(f"a{prompt} " + " ".join(f"{tag} {_FLAGS[tag]}".strip() for tag in tags))
    assert row is not None
    assert row["prompt"] == f"a{prompt}".strip()
    assert len(row) == 1 + len(tags)
