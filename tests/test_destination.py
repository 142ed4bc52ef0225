"""Destinations: what --output means, and where each image then goes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from cogview_cli.disk.destination import GEN_TEMPLATE, STDOUT, Destination, Target, from_output
from cogview_cli.errors import MachineError, UsageError

FIELDS = {
    "index": 3, "n": 1, "slug": "cat", "id": "x", "model": "m", "size": "1x1",
    "date": "20260101", "time": "120000",
}  # fmt: skip


def read(output: str | None, **more: Any) -> Destination:
    options = {"format": "original", "sidecar": True, "on_exists": "rename", **more}
    return from_output(output, **options)


def target(output: str | None, **fields: Any) -> Target:
    return Target(destination=read(output), fields={**FIELDS, **fields})


def test_no_output_means_date_time_and_slug_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert target(None).place() == (tmp_path, "20260101-120000-cat")


def test_a_dash_means_stdout() -> None:
    assert read(STDOUT).stdout
    assert not read(None).stdout and not read("x.png").stdout


def test_a_folder_takes_the_default_name(tmp_path: Path) -> None:
    for output in (str(tmp_path), str(tmp_path / "new"), f"{tmp_path}/new.png/"):
        found = read(output)
        assert (found.root, found.template) == (output.rstrip("/"), GEN_TEMPLATE)


def test_an_existing_folder_named_like_an_image_is_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "x.png"
    folder.mkdir()
    assert read(str(folder)).root == str(folder)


@pytest.mark.parametrize(
    ("suffix", "format"),
    [(".png", "png"), (".jpg", "jpeg"), (".JPEG", "jpeg"), (".webp", "webp")],
)
def test_an_explicit_suffix_asks_for_that_format(tmp_path: Path, suffix: str, format: str) -> None:
    found = read(str(tmp_path / f"cat{suffix}"))
    assert (found.root, found.template, found.format) == (str(tmp_path), "cat", format)


def test_a_suffix_and_another_format_contradict() -> None:
    with pytest.raises(UsageError, match="contradicts"):
        read("cat.png", format="webp")
    assert read("cat.png", format="png").format == "png"


def test_braces_in_a_plain_file_name_are_literal(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    assert target(str(tmp_path / "a{{b.png")).place() == (tmp_path, "a{{b")


def test_a_template_starts_at_its_first_hole(tmp_path: Path) -> None:
    found = target(f"{tmp_path}/{{model}}/{{index:04}}-{{slug}}.jpg")
    assert found.destination.root == str(tmp_path)
    assert found.place() == (tmp_path / "m", "0003-cat")


def test_ext_in_a_template_asks_for_no_format(tmp_path: Path) -> None:
    found = read(f"{tmp_path}/{{slug}}.{{ext}}")
    assert (found.template, found.format) == ("{slug}", "original")


@pytest.mark.parametrize("output", ["cat.png", "{slug}", None])
def test_several_images_are_numbered(output: str | None) -> None:
    assert read(output, count=2).template.endswith("-{n}")
    assert not read(output, count=1).template.endswith("-{n}")


def test_a_template_with_its_own_number_stays(tmp_path: Path) -> None:
    assert read(f"{tmp_path}/{{n}}-{{slug}}", count=2).template == "{n}-{slug}"


@pytest.mark.parametrize("slug", ["../../etc/x", "/etc/x", "..", "a/../../b"])
def test_no_value_leaves_the_root(tmp_path: Path, slug: str) -> None:
    folder, stem = target(f"{tmp_path}/{{model}}/{{slug}}", slug=slug, model="..").place()
    assert tmp_path in (folder / stem).resolve().parents


def test_a_field_that_is_not_there_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(UsageError, match="no field 'nope'"):
        target("{nope}").check()
    target("{created}-{slug}").check()


def test_what_only_the_answer_tells_is_filled_in_late(tmp_path: Path) -> None:
    found = target(f"{tmp_path}/{{created}}-{{slug}}")
    assert found.place({"created": 17})[1] == "17-cat"
    assert found.existing() is None


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".webp"])
def test_an_image_of_any_format_under_the_name_exists(tmp_path: Path, suffix: str) -> None:
    found = target(f"{tmp_path}/{{slug}}")
    assert found.existing() is None
    (tmp_path / f"cat{suffix}").touch()
    assert found.existing() == tmp_path / f"cat{suffix}"


def test_a_file_where_a_folder_should_be_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MachineError, match="not a folder"):
        read(str(tmp_path / "file"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_a_fifo_is_no_place_for_an_image(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(MachineError, match="not a regular file"):
        read(str(tmp_path / "pipe.png"))


@pytest.mark.parametrize(
    "output", ["~no-such-user-here/x.png", "x" * 300 + ".png", "x" * 300, "{a/b}"]
)
def test_odd_outputs_are_read_without_a_crash(output: str) -> None:
    assert read(output).root


def test_a_target_survives_the_ledger(tmp_path: Path) -> None:
    found = target(f"{tmp_path}/{{slug}}.webp", slug="猫\ud800")
    assert Target.from_record(json.loads(json.dumps(found.record()))) == found
