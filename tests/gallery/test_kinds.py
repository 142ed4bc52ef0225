"""Pictures in formats that the API does not document are kept, and are pictures everywhere."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path

import pytest
from PIL import Image

from cogview_cli.disk.names import PICTURE_SUFFIXES, SAVED_SUFFIXES
from cogview_cli.gallery.scan import scan
from cogview_cli.pictures.verify import sniff
from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.support import posts
from tests.conftest import Run

FAULTS = ("gif-download", "bmp-download", "tiff-download", "avif-download", "webp", "jpeg")


@pytest.fixture
def saved(cogview: Run, sandbox: SandboxThread) -> list[Path]:
    """One picture of each kind that arrives, in `out`, and its sidecar."""
    prompts = ["猫", *(f"猫 sandbox:{fault}" for fault in FAULTS)]
    Path("p.txt").write_text("".join(f"{prompt}\n" for prompt in prompts), "utf-8")
    ended = cogview("batch", "p.txt", "-s", "512x512", "-o", "out", "--name", "{index}")
    assert ended.code == 0
    paths = sorted(path for path in Path("out").iterdir() if path.suffix != ".json")
    assert {path.suffix for path in paths} == {*SAVED_SUFFIXES.values()} - {".heic"}
    return paths


def test_the_page_and_the_sheet_show_them(cogview: Run, saved: list[Path]) -> None:
    assert len(scan(Path("out")).items) == len(saved)
    page = cogview("gallery", "out", "--json")
    assert json.loads(page.out)["images"] == len(saved)
    sheet = cogview("gallery", "out", "--sheet", "sheet.png", "--json")
    assert json.loads(sheet.out)["images"] == len(saved)
    assert "cannot be read" not in page.err + sheet.err


@pytest.mark.parametrize("size", ["10MB", "200kB"])
def test_a_page_to_send_holds_them_as_browsers_show_them(
    size: str, cogview: Run, saved: list[Path]
) -> None:
    ended = cogview("gallery", "out", "--embed", size)
    assert ended.code == 0 and "cannot be read" not in ended.err
    html = Path("out/gallery.html").read_text("utf-8") if Path("out/gallery.html").exists() else ""
    html = html or Path(ended.out.strip()).read_text("utf-8")
    found = re.findall(r"data:image/(\w+);base64,([\w+/=]+)", html)
    assert len(found) >= len(saved)
    for kind, data in found:
        decoded = base64.b64decode(data)
        assert sniff(decoded[:32]) == kind != "tiff"
        Image.open(io.BytesIO(decoded)).load()


def test_each_may_be_repeated_from_its_file(cogview: Run, saved: list[Path]) -> None:
    for path in saved:
        ended = cogview("gen", "--from", str(path), "--dry-run", "--json")
        assert ended.code == 0, ended.err
        path.with_name(f"{path.name}.json").unlink()
        ended = cogview("gen", "--from", str(path), "--dry-run", "--json")  # by its bytes
        assert ended.code == 0, ended.err


def test_none_is_paid_again_where_only_the_files_are_left(
    cogview: Run, sandbox: SandboxThread, saved: list[Path]
) -> None:
    """--on-exists skip asks neither the ledger nor sidecars."""
    Path("../state/ledger.db").unlink()
    for path in saved:
        path.with_name(f"{path.name}.json").unlink()
    again = ("batch", "p.txt", "-s", "512x512", "-o", "out", "--name", "{index}")
    assert cogview(*again, "--on-exists", "skip").code == 0
    assert posts(sandbox) == len(saved)
    assert cogview(*again, "--on-exists", "fail").code == 9


def test_a_grid_takes_them(cogview: Run, sandbox: SandboxThread) -> None:
    sandbox.script(None, ["gif-download", "bmp-download", "tiff-download", "avif-download"])
    Path("p.txt").write_text("猫\n", "utf-8")
    more = ("-n", "4", "--grid", "2x2")
    ended = cogview("batch", "p.txt", "-s", "512x512", "-o", "out", "--name", "{index}-{n}", *more)
    assert ended.code == 0, ended.err
    assert list(Path("out/grid").glob("*.png"))


def test_every_suffix_of_the_saver_is_one_of_pictures() -> None:
    assert set(SAVED_SUFFIXES.values()) < set(PICTURE_SUFFIXES)
