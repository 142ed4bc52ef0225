"""Generated files are what their sources make of them, and one command makes them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from babel.messages.catalog import Catalog
from PIL import Image

from cogview_cli.help.pages import TOPICS
from tests import catalogue, readme, screenshot
from tests.generate import ROOT, bring_up_to_date, generated, translations

CHINESE = catalogue.updated(catalogue.catalogue(), catalogue.template())
FILES = {**translations(CHINESE), **generated(CHINESE)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_file_is_what_its_source_makes_of_it(path: Path) -> None:
    """Regenerate: python -m tests.generate."""
    assert path.read_bytes() == FILES[path]


def test_nothing_that_is_generated_is_empty_or_outside() -> None:
    assert len(FILES) == 6 + 2 * len(TOPICS)
    assert all(len(data) > 100 and path.is_relative_to(ROOT) for path, data in FILES.items())


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("one\r\ntwo\r\n", ["one", "two"]),
        ("wait\r\x1b[2Kdone\r\n", ["done"]),
        ("\x1b[?25la\r\nb\r\n\x1b[?25h\r\x1b[1A\x1b[2K\x1b[1A\x1b[2Kc\r\n", ["c"]),
        ("\x1b[32mgreen\x1b[0m\r\n", ["green"]),
        ("abc\rX\r\n", ["Xbc"]),
    ],
)
def test_the_screen_is_what_is_left_on_it(written: str, shown: list[str]) -> None:
    assert screenshot.screen(written) == shown


def test_the_picture_of_the_session_needs_nothing_from_elsewhere() -> None:
    for path in screenshot.SESSIONS.values():
        root = ElementTree.fromstring(path.read_text("utf-8"))
        texts = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
        assert "cat.png" in texts and texts.count("$") == len(screenshot.LINES)
        assert "http" not in path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")


def test_the_picture_of_the_result_is_what_the_program_makes(tmp_path: Path) -> None:
    with Image.open(screenshot.RESULT) as picture:
        assert (picture.format, picture.size) == ("WEBP", (1024, 512))
    assert screenshot.RESULT.stat().st_size < 60_000
    assert f'gen "{screenshot.PROMPT}"' in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("locale", ["en", "zh_CN.UTF-8"])
def test_the_command_finds_nothing_to_do_whatever_the_locale(locale: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.generate", "--check"],
        cwd=ROOT, env={**os.environ, "COGVIEW_LANG": "", "LC_ALL": locale},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_check_names_what_differs_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    same, stale, missing = (tmp_path / name for name in ("same", "stale", "missing"))
    same.write_bytes(b"x")
    stale.write_bytes(b"old")
    files = {same: b"x", stale: b"new", missing: b"new"}
    assert bring_up_to_date(files, check=True) == 1
    assert capsys.readouterr().out == f"differs: {stale}\ndiffers: {missing}\n"
    assert stale.read_bytes() == b"old" and not missing.exists()
    assert bring_up_to_date(files, check=False) == 0
    assert {path: path.read_bytes() for path in files} == files
    assert bring_up_to_date(files, check=True) == 0


def test_a_part_goes_between_its_markers_and_a_lost_marker_is_told() -> None:
    text = "a\n<!-- x -->\nold\n<!-- /x -->\nb\n"
    assert readme.filled(text, {"x": "\\1 new\n\n"}) == text.replace("old", "\\1 new")
    with pytest.raises(ValueError, match="<!-- y -->"):
        readme.filled(text, {"y": "new"})


# The catalogue.


def wanted(*texts: str) -> Catalog:
    found = Catalog()
    for text in texts:
        found.add(text, locations=[("cogview_cli/app.py", None)])
    return found


def translated(**texts: str) -> Catalog:
    found = Catalog(locale="zh")
    for text, chinese in texts.items():
        found.add(text, chinese)
    return found


def test_an_update_keeps_translations_and_drops_what_nobody_says() -> None:
    found = catalogue.updated(translated(kept="留", gone="去"), wanted("kept", "new"))
    assert {entry.id: entry.string for entry in found if entry.id} == {"kept": "留", "new": None}
    assert catalogue.untranslated(found) == ["new"]
    assert not found.obsolete


def test_a_reworded_message_keeps_its_translation_to_be_looked_at() -> None:
    old = Catalog(locale="zh")
    old.add("the image is larger than 64 MB", "图片太大")
    found = catalogue.updated(old, wanted("the image is larger than 64 MiB"))
    assert found["the image is larger than 64 MiB"].string == "图片太大"
    assert catalogue.untranslated(found) == ["the image is larger than 64 MiB"]
    assert "图片太大".encode() not in catalogue.compiled(found)  # nobody is shown a guess


def test_an_entry_names_the_files_that_say_it_and_no_line() -> None:
    text = catalogue.source(catalogue.updated(translated(kept="留"), wanted("kept"))).decode()
    assert '#: cogview_cli/app.py\nmsgid "kept"\nmsgstr "留"\n' in text
    assert "Babel" not in text and "-Date" not in text  # the same with any version, on any day


def test_made_again_it_is_the_same() -> None:
    again = catalogue.updated(CHINESE, catalogue.template())
    assert catalogue.source(again) == FILES[catalogue.SOURCE]
    assert catalogue.compiled(again) == FILES[catalogue.COMPILED]


@pytest.mark.parametrize(
    ("text", "file"),
    [
        ("there is no prompt", "cogview_cli/gen/prompt.py"),  # _()
        ("an archive", "cogview_cli/sources/opening.py"),  # N_()
        ("more than {count} redirects", "cogview_cli/i18n/stored_messages.py"),  # a table
    ],
)
def test_messages_are_found_where_they_stand(text: str, file: str) -> None:
    assert (file, None) in catalogue.template()[text].locations
