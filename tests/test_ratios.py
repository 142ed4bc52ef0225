"""A ratio that no size of the model comes near is told before it is paid for."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.api.models import MODELS, Size, resolve_size, size_for_ratio
from cogview_cli.api.ratios import FAR, is_far
from tests.conftest import Run

RULES = MODELS["cogview-4-250304"]


@pytest.mark.parametrize(
    ("model", "ratio", "size"),
    [
        ("cogview-4-250304", "1:9", "512x2048"),
        ("cogview-4-250304", "9:1", "2048x512"),
        ("cogview-3-plus", "3:2", "1152x864"),
        ("cogview-3-plus", "21:9", "1440x720"),
    ],
)
def test_it_is_told_with_the_size_that_is_taken(
    model: str, ratio: str, size: str, cogview: Run
) -> None:
    said = f"no size of {model} comes near {ratio}: it becomes {size}"
    for line in (("gen", "cat", "-s", ratio, "--dry-run"), ("sizes", ratio)):
        ended = cogview(*line, "-m", model)
        assert (ended.code, said in ended.err, size in ended.out) == (0, True, True), ended


def test_a_batch_counts_such_rows_and_names_the_first(cogview: Run) -> None:
    Path("p.csv").write_text("prompt,size\ncat,16:9\ndog,1:9\ncow,9:1\nhen,2048x512\n")
    ended = cogview("batch", "p.csv", "--dry-run")
    assert "2 rows ask for ratios" in ended.err and "p.csv:3, 1:9 → 512x2048" in ended.err, ended


@pytest.mark.parametrize("size", ["16:9", "9:16", "4:3", "2.35:1", "1:4", "wide", "2048x512"])
def test_nothing_is_said_of_a_shape_that_can_be_had(size: str, cogview: Run) -> None:
    ended = cogview("gen", "cat", "-s", size, "--dry-run")
    assert (ended.code, "comes near" in ended.err) == (0, False), ended


def test_an_image_again_keeps_its_size_whatever_ratio_the_settings_name(
    cogview: Run, sandbox: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cogview("gen", "cat", "-s", "512x512", "-o", "cat.png").code == 0
    monkeypatch.setenv("COGVIEW_SIZE", "1:9")
    ended = cogview("gen", "--from", "cat.png.json", "--dry-run")
    assert "512x512" in ended.out and "comes near" not in ended.err, ended


@given(wide=st.integers(1, 40), high=st.integers(1, 40))
def test_near_means_at_most_a_tenth_off(wide: int, high: int) -> None:
    size: Size = size_for_ratio(RULES, (wide, high))
    off = size.width * high / (size.height * wide)
    assert is_far(f"{wide}:{high}", str(size)) == (max(off, 1 / off) > FAR)
    assert resolve_size(RULES.name, f"{wide}:{high}") == str(size)
