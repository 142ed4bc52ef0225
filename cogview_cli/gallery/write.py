"""A gallery put on the disk: the page, its one-file form, and contact sheets."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cogview_cli.disk.atomic import replace_whole
from cogview_cli.disk.destination import STDOUT
from cogview_cli.disk.names import with_number
from cogview_cli.errors import MachineError, UsageError
from cogview_cli.gallery import fonts
from cogview_cli.gallery.cards import Inline, Place
from cogview_cli.gallery.items import GalleryItem, ItemStatus, counts, total_cost
from cogview_cli.gallery.ours import check_free, is_our_page, is_our_sheet
from cogview_cli.gallery.page import build
from cogview_cli.gallery.sizes import shown_size
from cogview_cli.i18n import _, _n, language
from cogview_cli.terminal import output
from cogview_cli.terminal.text import clean

if TYPE_CHECKING:
    from cogview_cli.gallery.embed import Fitted
    from cogview_cli.gallery.grid import Grid


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryPlan:
    """What to write and where; None for what is not wanted. `grid` is the sheet's.

    `embed`: the most bytes of a page with its pictures inside. `plain`: no technical lines.
    """

    folder: Path
    page: Path | None
    on_stdout: bool
    sheet: Path | None
    grid: Grid
    title: str
    force: bool
    quiet: bool
    embed: int | None = None
    plain: bool = False


def some(names: list[str]) -> str:
    """How many, and the first few of them."""
    listed = [clean(name, 60) for name in names[:3]] + ["…"] * (len(names) > 3)
    return _("{count} ({names})", count=len(names), names=", ".join(listed))


def write_page(plan: GalleryPlan, items: list[GalleryItem], *, json: bool) -> str:
    """Writes the page; where it is. UsageError if it cannot be as small as is wanted."""
    assert plan.page is not None
    beside = plan.folder if plan.on_stdout else plan.page.parent
    place = Place(folder=_absolute(plan.folder), page_folder=_absolute(beside))
    html = partial(
        build,
        place=place,
        title=plan.title,
        chinese=language(os.environ) == "zh",
        plain=plan.plain,
    )
    if not plan.on_stdout and (not plan.force or plan.page.is_dir()):
        check_free(plan.page, ours=is_our_page(plan.page), flag="--output")
    text = html(items) if plan.embed is None else _embedded(plan, plan.embed, items, html)
    data = text.encode("utf-8")
    if plan.on_stdout:
        output.write_data(data)
        return STDOUT
    _write(plan.page, data, "--output")
    _report(plan.page, json, _record(items))
    return str(plan.page)


def _embedded(plan: GalleryPlan, limit: int, items: list[GalleryItem], html: Any) -> str:
    from cogview_cli.gallery.embed import TooLarge, fit

    paths = [item.picture.path for item in items if item.picture]
    blank = {path: Inline(len(paths), "", "") for path in paths}
    around = len(html(items, embedded=blank).encode("utf-8"))
    try:
        fitted = fit(plan.folder, paths, limit - around)
    except TooLarge as error:
        needed = shown_size(limit + error.size)
        raise UsageError(
            _(
                "{count} pictures do not fit into {limit} and stay readable: that takes {needed}",
                count=len(paths),
                limit=shown_size(limit),
                needed=needed,
            ),
            hint=f"--embed {needed}",
        ) from None
    _tell(plan, fitted)
    kept = [item for item in items if not item.picture or item.picture.path in fitted.pictures]
    text: str = html(kept, embedded=fitted.pictures)
    return text


def _tell(plan: GalleryPlan, fitted: Fitted) -> None:
    if fitted.unreadable:
        output.warn(_("pictures that cannot be read: {some}", some=some(fitted.unreadable)))
    if plan.quiet:
        return
    if fitted.level is None:
        output.say(_("the pictures are in the page as they are"))
    else:
        side, quality = fitted.level
        output.say(
            _("the pictures are in the page with at most {side} px (WebP, quality {quality})",
              side=side, quality=quality)
        )  # fmt: skip


def _absolute(folder: Path) -> Path:
    """Without symbolic links: a `..` in an address goes up the real folders."""
    return Path(os.path.realpath(folder))


def write_sheets(
    plan: GalleryPlan, target: Path, items: list[GalleryItem], *, json: bool
) -> list[str]:
    """Draws the sheets; where they are."""
    from cogview_cli.gallery.sheet import Sheet, encode

    font = fonts.find_cjk(fonts.places())
    if font is None and not plan.quiet:
        output.say(_("no font with Chinese characters found: such captions are numbers"))
        output.say("hint: " + _("install one: {packages}", packages=fonts.PACKAGES))
    sheet = Sheet(folder=plan.folder, grid=plan.grid, font=font)
    pictures = [item for item in items if item.picture]
    written: list[str] = []
    for number, (count, page) in enumerate(sheet.pages(pictures), 1):
        path = target.with_name(with_number(target.stem, number) + target.suffix)
        if not plan.force or path.is_dir():
            check_free(path, ours=is_our_sheet(path), flag="--sheet")
        _write(path, encode(page, target.suffix.lower()), "--sheet")
        _report(path, json, {"type": "sheet", "page": number, "images": count})
        written.append(str(path))
    if sheet.unreadable:
        output.warn(_("pictures that cannot be read: {some}", some=some(sheet.unreadable)))
    return written


def _write(path: Path, data: bytes, flag: str) -> None:
    try:
        replace_whole(path, data)
    except OSError as error:
        raise MachineError(
            _("cannot write '{path}': {why}", path=path, why=error.strerror),
            hint=_("{flag} FILE in another folder", flag=flag),
        ) from None


def _report(path: Path, json: bool, record: Mapping[str, Any]) -> None:
    if json:
        output.write_json({**record, "file": str(path)})
    else:
        output.write_path(str(path))


def _record(items: list[GalleryItem]) -> dict[str, Any]:
    """The JSON line of a page, without its file."""
    found = counts(items)
    others = {str(name): count for name, count in found.items() if name != ItemStatus.SAVED}
    cost = {each.currency: f"{each.amount:f}" for each in total_cost(items)}
    return {"type": "gallery", "images": found.get(ItemStatus.SAVED, 0), **others, "cost": cost}


def summary(items: list[GalleryItem]) -> str:
    """The closing line: how many of each."""
    found = counts(items)
    saved = _n("{count} image", "{count} images", found.get(ItemStatus.SAVED, 0))
    others = [_status(name, number) for name, number in found.items() if name != ItemStatus.SAVED]
    return _("; ").join([saved, *others])


def _status(name: ItemStatus, count: int) -> str:
    told = {
        ItemStatus.REFUSED: _("refused {count}", count=count),
        ItemStatus.FAILED: _("failed {count}", count=count),
        ItemStatus.UNKNOWN: _("unknown {count}", count=count),
        ItemStatus.UNSAVED: _("unsaved {count}", count=count),
        ItemStatus.EXPIRED: _("expired {count}", count=count),
    }
    return told[name]
