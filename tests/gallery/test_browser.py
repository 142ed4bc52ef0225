"""The page in a real browser: its policy lets its own script and style run, and nothing else."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from PIL import Image

from cogview_cli.gallery.cards import Place
from cogview_cli.gallery.embed import fit
from cogview_cli.gallery.items import GalleryItem
from cogview_cli.gallery.page import build
from tests.gallery.samples import HOSTILE, Element, item, parse, picture

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason=f"none of {', '.join(BROWSERS)} on PATH")


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A page of hostile prompts and one request without a picture, on disk."""
    folder = tmp_path / "果 #1?"
    for at in range(len(HOSTILE)):
        picture(folder / f"{at}.png", "#c00000", (512, 512))
    items = [item(f"{at}.png", prompt=text) for at, text in enumerate(HOSTILE)]
    items.append(
        GalleryItem(status="failed", prompt="x", message="<script>document.title='x'</script>")
    )
    written = build(items, Place(folder=folder, page_folder=folder), "out")
    (folder / "index.html").write_text(written, "utf-8")
    return folder / "index.html"


def browse(page: Path, *more: str) -> bytes:
    """What a browser without a window prints."""
    # Its sockets lie in TMPDIR and need a short path; pytest's are too long.
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        line = [
            str(BROWSER), "--headless", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={short}/profile", *more, page.as_uri(),
        ]  # fmt: skip
        if os.geteuid() == 0:  # its own sandbox does not start for root
            line.insert(1, "--no-sandbox")
        environment = {**os.environ, "TMPDIR": short}
        done = subprocess.run(line, env=environment, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def seen(page: Path) -> Element:
    return parse(browse(page, "--dump-dom").decode())


def test_our_script_runs_and_no_prompt_does(page: Path) -> None:
    tree = seen(page)
    assert tree.one("div", "stub").attributes["role"] == "button"  # the script's doing
    assert tree.one("title").text == "out"
    assert len(tree.all("script")) == 1
    assert [each.text for each in tree.all("p", "prompt")] == [*HOSTILE, "x"]


def test_a_changed_script_does_not_run(page: Path) -> None:
    """The policy is not decoration."""
    written = page.read_text("utf-8")
    page.write_text(written.replace('"use strict";', '"use strict"; '), "utf-8")
    assert "role" not in seen(page).one("div", "stub").attributes


def test_our_style_is_applied_and_the_pictures_show(page: Path) -> None:
    shot = page.parent.parent / "shot.png"
    browse(page, f"--screenshot={shot}", "--window-size=1200,1400", "--virtual-time-budget=3000")
    with Image.open(shot) as image:
        found = {colour for _, colour in image.convert("RGB").getcolors(2**24) or ()}
    assert (0xFB, 0xFA, 0xF8) in found or (0x15, 0x14, 0x12) in found
    assert (0xC0, 0, 0) in found


def test_a_phone_needs_no_sideways_scrolling(page: Path, tmp_path: Path) -> None:
    """A frame of 360 px reports how wide its content is."""
    frame = tmp_path / "frame.html"
    address = page.as_uri()
    frame.write_text(
        f'<!doctype html><meta charset=utf-8><iframe width=360 height=700 src="{address}"></iframe>'
        "<script>onload = () => { const root = frames[0].document.documentElement;"
        "document.body.dataset.width = root.scrollWidth; };</script>",
        "utf-8",
    )
    found = browse(frame, "--allow-file-access-from-files", "--dump-dom").decode()
    assert 'data-width="360"' in found, found[-500:]


DRIVER = """<!doctype html><meta charset="utf-8"><iframe width="900" height="700" src="%s"></iframe>
<script>onload = () => {
  const page = frames[0].document, log = [];
  const key = (name, on) => (on ?? page.activeElement).dispatchEvent(
    new frames[0].KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
  const cards = [...page.querySelectorAll(".card")];
  const shown = () => cards.filter((card) => !card.hidden).length;
  const at = () => cards.indexOf(page.activeElement.closest(".card"));
  const box = page.querySelector("dialog"), field = page.querySelector("#filter");
  const type = (text) => { field.value = text; field.dispatchEvent(new frames[0].Event("input")); };
  const note = (name, value) => log.push([name, value]);
  %s
  document.body.textContent = "LOG" + JSON.stringify(log) + "END";
};</script>"""


def driven(page: Path, steps: str) -> dict[str, object]:
    """What `steps` note while they use the page as a person would."""
    frame = page.parent.parent / "driver.html"
    frame.write_text(DRIVER % (page.as_uri(), steps), "utf-8")
    found = browse(frame, "--allow-file-access-from-files", "--dump-dom").decode()
    log = re.search(r"<body>LOG(.*)END</body>", found, re.DOTALL)
    assert log, found[-2000:]
    return dict(json.loads(html.unescape(log[1])))


def test_the_filter_takes_text_and_status(page: Path) -> None:
    found = driven(
        page,
        """
        note("all", shown());
        key("/", page.body); note("slash focuses", page.activeElement === field);
        type("小猫咪"); note("prompt", shown());
        type("3.PNG"); note("file", shown());
        type("alert 1.p"); note("two words", shown());
        type("nothing like it"); note("none", [shown(), page.querySelector(".none").hidden]);
        key("Escape", field); note("escape clears", [shown(), field.value]);
        page.querySelector('[data-status="failed"]').click(); note("failed", shown());
        note("pressed", page.querySelectorAll('[aria-pressed="true"]').length);
        note("counter", page.querySelector("output").textContent);
        """,
    )
    assert found == {
        "all": 6, "slash focuses": True, "prompt": 1, "file": 1, "two words": 1,
        "none": [0, False], "escape clears": [6, ""], "failed": 1, "pressed": 1,
        "counter": "1 / 6",
    }  # fmt: skip


def test_keys_move_open_leaf_through_and_close(page: Path) -> None:
    found = driven(
        page,
        """
        key("j", page.body); note("first", at());
        key("j"); key("ArrowRight"); note("third", at());
        key("k"); note("second", at());
        const top = () => cards[at()].offsetTop, before = top();
        key("ArrowDown"); note("row below", top() > before);
        key("ArrowUp"); note("row above", top() === before);
        key("Enter"); note("open", [box.open, page.querySelector("#at").textContent]);
        note("picture", box.querySelector("img").src.split("/").pop());
        note("prompt", box.querySelector(".prompt").textContent);
        key("ArrowRight", box); note("next", page.querySelector("#at").textContent);
        for (let i = 0; i < 9; i++) key("ArrowRight", box);
        note("end", [page.querySelector("#at").textContent, box.querySelector(".on").disabled]);
        note("stub", box.querySelector(".stub strong").textContent);
        box.querySelector(".close").click(); note("closed", box.open);
        """,
    )
    assert found == {
        "first": 0, "third": 2, "second": 1, "row below": True, "row above": True,
        "open": [True, "2 / 6"], "picture": "1.png", "prompt": HOSTILE[1], "next": "3 / 6",
        "end": ["6 / 6", True], "stub": "Failed", "closed": False,
    }  # fmt: skip


# --- pages of very many pictures, and pages with their pictures inside -----------------

MANY = 1000


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A page of more pictures than are cards at first; all of them are one file."""
    folder = tmp_path / "many"
    picture(folder / "0.png", "#c00000", (64, 64))
    items = [item("0.png", prompt=f"cat {at} <&>", model="m") for at in range(MANY - 1)]
    items.append(GalleryItem(status="failed", prompt="the last one"))
    page = folder / "index.html"
    page.write_text(build(items, Place(folder=folder, page_folder=folder), "many"), "utf-8")
    return page


def test_cards_are_made_when_they_are_needed(many: Path) -> None:
    found = driven(
        many,
        """
        const made = () => page.querySelectorAll(".card").length;
        const prompts = () => [...page.querySelectorAll(".card:not([hidden]) .prompt")]
          .map((prompt) => prompt.textContent);
        note("at first", made());
        type("cat 99"); note("found", [prompts().length, page.querySelector("output").textContent]);
        type("998 <&>"); note("hostile text", prompts());
        type("class"); note("markup is not searched", prompts());
        type("cat"); note("many", [prompts().length, page.querySelector("output").textContent]);
        page.querySelector('[data-status="failed"]').click(); type("");
        note("failed", prompts());
        note("a button", page.querySelector(".card:not([hidden]) .stub").getAttribute("role"));
        page.querySelector('[data-status=""]').click(); note("all", prompts().length);
        """,
    )
    assert found == {
        "at first": 300, "found": [18, f"18 / {MANY}"], "hostile text": ["cat 998 <&>"],
        "markup is not searched": [], "many": [300, f"999 / {MANY}"], "failed": ["the last one"],
        "a button": "button", "all": 300,
    }  # fmt: skip


def test_keys_go_on_beyond_the_first_cards(many: Path) -> None:
    found = driven(
        many,
        """
        const now = () => page.activeElement.closest(".card").querySelector(".prompt").textContent;
        key("j", page.body);
        for (let i = 0; i < 450; i++) key("j");
        note("at", now());
        key("Enter"); note("open", page.querySelector("#at").textContent);
        for (let i = 0; i < 700; i++) key("ArrowRight", box);
        note("end", page.querySelector("#at").textContent);
        key("Escape", box); box.close(); note("order", [...page.querySelectorAll(".card .prompt")]
          .every((p, i) => i === 999 || p.textContent === `cat ${i} <&>`));
        """,
    )
    assert found == {
        "at": "cat 450 <&>", "open": f"451 / {MANY}", "end": f"{MANY} / {MANY}", "order": True,
    }  # fmt: skip


def test_scrolling_brings_more(many: Path) -> None:
    """A window that is high enough to see the end of the first cards."""
    tall = browse(many, "--dump-dom", "--window-size=2400,16000")
    assert len(parse(tall.decode()).all("li", "card")) > 300


def test_an_embedded_picture_opens_from_the_page_alone(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    for at, colour in enumerate(("#c00000", "#00c000")):
        picture(folder / f"{at}.png", colour, (900, 600))
    fitted = fit(folder, ["0.png", "1.png"], 10**6)
    page = tmp_path / "alone" / "page.html"
    page.parent.mkdir()
    items = [item(f"{at}.png", prompt=f"cat {at}") for at in range(2)]
    place = Place(folder=folder, page_folder=page.parent)
    page.write_text(build(items, place, "out", embedded=fitted.pictures), "utf-8")
    for path in folder.iterdir():
        path.unlink()
    found = driven(
        page,
        """
        note("elements", page.querySelectorAll("img").length);
        key("j", page.body); key("j"); key("Enter");
        const image = box.querySelector("img");
        note("large", page.getElementById("l2").textContent.includes(`"${image.src}"`));
        note("alt", image.alt);
        """,
    )
    assert found == {"elements": 2, "large": True, "alt": "cat 1"}
    shot = tmp_path / "shot.png"
    browse(page, f"--screenshot={shot}", "--window-size=1000,1800", "--virtual-time-budget=3000")
    with Image.open(shot) as image:
        colours = {colour for _, colour in image.convert("RGB").getcolors(2**24) or ()}
    reds = sum(r > 120 and g < 70 and b < 70 for r, g, b in colours)
    greens = sum(g > 120 and r < 70 and b < 70 for r, g, b in colours)
    assert reds and greens
