"""JSONL: an object a line, mixed lines, Batch API files, and everything that is wrong JSON."""

from __future__ import annotations

import json
import sys

import pytest

from cogview_cli.errors import UsageError
from cogview_cli.sources import Record, RejectedRow
from tests.sources.reading import bad, one, prompts, read, reading, records


def test_an_object_a_line() -> None:
    got = records('{"id": "000", "prompt": "猫", "tag": ["x"]}\r\n\n{"prompt": "b"}', "p.jsonl")
    assert [(r.line, r.id, r.prompt) for r in got] == [(1, "000", "猫"), (3, None, "b")]
    assert got[0].columns == {"id": "000", "prompt": "猫", "tag": ["x"]}
    assert got[0].extra == {"tag": ["x"]}


def test_geneval_metadata() -> None:
    include = '[{"class": "bench", "count": 1}]'
    line = f'{{"tag": "two_object", "include": {include}, "prompt": "a photo of a bench"}}'
    got = one(line + "\n", "evaluation_metadata.jsonl")
    assert got.prompt == "a photo of a bench"
    assert got.columns == json.loads(line)
    assert list(got.extra) == ["tag", "include"]


def test_longtext_keeps_its_list_of_texts_out_of_the_prompt() -> None:
    line = '{"category":"sign","prompt":"A sign","text":["A","B"],"text_length":2,"prompt_id":7}'
    got = one(line, "t.jsonl")
    assert (got.prompt, got.id, got.extra["text"]) == ("A sign", "7", ["A", "B"])


def test_text_is_the_prompt_only_as_a_string() -> None:
    assert one('{"text": "a cat", "category": "x"}', "t.jsonl").prompt == "a cat"
    assert one('{"text": ["a"], "caption": "a cat"}', "t.jsonl").prompt == "a cat"
    assert "no prompt" in bad('{"text": ["a"], "n": 1}', "t.jsonl").why


def test_batch_api_lines() -> None:
    line = {
        "custom_id": "r-1", "method": "POST", "url": "/v4/images/generations",
        "body": {"model": "cogview-4", "prompt": "猫", "size": "720x1440", "quality": "hd",
                 "watermark_enabled": False, "user_id": "user-1"},
    }  # fmt: skip
    rows = reading(json.dumps(line), "b.jsonl")
    (got,) = rows
    assert isinstance(got, Record)
    assert (got.id, got.prompt, got.model, got.size) == ("r-1", "猫", "cogview-4", "720x1440")
    assert (got.quality, got.watermark, got.user_id) == ("hd", False, "user-1")
    assert got.extra == {"method": "POST", "url": "/v4/images/generations"}
    assert rows.ignored == {}


