"""A known model's name misspelt is told from another model's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.api import model_names
from cogview_cli.api.model_names import edits, near_miss, similar
from cogview_cli.api.models import MODELS
from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.support import posts, prompts
from tests.conftest import Run

names = st.sampled_from(sorted(MODELS))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("cogview4", "cogview-4"),
        ("cogview_4", "cogview-4"),
        ("CogView 4", "cogview-4"),
        ("ＣｏｇＶｉｅｗ－４", "cogview-4"),
        ("cogveiw-4", "cogview-4"),
        ("cogviw-4", "cogview-4"),
        ("cogview-4-2503o4", "cogview-4-250304"),
        ("cogview-4-25O3O4", "cogview-4-250304"),
        ("cogview4-250304", "cogview-4-250304"),
        ("cogview-3-flahs", "cogview-3-flash"),
        ("glmimage", "glm-image"),
        ("glm_image", "glm-image"),
        ("GLM-lmage", "glm-image"),
        ("glm-imgae", "glm-image"),
    ],
)
def test_a_misspelling_is_recognised(typed: str, meant: str) -> None:
    assert near_miss(typed) == meant


@pytest.mark.parametrize(
    "name",
    [*MODELS, "cogView-4", "cogview-5", "cogview-4-260101", "cogview-4v", "cogview", "glm-image-2",
     "glm-4", "dall-e-3", "my-model", "猫", "", "cogview-4-plus", "zhipu/cogview-4"],
)  # fmt: skip
def test_another_name_is_another_model(name: str) -> None:
    assert near_miss(name) is None


@given(names, st.sampled_from("-_ ./"))
def test_other_punctuation_is_a_misspelling_or_the_name_itself(name: str, mark: str) -> None:
    assert near_miss(name.replace("-", mark)) in (name, None)
    assert near_miss(name.replace("-", "")) == name


def test_the_rows_of_a_file_have_a_name_compared_once(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes up to a tenth of a millisecond, and there may be ten thousand rows."""
    compared: list[str] = []
    plain = model_names._plain

    def noted(name: str) -> str:
        compared.append(name)
        return plain(name)

    monkeypatch.setattr(model_names, "_plain", noted)
    prompts("cat", "dog", "owl")
    assert cogview("batch", "p.txt", "-m", "z-image-once", "--dry-run").code == 0
    assert compared.count("z-image-once") == 1


def test_what_is_somewhat_alike_is_named() -> None:
    assert similar("cogview-5") == "cogview-4"
    assert similar("dall-e-3") is None


@given(st.text("abc", max_size=5), st.text("abc", max_size=5))
def test_edits_are_a_distance(first: str, second: str) -> None:
    assert edits(first, second) == edits(second, first)
    assert (edits(first, second) == 0) == (first == second)
    assert edits(first, second) <= max(len(first), len(second))


def test_a_misspelling_is_not_sent_to_the_vendor(cogview: Run, sandbox: SandboxThread) -> None:
    prompts("cat")
    vendor = ("--base-url", "https://open.bigmodel.cn/api/paas/v4", "--dry-run")
    for line in (("gen", "猫", "-s", "16:9"), ("batch", "p.txt")):
        ended = cogview(*line, "-m", "cogview4", *vendor)
        assert (ended.code, ended.out) == (2, "")
        assert "did you mean cogview-4?" in ended.err and "--no-validate" in ended.err
    sent = cogview("gen", "猫", "-m", "cogview4", "--no-validate", *vendor)
    assert sent.code == 0 and '"cogview4"' in sent.out
    assert not posts(sandbox)


def test_a_row_with_a_misspelt_model_is_a_bad_row(cogview: Run) -> None:
    prompts("prompt,model", "cat,cogview-4", "dog,cogveiw-4", file="p.csv")
    ended = cogview("batch", "p.csv", "--dry-run", "--sandbox")
    assert ended.code == 2 and "p.csv:3: there is no model 'cogveiw-4'" in ended.err


def test_a_server_of_ones_own_calls_its_models_as_it_likes(
    cogview: Run, sandbox: SandboxThread
) -> None:
    ended = cogview("gen", "猫", "-m", "cogview4", "--dry-run")
    assert ended.code == 0 and "unknown here" in ended.err
