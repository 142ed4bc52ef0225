"""The HTML page: well formed, safe with hostile text, without any outside part."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from decimal import Decimal
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogview_cli.gallery.cards import Place
from cogview_cli.gallery.items import GalleryItem, Level, Picture
from cogview_cli.gallery.page import build
from tests.gallery.samples import HOSTILE, Element, item, paid, parse

HERE = Place(folder=Path("/pictures"), page_folder=Path("/pictures"))
URL_ATTRIBUTES = {"src", "href", "srcset", "action", "poster", "data", "formaction", "ping"}


def page(*items: GalleryItem, title: str = "out", place: Place = HERE) -> Element:
    return parse(build(items, place, title))


def fact(card: Element, name: str) -> str:
    return card.one("div", name).one("dd").text


def shape(tree: Element) -> list[tuple[str, frozenset[str]]]:
    """Tags and attribute names: what no text may change."""
    return [(each.tag, frozenset(each.attributes)) for each in tree.walk()]


def test_a_picture_shows_all_that_is_known_of_it() -> None:
    card = page(
        item(
            "sub/cat.png", prompt="一只猫\n在窗台上", model="cogview-4", quality="hd",
            cost=paid("0.060"), created=0.0, filters=(Level(role="assistant", level="3"),),
        )
    ).one("li", "card")  # fmt: skip
    assert card.attributes["data-status"] == "saved"
    assert card.one("p", "prompt").text == "一只猫\n在窗台上"
    assert [fact(card, name) for name in ("model", "size", "quality", "cost", "file")] == [
        "cogview-4", "1440×720", "hd", "0.060 CNY", "sub/cat.png",
    ]  # fmt: skip
    assert "assistant" in fact(card, "filters") and "3" in fact(card, "filters")
    assert card.one("time").attributes["datetime"] == "1970-01-01T00:00:00Z"
    image = card.one("img").attributes
    assert (image["alt"], image["src"]) == ("一只猫\n在窗台上", "sub/cat.png")
    assert (image["width"], image["height"]) == ("1440", "720")
    assert (image["loading"], image["decoding"]) == ("lazy", "async")
    assert card.one("a").attributes["href"] == image["src"]


def test_what_is_not_known_is_left_out() -> None:
    card = page(GalleryItem(status="saved", picture=Picture(path="cat.png"))).one("li", "card")
    assert [each.attributes["class"] for each in card.one("dl").all("div")] == ["file line"]
    image = card.one("img").attributes
    assert "width" not in image and image["alt"] == "cat.png"
    assert card.all("button") == []


def test_a_request_without_a_picture_shows_why() -> None:
    failed = GalleryItem(status="refused", prompt="p", code="1301", message="敏感内容")
    card = page(item(prompt="q"), failed).all("li", "card")[1]
    assert card.attributes["data-status"] == "refused"
    assert card.all("img") == [] and card.all("a") == []
    stub = card.one("div", "stub").text
    assert "Refused" in stub and "1301" in stub and "敏感内容" in stub


def test_the_head_counts_and_adds_up() -> None:
    tree = page(
        item("1.png", cost=paid("0.1")), item("2.png", cost=paid("0.2")),
        GalleryItem(status="refused"),
        GalleryItem(status="unknown"), GalleryItem(status="unknown"), title="Spring",
    )  # fmt: skip
    facts = [each.text for each in tree.one("ul", "facts-line").all("li")]
    assert facts == ["2 images", "0.3 CNY paid", "Refused 1", "Unknown 2"]
    assert tree.one("h1").text == tree.one("title").text == "Spring"
    buttons = [each.attributes["data-status"] for each in tree.one("div", "statuses").all("button")]
    assert buttons == ["", "saved", "refused", "unknown"]


def test_a_status_that_all_share_needs_no_filter() -> None:
    assert page(item(), item("b.png")).all("div", "statuses") == []


@pytest.mark.parametrize("prompt, lang", [("一只猫", "zh"), ("a cat", "en")])
def test_the_page_speaks_the_language_of_most_prompts(prompt: str, lang: str) -> None:
    tree = page(item(prompt=prompt), item("b.png", prompt=prompt), item("c.png", prompt="x 猫 yz"))
    assert tree.one("html").attributes["lang"] == lang
    assert ("已保存" in page(item(prompt=prompt), GalleryItem(status="failed")).text) is (
        lang == "zh"
    )


def test_a_chinese_prompt_among_others_is_marked_as_such() -> None:
    tree = page(item(prompt="a cat"), item("b.png", prompt="一只猫"))
    marks = [each.attributes.get("lang") for each in tree.all("p", "prompt")]
    assert marks == [None, "zh"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_wherever_it_stands(text: str) -> None:
    def everywhere(word: str) -> Element:
        levels = (Level(role=word, level=word),)
        return page(
            item(word.replace("/", "_") + ".png", prompt=word, model=word, quality=word,
                 cost=paid("1", word), filters=levels),
            GalleryItem(status="failed", prompt=word, size=word, code=word, message=word),
            title=word,
        )  # fmt: skip

    tree = everywhere(text)
    plain = everywhere("猫" if "猫" in text else "cat")
    assert shape(tree) == shape(plain)
    assert [each.text for each in tree.all("p", "prompt")] == [text, text]
    assert tree.one("h1").text == text
    assert tree.all("img")[0].attributes["alt"] == text


@given(st.text(st.characters(exclude_characters="\r")))
@settings(max_examples=50, deadline=None)
def test_any_prompt_comes_out_as_it_went_in(prompt: str) -> None:
    """But for control characters and lone surrogates, which no page can hold."""
    html = build([item(prompt=prompt or "-")], HERE, "out")
    html.encode("utf-8")
    shown = parse(html).one("p", "prompt").text
    held = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
    assert shown == held.sub("\ufffd", prompt or "-")


def test_bidi_controls_cannot_reach_out_of_their_text() -> None:
    text = "\u202e\u2067gnp.exe"
    tree = page(
        item(text + ".png", prompt=text, model=text), GalleryItem(status="failed", message=text)
    )
    isolated = sum(each.text.count("\u202e") for each in tree.all("bdi"))
    assert isolated == tree.one("body").text.count("\u202e") == 4


@pytest.mark.parametrize(
    "name",
    ["a b.png", "50%.png", "what?.png", "#1.png", "a&b='\"<>.png", "猫.png", "a:b.png",
     "\udcff.png", "deep/猫 #2/c.png"],
)  # fmt: skip
@pytest.mark.parametrize("place", ["pictures", "pictures/sub dir", "elsewhere/里", ""])
def test_links_lead_to_the_file(name: str, place: str, tmp_path: Path) -> None:
    folder, page_folder = tmp_path / "pictures", tmp_path / place
    tree = page(item(name), place=Place(folder=folder, page_folder=page_folder))
    address = tree.one("img").attributes["src"]
    assert address is not None
    parts = urlsplit(address)
    assert parts[:2] == ("", "") and parts[3:] == ("", "")
    path = unquote(parts.path, errors="surrogateescape")
    assert (page_folder / path).resolve() == folder / name


def test_the_page_needs_nothing_from_elsewhere() -> None:
    tree = page(item(prompt="p"), GalleryItem(status="failed"))
    for element in tree.walk():
        for name, value in element.attributes.items():
            assert not name.startswith("on") and name != "style", (element.tag, name)
            if name in URL_ATTRIBUTES:
                assert value in ("cat.png", "data:,"), (element.tag, name, value)
    assert {each.tag for each in tree.walk()}.isdisjoint({"iframe", "object", "embed", "base"})
    for asset in (tree.all("style")[0].text, tree.one("script").text):
        assert "//" not in re.sub(r"^\s*//.*$", "", asset, flags=re.M)
        assert "url(" not in asset and "@import" not in asset


def test_the_policy_allows_this_script_and_these_styles_only() -> None:
    tree = page(item(prompt="</script>"), GalleryItem(status="failed"))
    (policy,) = (
        each.attributes["content"]
        for each in tree.all("meta")
        if each.attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    rules = {words[0]: words[1:] for words in map(str.split, policy.split(";"))}

    def hashes(tag: str) -> set[str]:
        found = (hashlib.sha256(each.text.encode()).digest() for each in tree.all(tag))
        return {f"'sha256-{base64.b64encode(digest).decode()}'" for digest in found}

    assert rules["default-src"] == ["'none'"]
    assert set(rules["img-src"]) == {"'self'", "file:", "data:"}
    assert set(rules["script-src"]) == hashes("script")
    assert set(rules["style-src"]) == hashes("style")


def test_the_program_knows_its_own_pages_by_their_first_bytes() -> None:
    html = build([item(prompt="p")], HERE, "长" * 5000)
    assert b'<meta name="generator" content="cogview' in html.encode()[:2048]


@pytest.mark.parametrize("side", [(1, 9000), (9000, 1), (1440, 720), (None, None)])
def test_every_card_has_a_shape_the_style_sheet_knows(side: tuple[int | None, int | None]) -> None:
    picture = Picture(path="a.png", width=side[0], height=side[1])
    tree = page(GalleryItem(status="saved", picture=picture))
    name = str(tree.one("li", "card").attributes["class"]).split()[1]
    ratio = re.search(rf"\.{name}\{{--ratio:([0-9.]+)\}}", tree.all("style")[0].text)
    assert ratio and Decimal("0.5") < Decimal(ratio[1]) < 3


def _luminance(colour: str) -> float:
    colour = colour if len(colour) == 7 else "#" + "".join(c * 2 for c in colour[1:])
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_colours_have_enough_contrast_in_light_dark_and_print() -> None:
    """WCAG AA: 4.5 to 1 for text."""
    style = page(item()).all("style")[0].text
    schemes = [
        dict(re.findall(r"--(\w+): (#[0-9a-f]+);", block))
        for block in re.findall(r":root \{([^}]*--paper[^}]*)\}", style)
    ]
    assert len(schemes) == 3
    for scheme in schemes:
        paper = _luminance(scheme["paper"])
        for name in ("ink", "quiet", "accent"):
            low, high = sorted((paper, _luminance(scheme[name])))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (name, scheme)


def test_two_thousand_pictures_are_built_in_no_time() -> None:
    items = [item(f"{n:04}.png", prompt="一只可爱的小猫咪" * 20, model="m") for n in range(2000)]
    start = time.perf_counter()
    html = build(items, HERE, "out")
    assert time.perf_counter() - start < 2
    assert html.count('loading="lazy"') == 2000
