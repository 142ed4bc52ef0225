"""Reading a folder: which files are pictures, and what sidecars may hold."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.errors import MachineError, UsageError
from cogview_cli.gallery.items import GalleryItem, Level
from cogview_cli.gallery.scan import from_sidecar, scan
from tests.gallery.samples import paid, picture

FULL = {
    "schema": 1,
    "prompt": "一只猫",
    "model": "cogview-4-250304",
    "size": "1440x720",
    "quality": "hd",
    "created": 1795270000,
    "content_filter": [{"role": "assistant", "level": 3}],
    "id": "20261121-150405-9f2c1a",
    "key": "k",
    "image": {"file": "cat.png", "width": 1440, "height": 720},
    "cost": {"amount": "0.06", "currency": "CNY"},
}


def paths(found: list[GalleryItem]) -> set[str]:
    return {item.picture.path for item in found if item.picture}


def read(**changed: Any) -> GalleryItem:
    found = from_sidecar({**FULL, **changed}, "cat.png")
    assert found
    return found


def test_a_sidecar_tells_everything() -> None:
    found = read()
    assert (found.prompt, found.model, found.size) == ("一只猫", "cogview-4-250304", "1440x720")
    assert (found.quality, found.created, found.cost) == ("hd", 1795270000.0, paid("0.06"))
    assert found.filters == (Level(role="assistant", level="3"),)
    assert found.picture and (found.picture.width, found.picture.height) == (1440, 720)


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"7", b'{"model": "m"}', b'{"prompt": 7}', b"\xff", b"[" * 100_000],
    ids=["empty", "cut", "list", "number", "no-prompt", "odd-prompt", "not-utf8", "deep"],
)
def test_a_damaged_sidecar_leaves_the_bare_picture(data: bytes, tmp_path: Path) -> None:
    picture(tmp_path / "cat.png").with_name("cat.png.json").write_bytes(data)
    found = scan(tmp_path)
    assert (found.damaged, paths(found.items)) == (["cat.png.json"], {"cat.png"})
    assert found.items[0].prompt == ""


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(FULL, _json)))
def test_no_value_of_any_kind_breaks_the_reading(content: dict[str, Any]) -> None:
    found = from_sidecar({"prompt": "p", **content}, "cat.png")
    assert (found is None) == (not isinstance(content.get("prompt", "p"), str))


@pytest.mark.parametrize("amount", [None, 0.06, "", "NaN", "Infinity", "-1", "1e999999999", "六"])
def test_a_cost_that_is_no_plain_amount_is_not_counted(amount: Any) -> None:
    assert read(cost={"amount": amount, "currency": "CNY"}).cost is None


@pytest.mark.parametrize("created", [None, "now", True, -1, 1e300, 2**40])
def test_a_time_that_cannot_be_shown_is_left_out(created: Any) -> None:
    assert read(created=created).created is None


@pytest.mark.parametrize("width", [None, 0, -5, "64", 1.5, True, 2**30])
def test_a_side_that_is_no_number_of_pixels_is_left_out(width: Any) -> None:
    shown = read(image={"width": width, "height": 720}).picture
    assert shown and shown.width is None


def test_pictures_of_all_kinds_are_found_below_too(tmp_path: Path) -> None:
    for name in ("a.png", "b.JPG", "c.jpeg", "sub/deep/d.webp"):
        picture(tmp_path / name)
    for name in ("notes.txt", "failed.jsonl", "lone.png.json", "a.png.json.bak"):
        (tmp_path / name).write_text("{}")
    assert paths(scan(tmp_path).items) == {"a.png", "b.JPG", "c.jpeg", "sub/deep/d.webp"}


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    for name in (".hidden.png", ".thumbs/a.png", "sub/.git/b.png", "seen.png"):
        picture(tmp_path / name)
    assert paths(scan(tmp_path).items) == {"seen.png"}


def test_only_files_count_as_pictures_and_sidecars(tmp_path: Path) -> None:
    """A pipe would hold the reader for ever, a folder is neither."""
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    picture(tmp_path / "a.png")
    os.mkfifo(tmp_path / "a.png.json")
    found = scan(tmp_path)
    assert (paths(found.items), found.damaged) == ({"a.png"}, [])


def test_a_picture_keeps_its_place_without_and_with_a_damaged_sidecar(tmp_path: Path) -> None:
    picture(tmp_path / "plain.png")
    picture(tmp_path / "sub/broken.png").with_name("broken.png.json").write_text("{")
    found = scan(tmp_path)
    assert paths(found.items) == {"plain.png", "sub/broken.png"}
    assert found.damaged == ["sub/broken.png.json"]
    assert {item.prompt for item in found.items} == {""}


def test_a_folder_must_be_one(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", picture(tmp_path / "a.png")):
        with pytest.raises(UsageError):
            scan(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_may_not_be_read_is_told(tmp_path: Path) -> None:
    picture(tmp_path / "a.png").with_name("a.png.json").touch(0o000)
    (tmp_path / "shut").mkdir(0o000)
    found = scan(tmp_path)
    assert (paths(found.items), found.damaged) == ({"a.png"}, ["a.png.json"])
    assert found.unreadable == [str(tmp_path / "shut")]
    with pytest.raises(MachineError):
        scan(tmp_path / "shut")


def test_what_is_set_aside_is_not_shown(tmp_path: Path) -> None:
    """Pictures of edited rows and earlier takes; and what came and is no picture."""
    for name in ("1.png", "replaced/1.png", "sub/takes/1.png", "takes/sub/2.png", "sub/2.png"):
        picture(tmp_path / name, prompt="cat")
    picture(tmp_path / "3.png", prompt="cat").rename(tmp_path / "3.unverified")
    (tmp_path / "3.png.json").rename(tmp_path / "3.unverified.json")
    found = scan(tmp_path)
    assert sorted(i.picture.path for i in found.items if i.picture) == ["1.png", "sub/2.png"]
    assert found.damaged == []
    assert len(scan(tmp_path / "replaced").items) == 1
