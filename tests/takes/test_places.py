"""The best take gets the name: nothing is lost whenever that is interrupted."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cogview_cli.disk.destination import Destination, Target
from cogview_cli.ledger import Entry
from cogview_cli.pictures import sidecar
from cogview_cli.pictures import takes as module
from cogview_cli.pictures.takes import give_name, is_take, name_of, take_stem, take_target
from tests.batch.support import entry

TARGET = Target(Destination("", "{slug}"), {"slug": "猫"})


class Killed(BaseException):
    """The process ends here."""


def made(path: Path, data: bytes, id: str, take: int, *, described: bool = True) -> Entry:
    """A picture on disk with its sidecar, and its row."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    record = {"file": str(path), "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    beside = sidecar.sidecar_path(path)
    if described:
        content = {"id": id, "image": {**record, "file": path.name}, "prompt": id}
        beside.write_text(json.dumps(content), "utf-8")
    destination = TARGET.destination._replace(root=str(path.parent))
    target = Target(destination, TARGET.fields, aside=path.parent.name == "takes")
    found = entry("saved", id, take=take, target=target.record())
    return found._replace(files=[{**record, "sidecar": str(beside) if described else None}])


def state(folder: Path) -> dict[str, tuple[str, str]]:
    """The content and the id beside it, of each picture below `folder`."""
    found = {}
    for path in folder.rglob("*.*"):
        if path.suffix in (".png", ".jpg"):
            beside = json.loads(sidecar.sidecar_path(path).read_text("utf-8"))
            assert beside["image"]["file"] == path.name
            found[path.relative_to(folder).as_posix()] = path.read_text(), beside["id"]
    assert len(list(folder.rglob("*.json"))) == len(found)
    return found


def pair(folder: Path, suffix: str = ".png") -> list[Entry]:
    first = made(folder / "猫.png", b"first", "a", 1)
    return [first, made(folder / f"takes/猫-take2{suffix}", b"other", "b", 2)]


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_the_two_change_places(tmp_path: Path, suffix: str) -> None:
    old, new = give_name(pair(tmp_path, suffix), pair(tmp_path, suffix)[1])
    assert state(tmp_path) == {
        f"猫{suffix}": ("other", "b"), "takes/猫-take1.png": ("first", "a"),
    }  # fmt: skip
    assert old.files[0]["file"] == str(tmp_path / "takes/猫-take1.png")
    assert new.files[0]["file"] == str(tmp_path / f"猫{suffix}")
    assert name_of([old, new]) == tmp_path / f"猫{suffix}"
    assert Target.from_record(new.target).place()[1] == "猫"
    folder, stem = Target.from_record(old.target).place()
    assert (folder, stem) == (tmp_path / "takes", "猫-take1")
    assert give_name([old, new], new) == []


def several(folder: Path, old: int, new: int) -> list[Entry]:
    """Two takes with so many pictures."""

    def answer(places: list[str], id: str, take: int) -> Entry:
        made_one = [made(folder / name, f"{id}{n}".encode(), id, take)
                    for n, name in enumerate(places, 1)]  # fmt: skip
        return made_one[0]._replace(files=[each.files[0] for each in made_one])

    names = ["猫.png", "猫-2.png", "猫-3.png"][:old]
    aside = ["takes/猫-take2.png", "takes/猫-take2-2.jpg", "takes/猫-take2-3.png"][:new]
    return [answer(names, "a", 1), answer(aside, "b", 2)]


SEVERAL = [(2, 2), (1, 2), (3, 1), (2, 3)]


@pytest.mark.parametrize(("old", "new"), SEVERAL)
def test_several_pictures_of_an_answer_change_places_together(
    tmp_path: Path, old: int, new: int
) -> None:
    takes = several(tmp_path, old, new)
    gone, come = give_name(takes, takes[1])
    there = state(tmp_path)
    assert {found for name, found in there.items() if "/" in name} == {
        (f"a{n}", "a") for n in range(1, old + 1)
    }
    assert {found for name, found in there.items() if "/" not in name} == {
        (f"b{n}", "b") for n in range(1, new + 1)
    }
    assert there["猫.png"] == ("b1", "b") and (new < 2 or there["猫-2.jpg"] == ("b2", "b"))
    for entry_, letter in ((gone, "a"), (come, "b")):
        texts = [Path(file["file"]).read_text() for file in entry_.files]
        assert texts == [f"{letter}{n}" for n in range(1, len(texts) + 1)]
    assert give_name([gone, come], come) == []


