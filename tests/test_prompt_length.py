"""A prompt that the model may not read to the end is remarked, and sent."""

from __future__ import annotations

import pytest

from cogview_cli.api.prompt_length import may_be_cut, tokens_at_most
from tests.batch.support import prompts
from tests.conftest import Run


@pytest.mark.parametrize(
    ("model", "prompt", "cut"),
    [
        ("cogview-4", "猫" * 1024, False),
        ("cogview-4", "猫" * 1025, True),
        ("cogview-4-250304", "a" * 2048, False),
        ("cogview-4-250304", "a" * 3000, True),
        ("cogview-3-plus", "a" * 500, True),
        ("glm-image", "猫" * 1000, False),  # a limit of its own, which is checked
        ("my-model", "猫" * 9000, False),
    ],
)
def test_the_models_own_measure_counts(model: str, prompt: str, cut: bool) -> None:
    assert may_be_cut(model, prompt) is cut


def test_an_empty_prompt_has_no_tokens() -> None:
    assert tokens_at_most("") == 0 and tokens_at_most("a") == 1


def test_gen_says_so_once_and_sends_it(cogview: Run) -> None:
    ended = cogview("gen", "猫" * 3000, "-s", "512x512")
    assert ended.code == 0
    assert "warning: the prompt has 3000 characters; cogview-4-250304 may not" in ended.err
    assert "warning" not in cogview("gen", "猫" * 300, "-s", "512x512").err


def test_batch_counts_them_in_a_line(cogview: Run) -> None:
    prompts("cat", "猫" * 3000, "dog " * 2000)
    ended = cogview("batch", "p.txt", "--dry-run")
    assert "warning: 2 prompts are longer" in ended.err
    assert "the first is p.txt:2" in ended.err
