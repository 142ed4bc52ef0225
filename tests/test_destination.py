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


@pytest.mark.parametrize("output", ["~no-such-user-here/x.png", "x" * 300 + ".png", "x" * 300])
def test_odd_outputs_are_read_without_a_crash(output: str) -> None:
    assert read(output).root


def test_a_target_survives_the_ledger(tmp_path: Path) -> None:
    found = target(f"{tmp_path}/{{slug}}.webp", slug="猫\ud800")
    assert Target.from_record(json.loads(json.dumps(found.record()))) == found


@pytest.mark.parametrize("output", ["{slug", "slug}", "a/{slug/b.png", "{a/b}", "x{.png", "{da te"])
def test_a_mistyped_template_makes_no_folder_of_that_name(output: str) -> None:
    with pytest.raises(UsageError, match="brace"):
        read(output)


def test_a_folder_with_a_brace_that_is_there_is_meant(tmp_path: Path) -> None:
    (tmp_path / "my{dir").mkdir()
    assert read(str(tmp_path / "my{dir")).root == str(tmp_path / "my{dir")
    assert read(str(tmp_path / "my{dir" / "cat.png")).template == "cat"


@pytest.mark.parametrize("output", ["x.gif", "a/X.TIFF", "x.pgn", "{slug}.bmp", "out.json"])
def test_a_suffix_of_other_files_is_refused_with_those_there_are(output: str) -> None:
    with pytest.raises(UsageError, match="no format that is written here") as caught:
        read(output)
    assert all(suffix in caught.value.hint for suffix in (".png", ".jpg", ".webp"))


@pytest.mark.parametrize("output", ["x.gif/", "run-1.5", "v2.0", "a.gif/cat.png"])
def test_a_dot_in_the_name_of_a_folder_is_no_suffix(output: str) -> None:
    assert read(output).root


def test_what_is_there_is_meant_whatever_its_suffix(tmp_path: Path) -> None:
    (tmp_path / "old.gif").mkdir()
    assert read(str(tmp_path / "old.gif")).template == GEN_TEMPLATE


def test_moments_are_written_as_asked(tmp_path: Path) -> None:
    found = target(f"{tmp_path}/{{date:%Y}}/{{date:%m-%d}} {{time:%Hh}}-{{slug}}")
    assert found.place() == (tmp_path / "2026", "01-01 12h-cat")
    late = target(f"{tmp_path}/{{created:%Y}}-{{slug}}")
    assert late.place({"created": 1767268800})[1] == "2026-cat"
    assert late.place()[1] == "_cat"  # not known yet


@pytest.mark.parametrize(
    ("output", "words", "hint"),
    [
        ("{slug:%Y}", "'slug' is no moment", "{date:%Y-%m-%d}"),
        ("{date:%Q}", "no '%Q'", "{date:%Y-%m-%d}"),
        ("{date:%}", "no '%'", "{date:%Y-%m-%d}"),
        ("{date:%Y/%m}/{slug}", "a slash inside of {…}", "{date:%Y}/{date:%m}"),
    ],
)
def test_a_moment_written_wrong_says_how_it_goes(output: str, words: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        target(output).check()
    assert words in caught.value.message and hint in caught.value.hint
