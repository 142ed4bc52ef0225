"""Contact sheets: where pictures stand, captions, pages."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFont

from cogview_cli.errors import UsageError
from cogview_cli.gallery.fonts import find_cjk
from cogview_cli.gallery.grid import PICTURES_LIMIT, SIDE_LIMIT, Grid
from cogview_cli.gallery.items import GalleryItem
from cogview_cli.gallery.ours import is_our_sheet
from cogview_cli.gallery.scan import scan
from cogview_cli.gallery.sheet import FORMATS, Sheet, cut, encode, thumbnail
from tests.gallery.samples import item, picture

GRID = Grid(columns=2, thumb=96)
grids = st.builds(Grid, columns=st.integers(1, 50), thumb=st.integers(64, 2048))


def drawn(folder: Path, items: list[GalleryItem], grid: Grid = GRID) -> list[Image.Image]:
    return [page for _, page in Sheet(folder=folder, grid=grid, font=None).pages(items)]


@given(grids, st.integers(1, 500))
def test_no_cell_leaves_the_page_or_touches_another(grid: Grid, number: int) -> None:
    number = min(number, grid.page)
    width, height = grid.size(number)
    corners = [grid.corner(at) for at in range(number)]
    for x, y in corners:
        assert x >= grid.gap and x + grid.thumb + grid.gap <= width
        assert y >= grid.gap and y + grid.thumb + grid.caption + grid.gap <= height
    for x, y in corners[: grid.columns + 1]:
        near = [(a, b) for a, b in corners if abs(a - x) < grid.thumb and abs(b - y) < grid.thumb]
        assert near == [(x, y)]


@given(grids)
def test_a_page_has_bounds(grid: Grid) -> None:
    assert 1 <= grid.page <= max(PICTURES_LIMIT, grid.columns)
    width, height = grid.size(grid.page)
    assert height <= SIDE_LIMIT
    if width > SIDE_LIMIT:
        with pytest.raises(UsageError):
            grid.check()
    else:
        grid.check()


def test_a_sheet_of_fewer_pictures_than_columns_is_narrower() -> None:
    assert Grid(columns=5, thumb=100).size(2) == Grid(columns=2, thumb=100).size(2)


def test_each_picture_stands_in_its_cell_upon_its_caption(tmp_path: Path) -> None:
    colours = ["#cc0000", "#00cc00", "#0000cc"]
    names = [picture(tmp_path / f"{at}.png", colour).name for at, colour in enumerate(colours)]
    (page,) = drawn(tmp_path, [item(name) for name in names])
    assert page.size == GRID.size(3)
    for at, colour in enumerate(colours):
        x, y = GRID.corner(at)
        bottom = y + GRID.thumb - 1
        assert page.getpixel((x, bottom)) == page.getpixel((x + 63, bottom - 47))
        assert "#{:02x}{:02x}{:02x}".format(*page.getpixel((x, bottom))) == colour  # type: ignore[misc]
        assert page.getpixel((x, y)) == page.getpixel((x + 90, bottom)) == (255, 255, 255)
    empty = GRID.corner(3)
    assert page.crop((*empty, page.width, page.height)).getextrema() == ((255, 255),) * 3


def test_a_caption_is_drawn_below_and_inside_its_column(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    plain, long = item("a.png"), item("a.png", prompt="W" * 500)
    page = drawn(tmp_path, [long, plain])[0]
    x, y = GRID.corner(0)
    top = y + GRID.thumb
    words = page.crop((x, top, x + GRID.thumb, top + GRID.caption))
    assert words.convert("L").getextrema()[0] < 100  # type: ignore[operator]
    between = page.crop((x + GRID.thumb, top, x + GRID.thumb + GRID.gap, top + GRID.caption))
    assert between.getextrema() == ((255, 255),) * 3


def test_captions_the_font_cannot_show_are_numbers() -> None:
    bare = Sheet(folder=Path("."), grid=GRID, font=None)
    chinese = item("猫.png", prompt="一只猫")
    assert bare._lines(chinese, 7) == ("#7", "#7")
    assert bare._lines(item("a.png", prompt="cat\x1b[1m"), 7) == ("cat^[[1m", "a.png")
    full = Sheet(folder=Path("."), grid=GRID, font=(Path("any.ttc"), 0))
    assert full._lines(chinese, 7) == ("一只猫", "猫.png")


@given(st.text(), st.integers(20, 300))
def test_a_cut_text_fits(text: str, width: int) -> None:
    letters = ImageFont.load_default(12)
    shown = cut(text, width, letters)
    assert letters.getlength(shown) <= width or shown in ("…", "...")
    assert shown == text or shown.endswith(("…", "..."))


def test_many_pictures_make_several_pages(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    grid = Grid(columns=50, thumb=64)
    assert grid.page == 200
    pages = list(Sheet(folder=tmp_path, grid=grid, font=None).pages([item("a.png")] * 401))
    assert [count for count, _ in pages] == [200, 200, 1]


def test_what_cannot_be_read_leaves_a_grey_cell_and_is_told(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n junk")
    sheet = Sheet(folder=tmp_path, grid=GRID, font=None)
    ((_, page),) = sheet.pages([item("bad.png")])
    assert sheet.unreadable == ["bad.png"]
    x, y = GRID.corner(0)
    assert page.getpixel((x, y)) == page.getpixel((x + 95, y + 95)) != (255, 255, 255)


def test_a_clear_picture_stands_on_white_and_a_turned_one_upright(tmp_path: Path) -> None:
    Image.new("RGBA", (40, 40), (200, 0, 0, 0)).save(tmp_path / "clear.png")
    clear = thumbnail(tmp_path / "clear.png", 96)
    assert clear and clear.mode == "RGB" and clear.getpixel((5, 5)) == (255, 255, 255)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (400, 200)).save(tmp_path / "turned.jpg", exif=exif)
    turned = thumbnail(tmp_path / "turned.jpg", 96)
    assert turned and turned.size == (48, 96)


def test_a_picture_of_too_many_pixels_is_not_decoded(tmp_path: Path) -> None:
    Image.new("1", (8192, 4097)).save(tmp_path / "bomb.png")
    assert thumbnail(tmp_path / "bomb.png", 96) is None


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_sheet_is_known_as_ours_and_never_shown_as_a_picture(suffix: str, tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    path = tmp_path / f"sheet{suffix}"
    path.write_bytes(encode(Image.effect_noise((500, 500), 90).convert("RGB"), suffix))
    assert is_our_sheet(path)
    with Image.open(path) as image:
        assert image.format == FORMATS[suffix]
    assert [each.picture and each.picture.path for each in scan(tmp_path).items] == ["a.png"]


def test_the_best_font_of_those_there_are_is_taken(tmp_path: Path) -> None:
    assert find_cjk([tmp_path, tmp_path / "absent"]) is None
    for name in ("a/wqy-microhei.ttc", "b/deep/NotoSansCJK-Regular.ttc", "Arial.ttf"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert find_cjk([tmp_path / "a"]) == (tmp_path / "a/wqy-microhei.ttc", 0)
    found = find_cjk([tmp_path])
    assert found == (tmp_path / "b/deep/NotoSansCJK-Regular.ttc", 2)


def test_the_numbers_go_on_from_page_to_page(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    grid = Grid(columns=50, thumb=64)
    first, second = drawn(tmp_path, [item("a.png", prompt="猫")] * 201, grid)
    assert first.crop((0, 0, 64, 64)).tobytes() == second.crop((0, 0, 64, 64)).tobytes()
    x, y = grid.corner(0)
    caption = (x, y + grid.thumb, x + grid.thumb, y + grid.thumb + grid.caption)
    assert first.crop(caption).tobytes() != second.crop(caption).tobytes()
