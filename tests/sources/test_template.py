"""Prompts made from columns."""

from __future__ import annotations

import pytest

from cogview_cli.errors import UsageError
from cogview_cli.sources import Reading, ReadOptions, Record, RejectedRow
from tests.sources.reading import one, prompts, read, records

CSV = "name,slogan,n\n春茶,新芽,2\n"


def test_columns_fill_the_holes() -> None:
    got = one(CSV, "p.csv", template="{name}海报，标题“{slogan}”{{x}}")
    assert got.prompt == "春茶海报，标题“新芽”{x}"
    assert (got.name, got.count, got.extra) == ("春茶", 2, {"slogan": "新芽"})


def test_values_are_not_templates_themselves() -> None:
    assert prompts("a,b\n{b},x\n", "p.csv", template="{a}!") == ["{b}!"]


def test_holes_match_exactly_then_without_case() -> None:
    assert prompts("Name,name\nA,b\n", "p.csv", template="{name}{Name}{ NAME }") == ["bAA"]


def test_json_values_read_as_json_writes_them() -> None:
    text = '{"a": 1.50, "b": true, "c": 3}\n'
    assert prompts(text, "p.jsonl", template="{a} {b} {c}") == ["1.50 true 3"]


def test_a_row_without_the_column_is_bad() -> None:
    got = read('{"a": "x"}\n{"b": "y"}\n{"a": null}\n{"a": ["x"]}\n', "p.jsonl", template="{a}")
    assert isinstance(got[0], Record)
    assert [r.why for r in got if isinstance(r, RejectedRow)] == [
        "no column 'a' for the template",
        "field a: null does not fit into the template",
        'field a: ["x"] does not fit into the template',
    ]


def test_a_blank_prompt_is_bad() -> None:
    (got,) = read("a,b\n ,x\n", "p.csv", template="{a}")
    assert isinstance(got, RejectedRow)


def test_a_hole_that_is_in_no_row_is_refused_with_the_columns() -> None:
    for data, file in ((CSV, "p.csv"), ('{"name": "x", "slogan": "y"}\n', "p.jsonl")):
        with pytest.raises(UsageError) as caught:
            read(data, file, template="{nope}{name}")
        assert "'nope'" in caught.value.message
        assert "name, slogan" in caught.value.hint


def test_a_line_of_text_is_the_column_prompt() -> None:
    assert prompts("a cat\nb --ar 3:2\n", template="{prompt}, 水彩") == ["a cat, 水彩", "b, 水彩"]
    assert records("b --ar 3:2\n", template="{prompt}!")[0].size == "3:2"
    with pytest.raises(UsageError, match="has no column 'name'"):
        read("a cat\n", template="{name}")


@pytest.mark.parametrize("template", ["{a", "a}", "{}", "{{a}", "plain", "", "{{}}"])
def test_a_template_without_holes_or_with_stray_braces_is_refused_at_once(template: str) -> None:
    with pytest.raises(UsageError) as caught:
        Reading([], ReadOptions(template=template))
    assert caught.value.hint
