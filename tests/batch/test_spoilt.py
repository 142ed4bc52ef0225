"""A picture that is there but not as it was saved: fetched again, free, and never overwritten."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from PIL import Image

from cogview_cli.pictures.seen import Seen, look
from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.support import Batch, edit_ledger, lines, pictures, posts, prompts

CAT = Path("out/0001-cat.png")


def _truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _empty(path: Path) -> None:
    os.truncate(path, 0)


def _crop(path: Path) -> None:
    with Image.open(path) as image:
        image.crop((0, 0, 100, 100)).save(path)


def _flip(path: Path) -> None:
    """The same size: only the hash tells."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


SPOIL = {"truncated": _truncate, "emptied": _empty, "edited": _crop}
LEDGER = Path("../state/ledger.db")


@pytest.mark.parametrize("how", SPOIL)
@pytest.mark.parametrize("on_exists", ["rename", "overwrite"])
def test_it_is_fetched_again_beside_what_is_there(
    how: str, on_exists: str, batch: Batch, sandbox: SandboxThread
) -> None:
    prompts("cat", "dog")
    assert batch().code == 0
    before = CAT.read_bytes()
    SPOIL[how](CAT)
    left = CAT.read_bytes()
    ended = batch("--on-exists", on_exists)
    assert ended.code == 0 and f"'{CAT.absolute()}' is not as it was saved" in ended.err, ended
    assert pictures() == ["0001-cat-2.png", "0001-cat.png", "0002-dog.png"]
    assert (CAT.read_bytes(), Path("out/0001-cat-2.png").read_bytes()) == (left, before)
    again = batch()
    assert (again.code, "not as it was" in again.err, posts(sandbox)) == (0, False, 2)
    assert "out/0001-cat-2.png" in again.out


def test_verify_finds_what_only_the_hash_tells(batch: Batch, sandbox: SandboxThread) -> None:
    prompts("cat")
    batch()
    _flip(CAT)
    assert "not as it was" not in batch().err
    ended = batch("--verify")
    assert ended.code == 0 and "not as it was" in ended.err
    assert pictures() == ["0001-cat-2.png", "0001-cat.png"]
    assert (batch("--verify").code, posts(sandbox)) == (0, 1)


@pytest.mark.parametrize("how", SPOIL)
def test_what_cannot_be_fetched_any_more(how: str, batch: Batch, sandbox: SandboxThread) -> None:
    """Somebody's own work is left alone; what is no picture is made again, in the price."""
    prompts("cat")
    batch()
    SPOIL[how](CAT)
    edit_ledger("update requests set fetchable = 0")
    edited = how == "edited"
    shown = batch("--dry-run")
    assert ("0 request" if edited else "1 request") in shown.err
    ended = batch()
    assert ended.code == 0, ended
    assert ("left so" if edited else "made again, and paid") in ended.err
    assert posts(sandbox) == (1 if edited else 2)


@pytest.mark.parametrize("how", [*SPOIL, "same size"])
def test_without_a_ledger_the_sidecar_tells(how: str, batch: Batch, sandbox: SandboxThread) -> None:
    """It has the size and the hash."""
    prompts("cat")
    batch()
    {**SPOIL, "same size": _flip}[how](CAT)
    LEDGER.unlink()
    ended = batch("--verify")
    assert ended.code == 0
    kept = how == "edited"
    assert posts(sandbox) == (1 if kept else 2)
    assert pictures() == (["0001-cat.png"] if kept else ["0001-cat-2.png", "0001-cat.png"])


def test_the_data_say_which_file_it_is(batch: Batch) -> None:
    prompts("cat")
    batch()
    _empty(CAT)
    image, summary = lines(batch("--json"))
    assert (image["status"], image["file"], image["cost"]) == ("saved", "out/0001-cat-2.png", "0")
    assert summary["cost"] == "0"


def test_what_is_seen_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    Image.new("RGB", (64, 64)).save(path)
    saved = {"file": str(path), "bytes": path.stat().st_size, "sha256": "0"}
    assert look(saved) is Seen.WHOLE and look(saved, verify=True) is Seen.CHANGED
    assert look({**saved, "bytes": 1}) is Seen.CHANGED
    assert look({"file": str(path)}) is Seen.WHOLE
    path.write_bytes(b"")
    assert look(saved) is Seen.BROKEN
    path.unlink()
    assert look(saved) is Seen.MISSING
    path.mkdir()
    assert look(saved) is Seen.MISSING
    assert json.dumps(saved)
