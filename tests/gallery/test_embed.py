"""One file to send: the pictures are inside, and it is as small as was asked for."""

from __future__ import annotations

import base64
import io
import json
import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from cogview_cli.cli.optional_value import with_value
from cogview_cli.errors import UsageError
from cogview_cli.gallery.embed import LEVELS, TooLarge, address, fit
from cogview_cli.gallery.sizes import DEFAULT, looks_like_size, read_size, shown_size
from tests.conftest import Ended, Run
from tests.gallery.samples import Element, parse


def drawing(path: Path, seed: int, side: int = 1024, **more: object) -> Path:
    """A picture that takes room: gradients, shapes, and a little noise; with a sidecar."""
    dice = random.Random(seed)
    image = Image.effect_noise((side, side), 12).convert("RGB")
    draw = ImageDraw.Draw(image)
    for _ in range(40):
        x, y = dice.randrange(side), dice.randrange(side)
        colour = tuple(dice.randrange(256) for _ in range(3))
        draw.ellipse((x, y, x + dice.randrange(20, 200), y + dice.randrange(20, 200)), colour)
    path.parent.mkdir(exist_ok=True)
    image.save(path, quality=92)
    cost = {"amount": "0.06", "currency": "CNY"}
    content = {"schema": 1, "prompt": f"猫 {seed}", "model": "cogview-4", "id": f"r{seed}",
               "cost": cost, "image": {"width": side, "height": side}, **more}  # fmt: skip
    path.with_name(path.name + ".json").write_text(json.dumps(content), "utf-8")
    return path


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    for seed in range(6):
        drawing(folder / f"{seed}.jpg", seed)
    return folder


def shown(data: str | None) -> Image.Image:
    """The picture of a `data:` address."""
    assert data is not None
    head, _, body = data.partition(",")
    assert re.fullmatch(r"data:image/(webp|jpeg|png);base64", head)
    image = Image.open(io.BytesIO(base64.b64decode(body, validate=True)))
    image.load()
    return image


def larges(tree: Element) -> list[Element]:
    return [each.one("img") for each in tree.all("a", "large")]


@pytest.mark.parametrize("size", ["600kB", "1MB", "8MB"])
def test_the_file_is_no_larger_than_asked_and_uses_the_room(
    size: str, six: Path, cogview: Run
) -> None:
    ended = cogview("gallery", str(six), "--embed", size, "-o", "page.html")
    assert ended.code == 0, ended
    page = Path("page.html")
    total = sum(path.stat().st_size for path in six.glob("*.jpg"))
    assert page.stat().st_size <= read_size(size)
    assert page.stat().st_size >= min(read_size(size), total) * 0.5
    tree = parse(page.read_text("utf-8"))
    assert len(larges(tree)) == len(tree.all("li", "card")) == 6
    for each in larges(tree):
        assert max(shown(each.attributes["src"]).size) >= 512


def test_every_card_opens_its_own_picture(six: Path, cogview: Run) -> None:
    cogview("gallery", str(six), "--embed", "1MB", "-o", "page.html")
    tree = parse(Path("page.html").read_text("utf-8"))
    for card in tree.all("li", "card"):
        face = card.one("a", "face")
        (found,) = [a for a in tree.all("a", "large") if f"#{a.attributes['id']}" == (
            face.attributes["href"])]  # fmt: skip
        small = shown(face.one("img").attributes["src"])
        large = shown(found.one("img").attributes["src"]).convert("RGB").resize(small.size)
        assert max(small.size) <= 400
        difference = [abs(a - b) for a, b in zip(
            small.convert("RGB").resize((8, 8)).tobytes(), large.resize((8, 8)).tobytes(),
            strict=True)]  # fmt: skip
        assert sum(difference) / len(difference) < 12
        assert card.one("p", "prompt").text == found.one("img").attributes["alt"]


def test_the_page_needs_nothing_beside_it(six: Path, cogview: Run) -> None:
    cogview("gallery", str(six), "--embed", "1MB", "-o", "page.html")
    html = Path("page.html").read_text("utf-8")
    for element in parse(html).walk():
        for name in ("src", "href"):
            value = element.attributes.get(name)
            assert value is None or value.startswith(("data:", "#")), (name, value)
    assert "img-src data:;" in html and "file:" not in html.split("<style>")[0]


