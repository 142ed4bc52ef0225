"""A real hf-serve makes pictures by the manual's commands.

The long form: PyTorch, 5 GB of it where pip has no build for the CPU alone, and 50 steps a picture,
which no field of its requests makes fewer. `pytest -m weights tests/peers -s`
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import Run
from tests.faults.world import images, states
from tests.peers.hf_serve import MODEL, hf_serve
from tests.peers.xinference import tiny_weights

pytestmark = pytest.mark.weights
SMALL = ("--profile", "gpu", "--size", "512x512")


@pytest.fixture(scope="module")
def base_url(hf_serve_programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("hf-serve")
    weights = tiny_weights(hf_serve_programs, folder / "weights")
    with hf_serve(hf_serve_programs, weights, folder) as running:
        yield running


@pytest.fixture
def gpu(base_url: str, cogview: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The commands of the manual up to the first picture."""
    monkeypatch.delenv("COGVIEW_BASE_URL")
    monkeypatch.delenv("COGVIEW_API_KEY")
    init = cogview("config", "init", "gpu", "--for", "hf-serve", "--base-url", base_url)
    assert init.code == 0, init
    checked = cogview("config", "check", "--profile", "gpu")
    assert checked.code == 0 and f"{MODEL} is served" in checked.out + checked.err, checked
    return cogview


def test_gen_and_a_wide_picture_is_wide(gpu: Run) -> None:
    ended = gpu("gen", "水墨山水", "--profile", "gpu", "--size", "544x512")
    assert (ended.code, states(), len(images())) == (0, ["saved"], 1), ended
    with Image.open(images()[0]) as picture:
        assert (picture.format, picture.size) == ("PNG", (544, 512))


def test_batch(gpu: Run) -> None:
    Path("p.txt").write_text("red cat\nblue cat\n猫\nwhite cat\n", "utf-8")
    ended = gpu("batch", "p.txt", *SMALL, "--jobs", "4")
    assert (ended.code, len(images()), set(states())) == (0, 4, {"saved"}), ended


def test_a_link_is_refused_and_the_way_out_shown(gpu: Run) -> None:
    ended = gpu("gen", "cat", *SMALL, "--response-format", "url")
    assert (ended.code, images()) == (3, []) and "only `response_format='b64_json'`" in ended.err
