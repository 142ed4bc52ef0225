"""`--grid`: the images of a row tiled into one picture."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from cogview_cli.batch.grid import compose
from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.support import Batch, paths, posts, prompts, rows

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255), (255, 0, 255)]


def tiles(path: str, columns: int, side: int = 512) -> list[bytes]:
    """The pixels of each tile, row by row."""
    with Image.open(path) as grid:
        spots = [(x * side, y * side) for y in range(grid.height // side) for x in range(columns)]
        return [grid.crop((x, y, x + side, y + side)).tobytes() for x, y in spots]


def pixels(path: str) -> bytes:
    with Image.open(path) as image:
        return image.convert("RGB").tobytes()


def test_four_images_become_four_tiles_in_order(batch: Batch, sandbox: SandboxThread) -> None:
    prompts("cat", "dog")
    ended = batch("--grid", "2x2")
    images = [f"out/0001-cat-{n}.png" for n in (1, 2, 3, 4)]
    assert ended.code == 0
    assert set(images) < set(paths(ended))
    assert len(paths(ended)) == 8
    assert tiles("out/grid/0001-cat.png", 2) == [pixels(path) for path in images]
    assert Path("out/grid/0002-dog.png").is_file()
    assert posts(sandbox) == 8


def test_a_grid_lies_in_the_folder_of_its_row(batch: Batch) -> None:
    prompts("cat")
    ended = batch("--grid", "2x1", "--name", "{index:05}/samples/{n:04}.png")
    assert paths(ended) == ["out/00001/samples/0001.png", "out/00001/samples/0002.png"]
    assert len(tiles("out/00001/grid.png", 2)) == 2


@pytest.mark.parametrize("name", ["{slug}/{n:05}", "{slug}/{n:02}"])
def test_a_grid_is_called_grid_however_wide_the_numbers(batch: Batch, name: str) -> None:
    prompts("cat")
    assert batch("--grid", "2x1", "--name", name).code == 0
    assert Path("out/cat/grid.png").is_file()


def test_a_grid_is_made_again_when_it_is_gone(batch: Batch, sandbox: SandboxThread) -> None:
    prompts("cat")
    batch("--grid", "2x1")
    grid = Path("out/grid/0001-cat.png")
    before = grid.read_bytes()
    grid.unlink()
    assert batch("--grid", "2x1").code == 0
    assert grid.read_bytes() == before
    assert posts(sandbox) == 2


def test_a_grid_waits_for_its_last_image(batch: Batch) -> None:
    rows({"prompt": "cat sandbox:1301x1", "n": 2})
    assert batch("--grid", "2x1", source="p.jsonl").code == 3
    assert not Path("out/grid").exists()
    assert batch("--grid", "2x1", "--retry-failed", source="p.jsonl").code == 0
    (grid,) = Path("out/grid").iterdir()
    assert len(tiles(str(grid), 2)) == 2


def test_rows_that_do_not_fill_the_grid_are_a_usage_error(
    batch: Batch, sandbox: SandboxThread
) -> None:
    prompts("cat")
    ended = batch("--grid", "2x2", "-n", "3")
    assert (ended.code, posts(sandbox)) == (2, 0)
    assert "--count 4" in ended.err


def test_rows_of_one_name_have_grids_of_their_own(batch: Batch, sandbox: SandboxThread) -> None:
    """Or are refused: one grid must not replace another."""
    rows({"prompt": "cat", "name": "x"}, {"prompt": "dog", "name": "x"})
    ended = batch("--grid", "2x1", source="p.jsonl")
    if ended.code == 0:
        assert len(list(Path("out/grid").iterdir())) == 2
    else:
        assert (ended.code, posts(sandbox)) == (2, 0)


def test_a_grid_that_cannot_be_made_is_9_and_the_images_stay(batch: Batch) -> None:
    prompts("cat")
    Path("out").mkdir()
    Path("out/grid").write_text("mine")
    ended = batch("--grid", "2x1")
    assert ended.code == 9
    assert len(paths(ended)) == 2
    assert Path("out/grid").read_text() == "mine"


def test_compose_fills_the_rows_and_takes_the_size_of_the_first(tmp_path: Path) -> None:
    files = []
    for number, colour in enumerate(COLOURS):
        side = 16 if number else 8
        file = tmp_path / f"{number}.png"
        Image.new("RGBA" if number == 2 else "RGB", (side, side), colour).save(file)
        files.append(str(file))
    compose(files, tmp_path / "deep" / "grid.png", 3)
    with Image.open(tmp_path / "deep" / "grid.png") as grid:
        assert grid.size == (24, 16)
        centres = [(x * 8 + 4, y * 8 + 4) for y in range(2) for x in range(3)]
        assert [grid.getpixel(spot) for spot in centres] == COLOURS
