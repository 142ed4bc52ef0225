"""Writes the text that a prompt asks for into the sandbox's pictures, or one that is not quite it.

With the Chinese font of the package pylopdf-fonts-zh-cn; where that is not installed, pictures
carry no text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from cogview_cli.textcheck.plain import plain

if TYPE_CHECKING:
    from PIL import Image, ImageFont

_PACKAGE, _FILE = "pylopdf_fonts_zh_cn", "NotoSansSC-Regular.otf"
_INK, _EDGE = (255, 255, 255, 255), (24, 26, 40, 255)
_LONGEST_ROW = 12
# What stands in place of a character, by the first one that differs.
_WRONG = {"0": "83", "a": "xe", "一": "室永"}


@cache
def font_file() -> Path | None:
    """The font, if it is installed; nothing of its package is imported."""
    spec = find_spec(_PACKAGE)
    return Path(spec.origin).with_name(_FILE) if spec and spec.origin else None


@lru_cache(maxsize=32)
def _font(path: Path, size: int) -> ImageFont.FreeTypeFont:
    from PIL import ImageFont

    return ImageFont.truetype(path, size)


def write(image: Image.Image, texts: Sequence[str], fault: str) -> None:
    """Draws `texts` onto the upper part of `image`; `fault` as in `faults.TEXT_FAULTS`."""
    path = font_file()
    if path is not None and texts and fault != "text-missing":
        shown = (one_wrong(texts[0]), *texts[1:]) if fault == "text-wrong" else texts
        LAYOUTS.get(fault, _in_rows)(image, shown, path)


def one_wrong(text: str) -> str:
    """`text` with one of its characters, in the middle, replaced by another of its kind."""
    places = [at for at, char in enumerate(text) if char.isalnum()]
    at = places[len(places) // 2] if places else 0
    return text[:at] + _other(text[at]) + text[at + 1 :]


def _other(char: str) -> str:
    kind = "0" if char.isdecimal() else "a" if char.isascii() else "一"
    return next(other for other in _WRONG[kind] if other != plain(char))


def _in_rows(image: Image.Image, texts: Sequence[str], path: Path, *, most: int = 9) -> None:
    rows = [row for text in texts for row in _rows(text)]
    unit = min(image.size)
    wide = max(map(_cells, rows))
    height = image.height * 0.34 / (1.4 * len(rows))
    size = max(8, int(min(unit / most, image.width * 0.86 / wide, height)))
    for number, row in enumerate(rows):
        spot = image.width / 2, image.height * 0.05 + size * (0.8 + 1.4 * number)
        _put(image, spot, row, _font(path, size))


def _tiny(image: Image.Image, texts: Sequence[str], path: Path) -> None:
    _in_rows(image, texts, path, most=56)


def _in_columns(image: Image.Image, texts: Sequence[str], path: Path) -> None:
    """From the right, with one column a text."""
    longest = max(map(len, texts))
    size = max(8, int(min(min(image.size) / 10, image.height * 0.8 / (1.15 * longest))))
    for column, text in enumerate(texts):
        x = image.width - size * (1 + 1.6 * column)
        for row, char in enumerate(text):
            _put(image, (x, size * (1 + 1.15 * row)), char, _font(path, size))


LAYOUTS: dict[str, Callable[[Image.Image, Sequence[str], Path], None]] = {
    "text-tiny": _tiny,
    "text-vertical": _in_columns,
}


def _rows(text: str) -> list[str]:
    """Rows of Chinese text may break anywhere, of other text at blanks."""
    words = list(text) if _cells(text) == len(text) else _words(text)
    rows = [""]
    for word in words:
        if rows[-1] and _cells(rows[-1] + word) > _LONGEST_ROW:
            rows.append("")
        rows[-1] += word
    return rows


def _words(text: str) -> list[str]:
    return [f"{word} " for word in text.split()]


def _cells(text: str) -> float:
    """About how wide a text is, in Chinese characters."""
    return sum(0.62 if ord(char) < 0x2E80 else 1 for char in text)


def _put(
    image: Image.Image, spot: tuple[float, float], text: str, font: ImageFont.FreeTypeFont
) -> None:
    from PIL import ImageDraw

    edge = max(1, int(font.size) // 24)
    ImageDraw.Draw(image).text(
        spot, text.strip(), _INK, font, anchor="mm", stroke_width=edge, stroke_fill=_EDGE
    )