def test_codex_lines_mix_objects_strings_and_bare_prompts() -> None:
    row = '{"prompt": "a", "n": 2, "out": "icons/a.png", "background": "auto"}'
    text = f'# notes\n{row}\nbare line\n"a string"\n'
    rows = reading(text, "m.jsonl")
    got = [r for r in rows if isinstance(r, Record)]
    assert [(r.line, r.prompt) for r in got] == [(2, "a"), (3, "bare line"), (4, "a string")]
    assert (got[0].name, got[0].count) == ("icons/a", 2)
    assert rows.ignored == {"background": 1}
    assert prompts("# notes\n", "m.jsonl", comments=False) == ["# notes"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"prompt": "a"', "not valid JSON: expecting ',' delimiter at character 15"),
        ('{"prompt": "a"} x', "not valid JSON: extra data"),
        ('{"prompt": "a", "w": NaN}', "NaN is not JSON"),
        ('{"prompt": "a", "w": -Infinity}', "-Infinity is not JSON"),
        ('{"prompt": "a", "w": 1e999}', "too large"),
        ('{"prompt": "a", "prompt": "b"}', "the key 'prompt' appears twice"),
        ('{"prompt": "a", "x": {"k": 1, "k": 2}}', "the key 'k' appears twice"),
        ('["a", "b"]', "is neither an object nor text"),
        ('"  "', "the prompt is empty"),
        ("{}", "no prompt (fields: none)"),
        ('{"a": 1}', "no prompt (fields: a)"),
        ('{"prompt": 5}', "field prompt: 5 is not text"),
        ('{"prompt": ["a"]}', "field prompt: [\"a\"] is not text"),
        ('{"prompt": null}', "field prompt: null is not text"),
        ('{"prompt": " \\n"}', "field prompt: the prompt is empty"),
        ('{"prompt": "a\\u0000b"}', "holds a NUL character"),
        ('{"prompt": "a", "t": ["\\ud800"]}', "lone surrogate"),
        ('{"prompt": "a", "t": {"\\uDFFF": 1}}', "lone surrogate"),
        ('{"prompt": "a", "big": ' + "9" * 5000 + "}", "a number of 5000 digits"),
        ('{"prompt": "a", "n": "four"}', "field n: 'four' is not a whole number"),
        ('{"prompt": "a", "n": 1.5}', "field n: 1.5 is not a whole number"),
        ('{"prompt": "a", "n": true}', "field n: true is not a whole number"),
        ('{"prompt": "a", "n": -1}', "field n: -1 is not a whole number"),
        ('{"prompt": "a", "n": 0}', "field n: 0 is not from 1 to 1000"),
        ('{"prompt": "a", "n": 1001}', "field n: 1001 is not from 1 to 1000"),
        ('{"prompt": "a", "size": 5}', "field size: 5 is not text"),
        ('{"prompt": "a", "quality": 1}', "field quality: 1 is not text"),
        ('{"prompt": "a", "watermark": "maybe"}', "field watermark: 'maybe' is neither true"),
        ('{"prompt": "a", "id": ["x"]}', "field id: [\"x\"] is not text"),
        ('{"prompt": "a", "id": true}', "field id: true is not text"),
        ('{"prompt": "a", "width": 5, "height": null}', "field height: empty, though width is"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_used_says_why_and_the_others_are_read(line: str, why: str) -> None:
    got = read(f'{{"prompt": "first"}}\n{line}\n{{"prompt": "last"}}\n', "p.jsonl")
    assert [type(r) for r in got] == [Record, RejectedRow, Record]
    assert (got[1].file, got[1].line) == ("p.jsonl", 2)
    assert why in got[1].why  # type: ignore[union-attr]


def test_deep_nesting_is_bad_and_no_crash() -> None:
    depth = sys.getrecursionlimit() * 100
    line = '{"prompt": "a", "x": ' + "[" * depth + "]" * depth + "}"
    assert bad(line + '\n{"prompt": "b"}\n', "p.jsonl").why == "nested too deeply"


def test_pairs_of_surrogates_are_characters() -> None:
    assert prompts('{"prompt": "\\ud83d\\ude00 \\u732b"}', "p.jsonl") == ["😀 猫"]


def test_numbers_as_ids_are_kept_as_they_are_written() -> None:
    written = ("1.50", "12345678901234567890", '"005695-0057"')
    text = "".join(f'{{"id": {id}, "prompt": "a"}}\n' for id in written)
    got = records(text, "p.jsonl")
    assert [r.id for r in got] == ["1.50", "12345678901234567890", "005695-0057"]
    assert json.dumps(got[0].columns) == '{"id": 1.5, "prompt": "a"}'


def test_tiif_has_two_prompts_a_row_and_asks_which() -> None:
    text = '{"type": "action", "short_description": "a", "long_description": "b"}\n'
    with pytest.raises(UsageError, match="short_description and long_description") as caught:
        read(text, "tiif.jsonl")
    assert "--prompt-field" in caught.value.hint
    assert prompts(text, "tiif.jsonl", prompt_field="short_description") == ["a"]
    assert prompts(text, "tiif.jsonl", prompt_field="Short Description") == ["a"]


def test_a_prompt_field_that_a_row_lacks_is_bad() -> None:
    got = bad('{"q": "a"}\n{"prompt": "b"}\n', "p.jsonl", prompt_field="q")
    assert (got.line, got.why) == (2, "no field 'q' (fields: prompt)")


def test_rows_may_differ_in_their_columns() -> None:
    rows = reading('{"prompt": "a", "x": 1}\n{"提示词": "b", "y": 2}\n', "p.jsonl")
    assert [r.prompt for r in rows if isinstance(r, Record)] == ["a", "b"]
    assert rows.columns == ["prompt", "x", "提示词", "y"]


def test_columns_are_listed_up_to_fifty() -> None:
    row = {"prompt": "a", **{f"c{i}": i for i in range(80)}}
    rows = reading(json.dumps(row), "p.jsonl")
    list(rows)
    assert len(rows.columns) == 50


def test_a_raw_nul_or_an_endless_line_is_bad() -> None:
    got = read('{"prompt": "a"}\n{"prompt": "\0"}\n' + "x" * 2**21 + '\n"b"\n', "p.jsonl")
    assert [(r.line, type(r)) for r in got] == [
        (1, Record),
        (2, RejectedRow),
        (3, RejectedRow),
        (4, Record),
    ]


def test_every_row_may_have_columns_of_its_own() -> None:
    text = "".join(json.dumps({"prompt": "a", f"c{i}": i}) + "\n" for i in range(600))
    got = records(text, "p.jsonl")
    assert [r.extra for r in got] == [{f"c{i}": i} for i in range(600)]
