"""The columns of a row and what they mean."""

from __future__ import annotations

from typing import Any

import pytest

from cogview_cli.sources import Record
from cogview_cli.sources.aliases import ROLES
from tests.sources.reading import bad, one, reading


def row(**columns: Any) -> Record:
    """The record of one CSV row with a prompt and `columns`."""
    names, cells = zip(*columns.items(), strict=True)
    return one(
        "|".join(("prompt", *names)) + "\n" + "|".join(("a", *map(str, cells))) + "\n", "p.csv"
    )


PROMPT_NAMES = (
    "prompt", "prompts", "prompt_zh", "prompt_cn", "prompt_en", "text_prompt", "prompt_text",
    "image_prompt", "final_prompt", "提示词", "提示语", "绘画提示词", "描述", "画面描述", "caption",
    "description", "image_description", "long_description", "short_description", "text",
)  # fmt: skip


@pytest.mark.parametrize("name", PROMPT_NAMES)
def test_every_prompt_column(name: str) -> None:
    for written in (name, name.upper(), f" {name.replace('_', ' ').title()} "):
        assert one(f"x,{written},y\n1,猫,2\n", "p.csv").prompt == "猫"


@pytest.mark.parametrize(
    ("role", "name"),
    [(role, name) for role, names in ROLES.items() for name in names],
)
def test_every_alias_of_a_field(role: str, name: str) -> None:
    value, want = {
        "count": ("4", 4),
        "watermark": ("no", False),
        "ratio": ("16:9", "16:9"),
        "resolution": ("1024x768", "1024x768"),
    }.get(role, ("abc", "abc"))
    for written in (name, name.upper(), name.replace("_", " ")):
        got = row(**{written: value})
        assert getattr(got, "size" if role in ("ratio", "resolution") else role) == want
        assert got.columns == {"prompt": "a", written: value}
        assert got.extra == {}


def test_the_first_prompt_column_wins_and_the_other_is_kept() -> None:
    got = one("caption,text,Prompt\nc,t,p\n", "p.csv")
    assert (got.prompt, got.extra) == ("p", {"caption": "c", "text": "t"})


def test_the_first_id_wins_and_the_other_is_kept() -> None:
    got = row(prompt_id="7", id="x")
    assert (got.id, got.extra) == ("x", {"prompt_id": "7"})


def test_empty_cells_say_nothing() -> None:
    got = row(id=" ", size=" ", n=" ", quality="", watermark=" ", out=".png", width="", height="")
    assert (got.id, got.size, got.count, got.quality, got.watermark, got.name) == (None,) * 6


@pytest.mark.parametrize(
    ("columns", "size"),
    [
        ({"size": "1440x720"}, "1440x720"),
        ({"size": "", "width": "1440", "height": "720.0"}, "1440x720"),
        ({"width": "", "height": "", "ratio": "16:9"}, "16:9"),
        ({"size": "1x1", "width": "2", "height": "2", "ar": "3:3"}, "1x1"),
        ({"Width": "2", "HEIGHT": "3"}, "2x3"),
    ],
)
def test_size_then_width_and_height_then_ratio(columns: dict[str, str], size: str) -> None:
    assert row(**columns).size == size


def test_a_width_alone_means_nothing_and_is_said_so() -> None:
    rows = reading("prompt,width\na,512\n", "p.csv")
    (got,) = rows
    assert isinstance(got, Record)
    assert (got.size, got.extra, rows.ignored) == (None, {"width": "512"}, {"width": 1})


@pytest.mark.parametrize("name", ["a.png", "a.JPG", "a.jpeg", "a.WebP", "a"])
def test_a_name_loses_its_image_suffix(name: str) -> None:
    assert row(filename=name).name == "a"


def test_other_dots_stay_in_a_name() -> None:
    assert row(name="v1.5").name == "v1.5"
    assert row(name="a.png.gif").name == "a.png.gif"


def test_only_an_output_path_brings_folders() -> None:
    for column in ("out", "output", "output_path"):
        assert row(**{column: "x/y.png"}).name == "x/y"
    for column in ("filename", "file_name", "name", "output_filename", "文件名"):
        assert row(**{column: "x/y.png"}).name == "x_y"


@pytest.mark.parametrize(("text", "count"), [("1", 1), ("4.0", 4), (" 1000 ", 1000), ("007", 7)])
def test_counts_as_spreadsheets_write_them(text: str, count: int) -> None:
    assert row(n=text).count == count


@pytest.mark.parametrize("text", ["four", "0", "1001", "-1", "1.5", "٣", "1e2", "9" * 30, "1_0"])
def test_counts_that_are_none(text: str) -> None:
    assert bad(f"prompt,n\na,{text}\n", "p.csv").why.startswith("field n: ")


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("true", True),
        ("TRUE", True),
        ("1", True),
        ("是", True),
        ("false", False),
        ("0", False),
        ("否", False),
    ],
)
def test_watermark_as_people_write_it(text: str, want: bool) -> None:
    assert row(watermark=text).watermark is want


def test_json_types_of_fields() -> None:
    sizes = '"width": 1440, "height": 720.0'
    text = f'{{"prompt": "a", "n": 2, "watermark": true, {sizes}, "user_id": 123456}}'
    got = one(text, "p.jsonl")
    assert (got.count, got.watermark, got.size, got.user_id) == (2, True, "1440x720", "123456")


def test_zero_and_false_count_as_set() -> None:
    rows = reading(
        '{"prompt": "a", "seed": 0, "steps": null, "style": "", "tiling": false}\n', "p.jsonl"
    )
    list(rows)
    assert rows.ignored == {"seed": 1, "tiling": 1}


def test_hostile_text_is_safe_in_a_message() -> None:
    why = bad('{"prompt": "a", "n": "\\u001b]52;c;x"}\n', "p.jsonl").why
    assert "\x1b" not in why


def test_fields_of_a_wrong_json_type() -> None:
    assert bad('{"prompt": "a", "n": 2.5}\n', "p.jsonl").why.endswith("is not a whole number")
    assert bad('{"prompt": "a", "n": [2]}\n', "p.jsonl").why.endswith("is not a whole number")
    assert bad('{"prompt": "a", "filename": {"x": 1}}\n', "p.jsonl").why.endswith("is not text")
