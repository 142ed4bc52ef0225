"""Pictures with lettering, drawn for the benchmark of reading: what they say is known.

Fonts come from the packages pylopdf-fonts-zh-cn and pylopdf-fonts-zh-tw. The same seed draws
the same pictures.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFilter, ImageFont

SIZES = ((1024, 1024), (1440, 720), (864, 1152), (768, 1344))
WORDS: dict[str, str] = tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))
PAIRS = {a: b for word in WORDS["alike"].split() for a, b in (word, word[::-1])}
# Their right halves, or nearly, are put onto other characters.
HALVES = "她刻部鹅到影鸭球"
LETTERS = "abcdefghijkmnopqrstuvwxyz"


class Drawn(NamedTuple):
    """A picture, the text that was wanted, the one that was drawn, and where it is hard."""

    image: Image.Image
    wanted: str
    drawn: str
    kind: str
    height: int
    broken: int | None = None

    @property
    def right(self) -> bool:
        return self.wanted == self.drawn and self.broken is None


def have_fonts() -> bool:
    """Whether the packages with the fonts are installed."""
    return all(find_spec(f"pylopdf_fonts_{where}") for where in ("zh_cn", "zh_tw"))


def fonts(text: str) -> list[Path]:
    """The font files, sans and serif, that have all characters of `text`."""
    import pylopdf_fonts_zh_cn as simplified
    import pylopdf_fonts_zh_tw as traditional

    found = [simplified.sans_path(), simplified.serif_path()]
    if _in_big5(text):
        found += [traditional.sans_path(), traditional.serif_path()]
    return found


def _in_big5(text: str) -> bool:
    try:
        text.replace("¥", "").encode("big5")
    except UnicodeEncodeError:
        return False
    return True


@lru_cache(maxsize=256)
def font(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


def common(rng: random.Random) -> str:
    """One of the 3,755 characters of GB 2312's first level."""
    while True:
        code = bytes([rng.randrange(0xB0, 0xD8), rng.randrange(0xA1, 0xFF)])
        try:
            return code.decode("gb2312")
        except UnicodeDecodeError:
            continue


def a_text(rng: random.Random) -> tuple[str, str]:
    """A wanted text and its kind."""
    kinds: dict[str, Callable[[], str]] = {
        "simplified": lambda: rng.choice(WORDS["simplified"].split()),
        "any": lambda: "".join(common(rng) for _ in range(rng.randint(1, 20))),
        "traditional": lambda: rng.choice(WORDS["traditional"].split()),
        "mixed": lambda: rng.choice(WORDS["mixed"].split()),
        "Latin": lambda: rng.choice(WORDS["latin"].splitlines()),
        "price": lambda: rng.choice(WORDS["prices"].split()),
        "vertical": lambda: rng.choice(WORDS["simplified"].split()),
    }
    kind = rng.choices(list(kinds), weights=(5, 4, 3, 3, 1, 2, 2))[0]
    return kinds[kind](), kind


def spoil(text: str, rng: random.Random) -> str:
    """The text with one character wrong: mostly one that looks alike, else any."""
    places = [at for at, char in enumerate(text) if char.isalnum()]
    at = rng.choice(places)
    old = text[at]
    new = PAIRS.get(old) if rng.random() < 0.7 else None
    while new is None or new.casefold() == old.casefold():
        if old.isdecimal():
            new = rng.choice("0123456789")
        elif old.isascii():
            new = rng.choice(LETTERS).upper() if old.isupper() else rng.choice(LETTERS)
        else:
            new = common(rng)
    return text[:at] + new + text[at + 1 :]


