"""The closing lines of a batch: each cause, each count and each hint once."""

from __future__ import annotations

import re

import pytest

from cogview_cli.batch import plan_results
from cogview_cli.batch.closing import new_hints
from tests.batch.support import Batch, prompts
from tests.conftest import Run


def closing(ended: Run) -> list[str]:
    """What follows the summary, and the summary."""
    said = ended.err.splitlines()
    first = next(at for at, line in enumerate(said) if line.startswith(("saved ", "已保存 ")))
    return said[first:]


def groups(ended: Run) -> list[str]:
    return [line.strip() for line in closing(ended) if line.startswith("  ")]


def test_causes_are_told_apart_each_with_its_count(batch: Batch) -> None:
    """Of one code, too, and without the file that each picture's message names."""
    faults = ("404-download", "html-download", "html-download", "cut-json", "lost-answer", "1301")
    prompts("cow", *(f"cat {n} sandbox:{fault}" for n, fault in enumerate(faults)))
    told = groups(batch("--retries", "0"))
    assert [re.sub(r"(\d):.*: (p\.txt.*)", r"\1: \2", line) for line in told] == [
        "unsaved 2: p.txt:3, p.txt:4",
        "unsaved 1: p.txt:2",
        "unknown 1: p.txt:5",
        "unknown 1: p.txt:6",
        "refused 1: p.txt:7",
    ]
    assert "404" in told[1] and "unverified" not in "".join(told)
    assert len({line.split(": p.txt")[0] for line in told}) == len(told)


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("fault", ["1113", "openai-cap", "html-404", "404-model", "lost-answer"])
def test_what_ended_the_run_is_said_once(
    batch: Batch, fault: str, lang: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COGVIEW_LANG", lang)
    prompts(*(f"cat {n} sandbox:{fault}" for n in range(20)))
    ended = batch("--retries", "0")
    said = ended.err.splitlines()
    hints = [line for line in said if line.startswith("hint: ")]
    assert len(hints) == 1, ended.err
    (group,) = groups(ended)
    assert re.fullmatch(r"\S+( \S+)? \d+[:：] ?p\.txt:1, .*", group), group


def test_a_server_with_ever_new_words_is_cut_short(
    batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_results, "GROUPS", 2)
    faults = ("1301", "1301", "1301", "1210", "1214", "404-download", "404-download")
    prompts("cow", *(f"cat {n} sandbox:{fault}" for n, fault in enumerate(faults)))
    told = groups(batch("--retries", "0"))
    assert [line.split(":")[0] for line in told] == ["refused 3", "unsaved 2", "… and 2 others"]


@pytest.mark.parametrize(
    ("hints", "said", "left"),
    [
        (["again", "again", ""], "", ["again"]),
        (["cogview recover"], "when that is mended: cogview recover, free; then the rest", []),
        (["cogview history --unknown; not repeated"], "cogview history --unknown; try one", []),
        (["later, or lower --jobs", "later"], "", ["later, or lower --jobs"]),
        (["a", "b", "c"], "", ["a", "b", "c"]),
    ],
)
def test_a_hint_is_new_if_no_other_begins_so(hints: list[str], said: str, left: list[str]) -> None:
    assert new_hints(hints, said) == left
