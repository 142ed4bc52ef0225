"""`cogview sizes`: lists, checks and finds sizes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cogview_cli.api.models import MODELS, legal_sizes
from tests.conftest import Ended, Run


def records(ended: Ended) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ended.out.splitlines()]


def test_every_model_is_listed_with_its_presets_price_and_limits(cogview: Run) -> None:
    ended = cogview("sizes")
    assert (ended.code, ended.err) == (0, "")
    for rules in MODELS.values():
        heading = next(line for line in ended.out.splitlines() if line.split("  ")[0] == rules.name)
        assert f"{rules.price} CNY" in heading
        assert all(str(size) in ended.out for size in rules.presets)
    assert "multiples of 16, at most 2^21 pixels" in ended.out
    assert "multiples of 32, at most 2^22 pixels" in ended.out


def test_one_model_in_any_case(cogview: Run) -> None:
    ended = cogview("sizes", "-m", "GLM-Image")
    assert ended.out.startswith("glm-image  quality hd  0.1 CNY\n")
    assert "cogview" not in ended.out


def test_json_lists_one_preset_a_line(cogview: Run) -> None:
    found = records(cogview("sizes", "--json"))
    assert len(found) == 7 * len(MODELS)
    assert found[0] == {
        "schema": 1, "type": "size", "model": "cogview-4-250304", "size": "1024x1024",
        "width": 1024, "height": 1024, "ratio": "1:1", "megapixels": 1.05, "preset": True,
    }  # fmt: skip


@pytest.mark.parametrize("what", ["1440x720", "1440×720", "1440X720", "1440*720"])
def test_a_legal_size_is_confirmed(cogview: Run, what: str) -> None:
    ended = cogview("sizes", what)
    assert ended.code == 0
    assert ended.out == "1440x720  2:1  1.04 MP  legal for cogview-4-250304\n"


def test_an_illegal_size_names_the_rule_and_the_nearest(cogview: Run) -> None:
    ended = cogview("sizes", "1024x1001")
    assert (ended.code, ended.out) == (2, "")
    assert "multiples of 16" in ended.err
    assert "--size 1024x1008" in ended.err


def test_an_illegal_size_in_json(cogview: Run) -> None:
    ended = cogview("sizes", "500x500", "--json")
    found, error = records(ended)
    assert ended.code == error["exit_code"] == 2
    assert (found["legal"], found["nearest"]) == (False, "512x512")
    assert "512 to 2048" in found["rule"]


def test_a_legal_size_in_json(cogview: Run) -> None:
    (found,) = records(cogview("sizes", "512x512", "--json"))
    assert (found["legal"], found["preset"]) == (True, False)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("ratio", ["16:9", "wide", "1:1", "2:1", "9:16", "100:1"])
def test_a_ratio_is_answered_with_a_legal_size(cogview: Run, model: str, ratio: str) -> None:
    ended = cogview("sizes", ratio, "-m", model)
    assert ended.code == 0
    assert ended.out.strip() in map(str, legal_sizes(MODELS[model]))


@pytest.mark.parametrize("what", ["bogus", "0:1", "x", "1440x"])
def test_what_is_no_size_is_a_usage_error(cogview: Run, what: str) -> None:
    ended = cogview("sizes", what)
    assert (ended.code, ended.out) == (2, "")
    assert f"'{what}' is not a size" in ended.err


def test_an_unknown_model_lists_the_known_ones(cogview: Run) -> None:
    ended = cogview("sizes", "-m", "cogview-9")
    assert ended.code == 2
    assert "cogview-4-250304" in ended.err


def test_the_configured_model_counts(cogview: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COGVIEW_MODEL", "glm-image")
    assert cogview("sizes", "1440x720").code == 2
    assert "legal for glm-image" in cogview("sizes", "1728x960").out