def picture(rng: random.Random, *, right: bool, broken: bool = False) -> Drawn:
    """One picture of the benchmark. `broken`: with a character that is none at all."""
    wanted, kind = a_text(rng)
    while broken and (kind == "vertical" or not _wide(wanted)):
        wanted, kind = a_text(rng)
    drawn = wanted if right or broken else spoil(wanted, rng)
    at = rng.choice([n for n, char in enumerate(drawn) if _wide(char)]) if broken else None
    size = rng.choice(SIZES)
    scene = background(rng, size)
    height = rng.randint(min(size) // 18, min(size) // 6)
    if kind == "vertical":
        height = min(height, size[1] * 9 // 10 // (len(drawn) * 11 // 10 + 1))
    upright = kind == "vertical"
    layer = lettering(drawn, rng.choice(fonts(drawn)), height, size, upright=upright, broken=at)
    place(scene, layer, rng)
    return Drawn(scene, wanted, drawn, kind, height, at)


def lettering(
    text: str,
    path: Path,
    height: int,
    size: tuple[int, int],
    *,
    upright: bool = False,
    broken: int | None = None,
) -> Image.Image:
    """White text on black, in lines that fit; columns if `upright`.

    The character number `broken` gets its right half from another one.
    """
    face = font(path, height)
    across = max(1, int(size[0] * 0.85 / height))
    per_line = 1 if upright else max(1, across if _wide(text) else across * 2)
    rows = [text[at : at + per_line] for at in range(0, len(text), per_line)]
    step = int(height * (1.1 if upright else 1.35))
    width = int(max(face.getlength(row) for row in rows)) + height
    mask = Image.new("L", (width, step * len(rows) + height // 2))
    draw = ImageDraw.Draw(mask)
    for number, row in enumerate(rows):
        spot = (width / 2, height / 4 + step * (number + 0.5))
        draw.text(spot, row, 255, face, anchor="mm")
        if broken is not None and 0 <= (at := broken - number * per_line) < len(row):
            begin = (width - face.getlength(row)) / 2 + face.getlength(row[:at])
            _break(mask, (begin, spot[1]), row[at], face)
    return mask


def _break(
    mask: Image.Image, spot: tuple[float, float], char: str, face: ImageFont.FreeTypeFont
) -> None:
    """Half of one character and half of another, as image models draw them."""
    size = int(face.size)
    donor = HALVES[ord(char) % len(HALVES)]
    glyph = Image.new("L", (size, size))
    ImageDraw.Draw(glyph).text((size / 2, size / 2), donor, 255, face, anchor="mm")
    half = glyph.crop((size // 2, 0, size, size))
    mask.paste(half, (int(spot[0]) + size // 2, int(spot[1]) - size // 2))


def _wide(text: str) -> bool:
    return any(ord(char) > 0x2E80 for char in text)


def place(scene: Image.Image, mask: Image.Image, rng: random.Random) -> None:
    """Puts the lettering onto the scene: turned, with an edge, in a colour that can be read."""
    turned = mask.rotate(rng.uniform(-10, 10), Image.Resampling.BICUBIC, expand=True)
    scale = min(1.0, scene.width / turned.width, scene.height / turned.height)
    turned = turned.resize((int(turned.width * scale), int(turned.height * scale)))
    room = scene.width - turned.width, scene.height - turned.height
    spot = rng.randint(0, room[0]), rng.randint(0, room[1])
    light = rng.random() < 0.5
    ink = tuple(rng.randint(200, 255) if light else rng.randint(0, 70) for _ in range(3))
    edge = (10, 10, 20) if light else (245, 240, 230)
    scene.paste(edge, spot, turned.filter(ImageFilter.MaxFilter(5)))
    scene.paste(ink, spot, turned)


def background(rng: random.Random, size: tuple[int, int]) -> Image.Image:
    """A busy scene: colours that run into each other, shapes and noise."""
    corners = Image.new("RGB", (4, 4))
    corners.putdata([tuple(rng.randrange(256) for _ in range(3)) for _ in range(16)])
    scene = corners.resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(scene, "RGBA")
    for _ in range(rng.randint(0, 60)):
        x, y = rng.randrange(size[0]), rng.randrange(size[1])
        reach = rng.randint(8, min(size) // 4)
        colour = (*(rng.randrange(256) for _ in range(3)), rng.randint(40, 160))
        shape = rng.choice((draw.ellipse, draw.rectangle))
        shape((x, y, x + reach, y + rng.randint(8, reach)), fill=colour)
    for _ in range(rng.randint(0, 25)):
        ends = [rng.randrange(size[at % 2]) for at in range(4)]
        draw.line(ends, (*(rng.randrange(256) for _ in range(3)), 150), rng.randint(1, 5))
    return scene.filter(ImageFilter.GaussianBlur(rng.choice((0, 0, 1))))
