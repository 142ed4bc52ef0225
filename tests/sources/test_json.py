"""JSON documents: arrays, wrappers, single prompts, and where the faults are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cogview_cli.errors import UsageError
from cogview_cli.sources import Record, RejectedRow
from tests.sources.reading import bad, one, prompts, read, reading, records


def test_an_array_of_strings() -> None:
    assert prompts('["a", "猫"]', "p.json") == ["a", "猫"]


def test_wise_and_the_lines_of_its_elements() -> None:
    rows = [
        {"Prompt": "a festival", "Explanation": "x", "Category": "c", "prompt_id": 1},
        {"Prompt": "a bridge", "Explanation": "y", "Category": "c", "prompt_id": 2},
    ]
    got = records(json.dumps(rows, indent=2), "wise.json")
    assert [(r.line, r.id, r.prompt) for r in got] == [(2, "1", "a festival"), (8, "2", "a bridge")]
    assert got[0].extra == {"Explanation": "x", "Category": "c"}


def test_imagereward_ids_keep_their_zeros() -> None:
    assert one('[{"id": "005695-0057", "prompt": "a"}]', "b.json").id == "005695-0057"


@pytest.mark.parametrize("key", ["jobs", "items", "prompts", "data", "anything"])
@pytest.mark.parametrize("element", ['"a cat"', '{"prompt": "a cat"}'])
def test_a_wrapper_around_the_array(key: str, element: str) -> None:
    text = f'{{"version": 1, "tags": [], "{key}": [{element}], "output_dir": "x"}}'
    assert prompts(text, "p.json") == ["a cat"]
    assert prompts(text, "-.txt") == ["a cat"]


def test_known_wrappers_come_before_other_arrays() -> None:
    assert prompts('{"tags": ["x"], "jobs": [{"prompt": "a"}]}', "p.json") == ["a"]


def test_grok_jobs() -> None:
    job = {
        "prompt": "a",
        "output_path": "out/a.jpg",
        "n": 2,
        "aspect_ratio": "16:9",
        "resolution": "2k",
    }
    rows = reading(json.dumps({"jobs": [job]}), "g.json")
    (got,) = rows
    assert isinstance(got, Record)
    assert (got.name, got.count, got.size) == ("out/a", 2, "16:9")
    assert rows.ignored == {"resolution": 1}


def test_a_single_object_with_a_prompt_is_one_record() -> None:
    got = one('{\n "prompt": "a cat",\n "tags": ["x", "y"]\n}', "p.json")
    assert (got.prompt, got.extra) == ("a cat", {"tags": ["x", "y"]})
    assert prompts('{"q": "a", "tags": ["x"]}', "p.json", prompt_field="q") == ["a"]
    assert prompts('{"q": "a", "tags": ["x"]}', "p.json", template="{q}!") == ["a!"]
    assert prompts('{"custom_id": "1", "body": {"prompt": "a"}}', "p.json") == ["a"]


def test_objects_one_a_line_are_jsonl_whatever_the_name() -> None:
    assert prompts('{"prompt": "a"}\n{"prompt": "b"}\n', "p.json") == ["a", "b"]


def test_an_array_is_found_without_its_suffix() -> None:
    for name in ("p.txt", "p.csv", "p", "p.jsonl"):
        assert prompts('[\n{"prompt": "a"}\n]', name) == ["a"]


def test_a_faulty_element_is_bad_at_its_line() -> None:
    text = (
        '[{"prompt": "a"},\n {"prompt": "b", "prompt": "c"},\n\n {"prompt": ""}, 5,\n [1],\n "d"]'
    )
    got = read(text, "p.json")
    assert [(r.line, type(r)) for r in got] == [
        (1, Record), (2, RejectedRow), (4, RejectedRow), (4, RejectedRow),
        (5, RejectedRow), (6, Record),
    ]  # fmt: skip
    assert "twice" in bad('[{"a": 1, "a": 2}]', "p.json").why


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('[\n"a",\n{"prompt": }]', "line 3"),
        ('["a" "b"]', "expecting ',' or ']' at character 6"),
        ('["a", "b"', "expecting"),
        ('["a"] x', "extra data"),
        ('["a",]', "expecting value"),
        ('{"prompts": ["a"', "not valid JSON"),
        ('{"prompts": ["a"], "prompts": ["b"]}', "twice"),
        ("[" * 200_000, "nested too deeply"),
        ('{"a":' * 200_000, "nested too deeply"),
        ("{}", "holds no list of prompts"),
        ('{"a": [1, 2]}', "holds no list of prompts"),
        ("5", "holds no list of prompts"),
    ],
)
def test_a_broken_document_is_refused_as_a_whole(text: str, where: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(text, "p.json", format="json")
    assert where in caught.value.message
    assert caught.value.hint


def test_an_empty_array_holds_nothing() -> None:
    assert read("[]", "p.json") == []


def test_a_huge_document_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cogview_cli.sources.reader.DOCUMENT_LIMIT", 8)
    Path("big.json").write_text('["a", "b", "c"]')
    with pytest.raises(UsageError) as caught:
        read('["a", "b", "c"]', "big.json")
    assert "jq -c '.[]' big.json > big.json.jsonl" in caught.value.hint
