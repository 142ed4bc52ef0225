"""A real Xinference makes pictures by the README's commands.

The long form: half a gigabyte of PyTorch. `pytest -m weights tests/peers -s`
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.faults.world import images, states
from tests.peers.xinference import tiny_weights, xinference

pytestmark = pytest.mark.weights
SMALL = ("--profile", "gpu", "--size", "512x512")
# The weights are random: more steps make no better picture.
STEPS = json.dumps({"num_inference_steps": 2})


@pytest.fixture(scope="module")
def base_url(xinference_programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("xinference")
    weights = tiny_weights(xinference_programs, folder / "weights")
    with xinference(xinference_programs, weights, folder) as running:
        yield running


@pytest.fixture
def gpu(base_url: str, cogview: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The commands of the README up to the first picture."""
    monkeypatch.delenv("COGVIEW_BASE_URL")
    monkeypatch.delenv("COGVIEW_API_KEY")
    init = cogview("config", "init", "gpu", "--for", "xinference", "--base-url", base_url)
    assert init.code == 0, init
    checked = cogview("config", "check", "--profile", "gpu")
    assert checked.code == 0 and "cogview4 is served" in checked.out + checked.err, checked
    return cogview


def test_gen(gpu: Run) -> None:
    ended = gpu("gen", "水墨山水", *SMALL, "--extra", f"kwargs={json.dumps(STEPS)}")
    assert (ended.code, [path.suffix for path in images()]) == (0, [".jpg"]), ended
    assert states() == ["saved"]


def test_batch(gpu: Run) -> None:
    Path("p.txt").write_text("red cat\nblue cat\n猫\nwhite cat\n", "utf-8")
    more = ("--jobs", "4", "--extra", f"kwargs={json.dumps(STEPS)}")
    ended = gpu("batch", "p.txt", *SMALL, *more)
    assert (ended.code, len(images()), set(states())) == (0, 4, {"saved"}), ended


def test_its_own_links_are_named_as_what_they_are(gpu: Run) -> None:
    more = ("--response-format", "url", "--extra", f"kwargs={json.dumps(STEPS)}")
    ended = gpu("gen", "cat", *SMALL, *more)
    assert ended.code == 6 and "--response-format b64_json" in ended.err, ended


def test_a_model_it_does_not_have(gpu: Run) -> None:
    ended = gpu("gen", "cat", *SMALL, "--model", "nope")
    assert ended.code == 3 and "['cogview4']" in ended.err, ended