def test_pictures_that_fit_stay_as_they_are(six: Path, cogview: Run) -> None:
    ended = cogview("gallery", str(six), "--embed", "-o", "page.html")
    assert "as they are" in ended.err
    sources = [each.attributes["src"] for each in larges(parse(Path("page.html").read_text()))]
    files = sorted(six.glob("*.jpg"))
    assert sources == [address(path.read_bytes()) for path in files]


def too_small(ended: Ended) -> str:
    assert (ended.code, ended.out) == (2, ""), ended
    found = re.search(r"hint: --embed (\S+)", ended.err)
    assert found, ended
    return found[1]


def test_what_does_not_fit_names_the_size_that_does(six: Path, cogview: Run) -> None:
    needed = too_small(cogview("gallery", str(six), "--embed", "60kB", "-o", "page.html"))
    assert not Path("page.html").exists()
    ended = cogview("gallery", str(six), "--embed", needed, "-o", "page.html")
    assert ended.code == 0 and f"{LEVELS[-1].side} px" in ended.err, ended
    assert Path("page.html").stat().st_size <= read_size(needed)


def test_a_picture_that_cannot_be_read_is_told_and_left_out(cogview: Run) -> None:
    drawing(Path("out/1.jpg"), 1, 64)
    Path("out/2.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    ended = cogview("gallery", "out", "--embed")
    assert ended.code == 0 and "2.png" in ended.err, ended
    assert len(parse(Path("out/index.html").read_text("utf-8")).all("li", "card")) == 1


def test_transparency_and_labels_survive(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "AIGC label"
    clear = Image.effect_noise((1600, 1600), 90).convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize((1600, 1600)))
    clear.save(tmp_path / "a.png", exif=exif)
    found = fit(tmp_path, ["a.png"], 900_000)
    assert found.level is not None
    image = shown(found.pictures["a.png"].large)
    assert image.mode == "RGBA" and image.getexif()[0x010E] == "AIGC label"


def test_nothing_fits_into_nothing(six: Path) -> None:
    with pytest.raises(TooLarge) as told:
        fit(six, ["0.jpg"], -5000)
    assert told.value.size > 5000


# --- plain -------------------------------------------------------------------------


def test_plain_has_pictures_and_prompts_alone(six: Path, cogview: Run) -> None:
    cogview("gallery", str(six), "--plain", "-o", "page.html", "--title", "Spring")
    html = Path("page.html").read_text("utf-8")
    tree = parse(html)
    assert [each.text for each in tree.all("p", "prompt")] == [f"猫 {n}" for n in range(6)]
    assert tree.all("dl") == [] and tree.all("li", "card")[0].text.startswith("猫 0")
    assert [each.text for each in tree.one("ul", "facts-line").all("li")] == ["6 张图片"]
    text = tree.one("body").text.replace(tree.one("body").one("script").text, "")
    for word in ("cogview", "CNY", "1024", "r1", ".jpg", "模型"):
        assert word not in text, word


# --- sizes and the option ------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "size"),
    [("8MB", 8_000_000), ("8M", 8_000_000), ("7.5 mb", 7_500_000), ("2MiB", 2**21),
     ("900kB", 900_000), ("100000B", 100_000), ("1gb", 10**9), (DEFAULT, 10_000_000)],
)  # fmt: skip
def test_sizes_as_people_type_them(text: str, size: int) -> None:
    assert read_size(text) == size


@pytest.mark.parametrize("text", ["8", "", "MB", "8TB", "-8MB", "8MBit", "٣MB", "1e3MB"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError):
        read_size(text)


@given(st.integers(1000, 10**9))
def test_a_shown_size_is_enough_and_is_taken_back(size: int) -> None:
    shown = read_size(shown_size(size))
    assert size <= shown <= size + max(10**5, 1000)


@pytest.mark.parametrize(
    ("line", "filled"),
    [
        ("--embed", "--embed=D"),
        ("--embed out", "--embed=D out"),
        ("out --embed", "out --embed=D"),
        ("--embed 8MB out", "--embed 8MB out"),
        ("--embed=8MB", "--embed=8MB"),
        ("--embed --plain", "--embed=D --plain"),
        ("--embed 8", "--embed 8"),
        ("-- --embed", "-- --embed"),
        ("--embed -- 8MB", "--embed=D -- 8MB"),
    ],
)
def test_a_value_may_be_left_out(line: str, filled: str) -> None:
    assert with_value(line.split(), "--embed", "D", looks_like_size) == filled.split()
