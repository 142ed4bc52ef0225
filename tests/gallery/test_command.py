"""`cogview gallery` as users and scripts meet it."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
from PIL import Image

from cogview_cli.i18n.stored_messages import Message
from tests.conftest import Run
from tests.gallery.samples import asked, ledger, parse, picture
from tests.test_startup import loaded_by


def pictures(number: int = 2, folder: str = "out") -> Path:
    """A folder of pictures with sidecars in the current folder."""
    for at in range(1, number + 1):
        cost = {"amount": "0.06", "currency": "CNY"}
        picture(Path(folder, f"{at}.png"), prompt=f"cat {at}", id=f"r{at}", key=f"k{at}", cost=cost)
    return Path(folder)


def lost(folder: Path) -> None:
    """One request of a batch into `folder` whose outcome is unknown."""
    with ledger() as opened:
        opened.unknown(asked(opened, folder.absolute(), "lost", "lost"), Message.said("cut"), None)


def test_a_real_result_gets_a_page_beside_it(cogview: Run) -> None:
    made = cogview("gen", "一只可爱的小猫咪", "-s", "512x512", "-o", "out/", "-n", "2")
    ended = cogview("gallery", "out")
    assert (ended.code, ended.out, ended.err) == (0, "out/index.html\n", "2 images\n"), ended
    tree = parse(Path("out/index.html").read_text("utf-8"))
    shown = {f"out/{unquote(str(each.attributes['src']))}" for each in tree.all("img")}
    assert shown == set(made.out.splitlines()) and len(shown) == 2
    assert {each.text for each in tree.all("p", "prompt")} == {"一只可爱的小猫咪"}


def test_the_current_folder_is_the_default(cogview: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pictures())
    ended = cogview("gallery")
    assert (ended.code, ended.out) == (0, "index.html\n"), ended
    assert parse(Path("index.html").read_text("utf-8")).one("h1").text == "out"


@pytest.mark.parametrize("target", ["pages/all.html", "pages", "pages/"])
def test_the_page_may_lie_elsewhere(target: str, cogview: Run) -> None:
    pictures()
    Path("pages").mkdir()
    ended = cogview("gallery", "out", "-o", target)
    written = Path(ended.out.strip())
    assert written in (Path("pages/all.html"), Path("pages/index.html")), ended
    sources = [each.attributes["src"] for each in parse(written.read_text("utf-8")).all("img")]
    assert sources == ["../out/1.png", "../out/2.png"]


def test_the_links_of_a_page_in_a_linked_folder_go_up_the_real_folders(cogview: Run) -> None:
    pictures()
    Path("deep/er").mkdir(parents=True)
    Path("link").symlink_to("deep/er")
    assert cogview("gallery", "out", "-o", "link/all.html").code == 0
    source = parse(Path("deep/er/all.html").read_text("utf-8")).all("img")[0].attributes["src"]
    assert source == "../../out/1.png"


def test_a_dash_gives_the_page_alone_on_stdout(cogview: Run) -> None:
    pictures()
    ended = cogview("gallery", "out", "-o", "-", "--title", "Spring")
    assert ended.code == 0 and ended.out.startswith("<!doctype html>")
    assert parse(ended.out).one("title").text == "Spring"
    assert [each.attributes["src"] for each in parse(ended.out).all("img")] == ["1.png", "2.png"]
    assert not Path("out/index.html").exists()


@pytest.mark.parametrize("more", [["--json"], ["--open"], ["--sheet", "s.jpg"]])
def test_a_dash_leaves_no_room_for_more(more: list[str], cogview: Run) -> None:
    pictures()
    ended = cogview("gallery", "out", "-o", "-", *more)
    assert ended.code == 2 and "hint: " in ended.err
    assert "<html" not in ended.out and bool(ended.out) is ("--json" in more)
    assert not Path("s.jpg").exists()


def test_scripts_get_one_object_a_file(cogview: Run) -> None:
    lost(pictures())
    ended = cogview("gallery", "out", "--json", "-o", "all.html", "--sheet", "all.png")
    page, sheet = map(json.loads, ended.out.splitlines())
    assert page == {
        "schema": 1, "type": "gallery", "file": "all.html", "images": 2, "unknown": 1,
        "cost": {"CNY": "0.12"},
    }  # fmt: skip
    assert sheet == {"type": "sheet", "file": "all.png", "page": 1, "images": 2}


def test_quiet_leaves_only_the_path(cogview: Run) -> None:
    ended = cogview("gallery", str(pictures()), "--quiet")
    assert (ended.out, ended.err) == ("out/index.html\n", "")


def test_what_brought_no_picture_is_shown_from_the_ledger(cogview: Run) -> None:
    lost(pictures())
    ended = cogview("gallery", "out")
    assert ended.err == "2 images; unknown 1\n"
    cards = parse(Path("out/index.html").read_text("utf-8")).all("li", "card")
    assert [card.attributes["data-status"] for card in cards] == ["saved", "saved", "unknown"]


def test_a_folder_of_nothing_but_failures_has_a_page_too_but_no_sheet(cogview: Run) -> None:
    Path("out").mkdir()
    lost(Path("out"))
    assert cogview("gallery", "out").code == 0
    ended = cogview("gallery", "out", "--sheet", "s.jpg")
    assert ended.code == 2 and not Path("s.jpg").exists()


@pytest.mark.parametrize("make", [True, False], ids=["empty", "absent"])
def test_a_folder_without_anything_to_show_is_wrong_usage(make: bool, cogview: Run) -> None:
    if make:
        Path("out").mkdir()
    ended = cogview("gallery", "out")
    assert (ended.code, ended.out) == (2, "") and "hint: " in ended.err, ended
    assert not Path("out/index.html").exists()


def test_a_damaged_ledger_costs_only_the_failures(cogview: Run) -> None:
    pictures()
    state = Path(os.environ["COGVIEW_STATE_DIR"])
    state.mkdir()
    (state / "ledger.db").write_bytes(b"no database" * 100)
    ended = cogview("gallery", "out")
    assert (ended.code, ended.out) == (0, "out/index.html\n"), ended
    assert "warning: failed requests are not shown" in ended.err


def test_damaged_sidecars_are_counted_and_named(cogview: Run) -> None:
    pictures(3)
    for name in ("1.png.json", "2.png.json"):
        Path("out", name).write_text("{")
    ended = cogview("gallery", "out")
    assert ended.code == 0
    assert re.search(r"warning: damaged sidecars: 2 \(.*1\.png\.json", ended.err), ended


def test_our_own_page_is_replaced_and_no_other(cogview: Run) -> None:
    page = pictures() / "index.html"
    assert cogview("gallery", "out").code == cogview("gallery", "out").code == 0
    page.write_text("<!doctype html>mine")
    ended = cogview("gallery", "out")
    assert (ended.code, ended.out) == (9, ""), ended
    assert "--output" in ended.err and "--force" in ended.err
    assert page.read_text() == "<!doctype html>mine"
    assert cogview("gallery", "out", "--force").code == 0
    assert "mine" not in page.read_text("utf-8")


def test_our_own_sheet_is_replaced_and_no_other_picture(cogview: Run) -> None:
    pictures()
    line = ("gallery", "out", "--sheet", "out/sheet.jpg")
    assert cogview(*line).code == cogview(*line).code == 0
    before = picture(Path("out/sheet.jpg")).read_bytes()
    ended = cogview(*line)
    assert ended.code == 9 and "--sheet" in ended.err and "--force" in ended.err, ended
    assert Path("out/sheet.jpg").read_bytes() == before


def test_a_folder_in_the_way_is_never_replaced(cogview: Run) -> None:
    (pictures() / "index.html").mkdir()
    assert cogview("gallery", "out", "--force").code == 9
    assert Path("out/index.html").is_dir()


@pytest.mark.parametrize("flag, name", [("--output", "x.html"), ("--sheet", "x.png")])
def test_a_place_that_cannot_be_written_is_this_machines_fault(
    flag: str, name: str, cogview: Run
) -> None:
    pictures()
    ended = cogview("gallery", "out", flag, f"absent/{name}")
    assert (ended.code, ended.out) == (9, "") and f"hint: {flag}" in ended.err, ended


def test_a_sheet_alone_writes_no_page(cogview: Run) -> None:
    pictures(3)
    ended = cogview("gallery", "out", "--sheet", "all.webp", "--columns", "2", "--thumb", "64")
    assert (ended.code, ended.out) == (0, "all.webp\n"), ended
    assert not Path("out/index.html").exists()
    with Image.open("all.webp") as image:
        assert image.format == "WEBP"


def test_many_pictures_make_numbered_sheets(cogview: Run) -> None:
    pictures(205)
    line = ("gallery", "out", "--sheet", "all.png", "--columns", "50", "--thumb", "64")
    assert cogview(*line, "--quiet").out == "all.png\nall-2.png\n"


@pytest.mark.parametrize(
    "more",
    [["--sheet", "all.gif"], ["--sheet", "-"], ["--sheet", "a.jpg", "--columns", "0"],
     ["--sheet", "a.jpg", "--columns", "50", "--thumb", "400"]],
    ids=["suffix", "stdout", "no-columns", "too-wide"],
)  # fmt: skip
def test_a_sheet_that_cannot_be_is_wrong_usage(more: list[str], cogview: Run) -> None:
    pictures()
    ended = cogview("gallery", "out", *more)
    assert (ended.code, ended.out) == (2, "") and "hint: " in ended.err, ended


def test_without_a_chinese_font_captions_are_numbers_and_that_is_said(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures()
    monkeypatch.setattr("cogview_cli.gallery.fonts.places", list)
    ended = cogview("gallery", "out", "--sheet", "all.jpg")
    assert ended.code == 0 and "no font with Chinese characters" in ended.err
    assert "hint: " in ended.err and "fonts-noto-cjk" in ended.err


def test_open_hands_over_what_was_written(
    cogview: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """To the system's viewer, which gets none of our streams."""
    pictures()
    viewer = tmp_path / "bin" / ("open" if sys.platform == "darwin" else "xdg-open")
    viewer.parent.mkdir()
    monkeypatch.setenv("PATH", str(viewer.parent))
    viewer.write_text(f'#!/bin/sh\nprintf "%s\\n" "$1" >> "{tmp_path}/opened"; echo noise\n')
    viewer.chmod(0o755)
    ended = cogview("gallery", "out", "--open")
    assert ended.code == 0 and "noise" not in ended.out
    assert (tmp_path / "opened").read_text() == f"{Path('out/index.html').absolute()}\n"
    viewer.unlink()
    ended = cogview("gallery", "out", "--open")
    assert ended.code == 0 and "warning: no program opens" in ended.err


def test_names_never_reach_the_terminal_raw(cogview: Run) -> None:
    picture(Path("out/a\x1b[31m\u202e.png")).with_name("a\x1b[31m\u202e.png.json").write_text("{")
    ended = cogview("gallery", "out")
    assert ended.code == 0
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", ended.err), ended


def test_help_and_a_page_load_no_image_or_network_library() -> None:
    pictures()
    assert loaded_by("gallery", "--help") == []
    assert loaded_by("gallery", "out", heavy=("httpx", "PIL", "pydantic", "rich")) == []
