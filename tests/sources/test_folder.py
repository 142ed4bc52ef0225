"""A folder: one file one prompt, in natural order."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.disk.names import natural_key
from cogview_cli.errors import UsageError
from cogview_cli.sources import Reading, ReadOptions, Record, RejectedRow
from cogview_cli.sources.lines import LINE_LIMIT


def folder(files: dict[str, str | bytes]) -> str:
    Path("prompts").mkdir()
    for name, data in files.items():
        Path("prompts", name).write_bytes(data.encode() if isinstance(data, str) else data)
    return "prompts"


def read_folder(files: dict[str, str | bytes], **options: str) -> list[Record | RejectedRow]:
    return list(Reading([folder(files)], ReadOptions(**options)))  # type: ignore[arg-type]


def test_dpg_folder_in_natural_order_with_stems_as_ids() -> None:
    got = read_folder({
        "10.txt": "ten", "2.txt": " two \n", "partiprompts17.txt": "p\nq", "COCOval7.TXT": "c",
        "a.md": "# title", "b.prompt": "b", ".DS_Store": b"\x00\x01", ".hidden.txt": "no",
        "notes.pdf": "no",
    })  # fmt: skip
    assert [(r.file, r.line, r.id, r.prompt) for r in got if isinstance(r, Record)] == [
        ("prompts/2.txt", 1, "2", "two"),
        ("prompts/10.txt", 1, "10", "ten"),
        ("prompts/COCOval7.TXT", 1, "COCOval7", "c"),
        ("prompts/a.md", 1, "a", "# title"),
        ("prompts/b.prompt", 1, "b", "b"),
        ("prompts/partiprompts17.txt", 1, "partiprompts17", "p\nq"),
    ]


def test_the_form_counts_the_files() -> None:
    rows = Reading([folder({"1.txt": "a", "2.txt": "b"})], ReadOptions())
    list(rows)
    assert rows.forms == ["folder of 2 files"]


def test_a_file_may_have_any_encoding_and_line_end() -> None:
    got = read_folder({
        "1.txt": "\ufeff猫\r\n狗\r\n", "2.txt": "一只可爱的小猫".encode("gbk"),
        "3.txt": "一只猫 cat".encode("utf-16"),
    })  # fmt: skip
    assert [r.prompt for r in got if isinstance(r, Record)] == [
        "猫\n狗",
        "一只可爱的小猫",
        "一只猫 cat",
    ]


def test_flags_and_comments_are_part_of_the_prompt() -> None:
    got = read_folder({"1.txt": "# a cat --ar 3:2\n---\n"})
    assert isinstance(got[0], Record)
    assert got[0].prompt == "# a cat --ar 3:2\n---"


def test_files_that_cannot_be_used_are_bad_and_the_others_are_read() -> None:
    got = read_folder({
        "1.txt": " \n", "2.txt": b"\xff\xff\xff", "3.txt": "x" * (LINE_LIMIT + 1),
        "4.txt": "a\x00b", "5.txt": "fine",
    })  # fmt: skip
    whys = [(r.file, r.line, r.why) for r in got if isinstance(r, RejectedRow)]
    assert whys == [
        ("prompts/1.txt", 1, "the prompt is empty"),
        ("prompts/2.txt", 1, "is neither UTF-8 nor GB18030: byte 0xff at offset 0"),
        ("prompts/3.txt", 1, "longer than 1 MiB"),
        ("prompts/4.txt", 1, "holds a NUL character"),
    ]
    assert isinstance(got[4], Record)


def test_a_file_that_vanishes_is_bad() -> None:
    rows = iter(Reading([folder({"1.txt": "a", "2.txt": "b"})], ReadOptions()))
    next(rows)
    Path("prompts/2.txt").unlink()
    got = next(rows)
    assert isinstance(got, RejectedRow)
    assert "cannot be read" in got.why


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_name_that_is_not_utf8_is_bad() -> None:
    path = os.path.join(os.fsencode(folder({})), b"\xff.txt")
    with open(path, "wb") as file:
        file.write(b"a")
    (got,) = Reading(["prompts"], ReadOptions())
    assert isinstance(got, RejectedRow)
    assert got.why == "the name of the file is not UTF-8"


def test_an_empty_folder_is_refused() -> None:
    with pytest.raises(UsageError, match="no prompt files in the folder 'prompts'"):
        read_folder({".DS_Store": "x"})


def test_a_folder_of_lists_says_how_to_give_them() -> None:
    with pytest.raises(UsageError) as caught:
        read_folder({"a.jsonl": "{}", "b.jsonl": "{}"})
    assert "cogview batch prompts/*.jsonl" in caught.value.hint


def test_a_template_may_name_the_prompt() -> None:
    got = read_folder({"1.txt": "a cat"}, template="{prompt}, 水彩")
    assert isinstance(got[0], Record)
    assert (got[0].prompt, got[0].id) == ("a cat, 水彩", "1")


def test_natural_order() -> None:
    names = ["a10", "a2", "a02", "10", "9", "a", "1" * 5000, "b1c10", "b1c9"]
    assert sorted(names, key=lambda name: (natural_key(name), name)) == [
        "9", "10", "1" * 5000, "a", "a02", "a2", "a10", "b1c9", "b1c10",
    ]  # fmt: skip


@given(st.lists(st.integers(min_value=0, max_value=10**30), unique=True))
def test_numbers_sort_by_value(numbers: list[int]) -> None:
    assert sorted(map(str, numbers), key=natural_key) == [str(n) for n in sorted(numbers)]
