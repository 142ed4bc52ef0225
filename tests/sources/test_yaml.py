"""YAML documents, with and without the optional library."""

from __future__ import annotations

import sys

import pytest

from cogview_cli.errors import UsageError
from tests.sources.reading import bad, one, prompts, read, records

# Each list holds the one before ten times.
BOMB = "- &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"- &{new} [{','.join(['*' + old] * 10)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.fixture
def yaml() -> None:
    pytest.importorskip("yaml")


def test_without_the_library_the_way_to_get_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(UsageError) as caught:
        read("prompts: [a]", "p.yaml")
    assert caught.value.hint == "pip install pyyaml"


@pytest.mark.usefixtures("yaml")
class TestYaml:
    def test_prompts_as_objects_and_as_strings(self) -> None:
        text = "prompts:\n  - prompt: 猫\n    model: cogview-4\n    n: 2\n  - a dog\n"
        got = records(text, "p.yaml")
        assert [(r.line, r.prompt) for r in got] == [(1, "猫"), (2, "a dog")]
        assert (got[0].model, got[0].count) == ("cogview-4", 2)

    def test_a_list_at_the_top(self) -> None:
        assert prompts("- a\n- 猫\n", "p.yml") == ["a", "猫"]

    def test_prompt_list_with_prefix_and_suffix(self) -> None:
        text = "prefix: 'photo of '\nsuffix: ', 4k'\nprompt:\n  - a cat\n  - a dog\n"
        assert prompts(text, "bulk.yaml") == ["photo of a cat, 4k", "photo of a dog, 4k"]
        assert one("prompt: a cat\n", "p.yaml").prompt == "a cat"

    def test_a_file_name_in_the_list_is_not_paid_for(self) -> None:
        assert "name of a file" in bad("prompt: [prompts.txt, a cat.txt file]", "p.yaml").why

    def test_dates_become_text(self) -> None:
        got = one("- {prompt: a, day: 2026-01-02, 3: x}", "p.yaml")
        assert got.extra == {"day": "2026-01-02", "3": "x"}

    @pytest.mark.parametrize(
        "text",
        [
            "prompts: [a",
            "prompts: !!python/object:os.system [a]",
            "- {prompt: a, n: .nan}",
            "- {prompt: a, x: !!binary aGk=}",
            "a: &a [*a]",
            "just text",
            "",
        ],
    )  # fmt: skip
    def test_a_broken_document_is_refused(self, text: str) -> None:
        with pytest.raises(UsageError) as caught:
            read(text, "p.yaml")
        assert caught.value.hint

    def test_a_document_that_multiplies_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("cogview_cli.sources.yaml_document._VALUES_LIMIT", 1000)
        with pytest.raises(UsageError, match="more than 1000 values"):
            read(BOMB, "p.yaml")

    def test_a_surrogate_or_nul_never_reaches_a_record(self) -> None:
        for text in ('- "a\\0b"\n', '- {prompt: a, x: "a\\uD800b"}\n'):
            with pytest.raises(UsageError):
                read(text, "p.yaml")
