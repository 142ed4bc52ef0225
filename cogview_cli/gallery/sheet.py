"""Contact sheets: pages of thumbnails with captions. The gallery's only user of Pillow."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps, PngImagePlugin

from cogview_cli.gallery.grid import Grid
from cogview_cli.gallery.items import GalleryItem
from cogview_cli.gallery.markup import shown_name
from cogview_cli.gallery.ours import SHEET_MARK
from cogview_cli.pictures.verify import PIXEL_LIMIT
from cogview_cli.pillow import DECODERS, open_image
from cogview_cli.terminal.text import clean

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
_PAPER, _MAT, _INK, _QUIET = "#ffffff", "#eeece8", "#1d1c1a", "#6b6760"
FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP"}
_DESCRIPTION = 0x010E


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """How to draw; `font` is a file and a face within it. Notes what could not be read."""

    folder: Path
    grid: Grid
    font: tuple[Path, int] | None
    unreadable: list[str] = field(default_factory=list)

    def pages(self, items: Sequence[GalleryItem]) -> Iterator[tuple[int, Image.Image]]:
        """Each page and how many pictures are on it; one page in memory at a time."""
        letters = _load_font(self.font, self.grid.text)
        for start in range(0, len(items), self.grid.page):
            part = items[start : start + self.grid.page]
            yield len(part), self._page(part, start, letters)

    def _page(self, items: Sequence[GalleryItem], start: int, letters: _Font) -> Image.Image:
        page = Image.new("RGB", self.grid.size(len(items)), _PAPER)
        draw = ImageDraw.Draw(page)
        for at, item in enumerate(items):
            assert item.picture is not None
            corner = self.grid.corner(at)
            self._place(page, item.picture.path, corner)
            self._caption(draw, corner, self._lines(item, start + at + 1), letters)
        return page

    def _place(self, page: Image.Image, path: str, corner: tuple[int, int]) -> None:
        side = self.grid.thumb
        small = thumbnail(self.folder / path, side)
        if small is None:
            self.unreadable.append(path)
            small = Image.new("RGB", (side, side), _MAT)
        x, y = corner
        page.paste(small, (x, y + side - small.height))  # flush with the caption below

    def _lines(self, item: GalleryItem, number: int) -> tuple[str, str]:
        """The prompt and the file's name, or what of them the font can show."""
        assert item.picture is not None
        name = Path(shown_name(item.picture.path)).name
        return self._drawable(item.prompt, f"#{number}"), self._drawable(name, f"#{number}")

    def _drawable(self, text: str, otherwise: str) -> str:
        text = clean(text)
        return text if self.font or text.isascii() else otherwise

    def _caption(
        self, draw: ImageDraw.ImageDraw, corner: tuple[int, int], lines: tuple[str, str],
        letters: _Font,
    ) -> None:  # fmt: skip
        x, y = corner[0], corner[1] + self.grid.thumb + self.grid.text // 2
        shown = dict.fromkeys(line for line in lines if line)  # never "#7" twice
        for line, colour in zip(shown, (_INK, _QUIET), strict=False):
            draw.text((x, y), cut(line, self.grid.thumb, letters), fill=colour, font=letters)
            y += round(self.grid.text * 1.4)


def thumbnail(path: Path, side: int) -> Image.Image | None:
    """The picture at most `side` pixels wide and high, on white; None if it cannot be read."""
    try:
        with open_image(path, DECODERS) as image:
            if image.width * image.height > PIXEL_LIMIT:
                return None
            image.draft("RGB", (side, side))  # a JPEG decodes at an eighth of its size
            image.thumbnail((side, side))
            upright = ImageOps.exif_transpose(image)
            return _on_white(upright)
    except Exception:
        # Decoders raise anything from SyntaxError to struct.error on hostile data.
        return None


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    clear = image.convert("RGBA")
    white = Image.new("RGBA", clear.size, _PAPER)
    white.alpha_composite(clear)
    return white.convert("RGB")


def cut(text: str, width: int, letters: _Font) -> str:
    """`text` cut with `…` to fit so many pixels."""
    if letters.getlength(text) <= width:
        return text
    ending = "…" if isinstance(letters, ImageFont.FreeTypeFont) else "..."
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        fits = letters.getlength(text[:middle].rstrip() + ending) <= width
        low, high = (middle, high) if fits else (low, middle - 1)
    return text[:low].rstrip() + ending


def _load_font(font: tuple[Path, int] | None, size: int) -> _Font:
    if font is None:
        return ImageFont.load_default(size)
    return ImageFont.truetype(font[0], size, index=font[1], layout_engine=ImageFont.Layout.BASIC)


def encode(page: Image.Image, suffix: str) -> bytes:
    """The page as a file's bytes, marked as ours in its metadata."""
    out, mark = io.BytesIO(), SHEET_MARK.decode("ascii")
    if FORMATS[suffix] == "PNG":
        chunks = PngImagePlugin.PngInfo()
        chunks.add_text("Software", mark)
        page.save(out, "PNG", pnginfo=chunks)
    elif FORMATS[suffix] == "JPEG":
        page.save(out, "JPEG", quality=90, comment=mark)
    else:
        exif = Image.Exif()
        exif[_DESCRIPTION] = mark
        page.save(out, "WEBP", quality=90, exif=exif)
    return out.getvalue()