@pytest.mark.parametrize(("old", "new"), SEVERAL)
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_several_are_finished_by_the_next_run(
    tmp_path: Path, before: bool, old: int, new: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished, nth, wanted = 0, 0, None
    while not finished:
        nth += 1
        folder = tmp_path / str(nth)
        folder.mkdir()
        takes = several(folder, old, new)
        with monkeypatch.context() as killing:
            killed_at(nth, killing, before=before)
            try:
                give_name(takes, takes[1])
                finished = nth
            except Killed:
                pass
        there = {path.read_text() for path in folder.rglob("*.*") if path.suffix[1:] in "png jpg"}
        assert there == {f"{a}{n + 1}" for a, most in (("a", old), ("b", new)) for n in range(most)}
        if not finished:
            assert len(give_name(takes, takes[1])) == 2
        wanted = wanted or state(folder)
        assert state(folder) == wanted, nth
    assert finished > len(STEPS)


STEPS = ("_second_name", "_describe", "_rename", "_clear", "_remove")


def killed_at(nth: int, monkeypatch: pytest.MonkeyPatch, *, before: bool) -> None:
    """The `nth` step on the disk is the last one, or the first one that is not made."""
    count = 0

    def stopping(step: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **more: Any) -> Any:
            nonlocal count
            count += 1
            last = count == nth
            if before and last:
                raise Killed
            done = step(*arguments, **more)
            if last:
                raise Killed
            return done

        return run

    for name in STEPS:
        monkeypatch.setattr(module, name, stopping(getattr(module, name)))


@pytest.mark.parametrize("links", [True, False], ids=["links", "copies"])
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_whichever_step_is_the_last_the_next_run_finishes(
    tmp_path: Path, suffix: str, before: bool, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", _no_links)
    finished, nth = 0, 0
    while not finished:
        nth += 1
        folder = tmp_path / str(nth)
        folder.mkdir()
        takes = pair(folder, suffix)
        with monkeypatch.context() as killing:
            killed_at(nth, killing, before=before)
            try:
                give_name(takes, takes[1])
                finished = nth
            except Killed:
                pass
        there = {path.read_text() for path in folder.rglob("*.*") if path.suffix[1:] in "png jpg"}
        assert there == {"first", "other"}, nth
        if not finished:
            assert len(give_name(takes, takes[1])) == 2
        assert state(folder) == {
            f"猫{suffix}": ("other", "b"), "takes/猫-take1.png": ("first", "a"),
        }, nth  # fmt: skip
    assert finished > len(STEPS)


def _no_links(*_arguments: object, **_more: object) -> None:
    raise PermissionError(1, "no links here")


def test_a_name_in_takes_that_others_have_is_left_to_them(tmp_path: Path) -> None:
    takes = pair(tmp_path)
    (tmp_path / "takes/猫-take1.png").write_bytes(b"another")
    old, _new = give_name(takes, takes[1])
    assert old.files[0]["file"] == str(tmp_path / "takes/猫-take1-2.png")
    assert (tmp_path / "takes/猫-take1.png").read_bytes() == b"another"


def test_a_suffix_that_others_have_is_left_to_them(tmp_path: Path) -> None:
    takes = pair(tmp_path, ".jpg")
    (tmp_path / "猫.jpg").write_bytes(b"another")
    _old, new = give_name(takes, takes[1])
    assert new.files[0]["file"] == str(tmp_path / "猫-2.jpg")
    assert (tmp_path / "猫.jpg").read_bytes() == b"another"


def test_another_picture_under_the_name_stays_there(tmp_path: Path) -> None:
    takes = pair(tmp_path)
    (tmp_path / "猫.png").write_bytes(b"mine!")
    assert give_name(takes, takes[1]) == []
    assert (tmp_path / "猫.png").read_bytes() == b"mine!"
    assert (tmp_path / "takes/猫-take2.png").read_bytes() == b"other"


def test_a_take_that_is_gone_gets_no_name(tmp_path: Path) -> None:
    takes = pair(tmp_path)
    (tmp_path / "takes/猫-take2.png").unlink()
    assert give_name(takes, takes[1]) == []
    assert (tmp_path / "猫.png").read_bytes() == b"first"


def test_the_name_of_a_picture_that_is_gone_is_free(tmp_path: Path) -> None:
    takes = pair(tmp_path)
    (tmp_path / "猫.png").unlink()
    assert len(give_name(takes, takes[1])) == 2
    assert (tmp_path / "猫.png").read_bytes() == b"other"


def test_without_sidecars_none_is_made(tmp_path: Path) -> None:
    first = made(tmp_path / "猫.png", b"first", "a", 1, described=False)
    second = made(tmp_path / "takes/猫-take2.png", b"other", "b", 2, described=False)
    old, new = give_name([first, second], second)
    assert not list(tmp_path.rglob("*.json"))
    assert old.files[0]["sidecar"] is None and new.files[0]["sidecar"] is None


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("out/takes/猫-take2.png", True), ("out/takes/猫-take2-3.jpg", True),
        ("out/takes/猫.png", False), ("out/猫-take2.png", False), ("takes/a-take0.png", False),
    ],
)  # fmt: skip
def test_a_take_is_known_by_folder_and_name(path: str, found: bool) -> None:
    assert is_take(path) is found
    assert is_take(path, 2) is found
    assert not is_take(path, 1) and not is_take(path, "")


def test_a_long_name_has_room_for_its_number() -> None:
    image = Path("out", "猫" * 73 + ".png")
    target = take_target(image, TARGET, 12)
    folder, stem = target.place()
    assert (folder, stem) == (Path("out/takes"), take_stem(image, 12))
    assert stem.endswith("-take12") and len(f"{stem}-99.jpeg.json".encode()) < 255
    braces = take_target(Path("out/{a}.png"), TARGET, 2)
    assert braces.place()[1] == "{a}-take2"
