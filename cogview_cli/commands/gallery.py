"""`cogview gallery`: a folder of results as one HTML page, or as contact sheets."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cogview_cli.cli import options
from cogview_cli.disk.atomic import replace_whole
from cogview_cli.disk.destination import STDOUT
from cogview_cli.disk.names import with_number
from cogview_cli.errors import CogviewError, MachineError, UsageError
from cogview_cli.i18n import _, language
from cogview_cli.terminal import output
from cogview_cli.terminal.text import clean

if TYPE_CHECKING:
    from cogview_cli.gallery.grid import Grid
    from cogview_cli.gallery.items import GalleryItem, ItemStatus

PAGE_NAME = "index.html"
SHEET_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
EPILOG = "\b\n" + _("""Examples:
  cogview gallery pictures/                   writes pictures/index.html
  cogview gallery pictures/ --open            and opens it
  cogview gallery pictures/ --sheet all.jpg   a contact sheet instead of the page

Without --sheet: the page. With --sheet: the sheet, and the page too if -o is given.
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryPlan:
    """What to write and where; None for what is not wanted. `grid` is the sheet's."""

    folder: Path
    page: Path | None
    on_stdout: bool
    sheet: Path | None
    grid: Grid
    title: str
    force: bool
    quiet: bool


def gallery(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help=_("The folder of pictures."))
    ] = Path("."),
    output_: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help=_("The page's file, or -. [default: DIR/index.html]"),
        ),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(
            "--sheet",
            metavar="FILE",
            help=_("Draw contact sheets into this .jpg, .png or .webp file."),
        ),
    ] = None,
    columns: Annotated[
        int,
        typer.Option(
            "--columns", metavar="N", min=1, max=50, help=_("Pictures per row of a sheet.")
        ),
    ] = 5,
    thumb: Annotated[
        int,
        typer.Option(
            "--thumb", metavar="N", min=64, max=2048, help=_("Pixels per picture of a sheet.")
        ),
    ] = 320,
    title: Annotated[
        str | None,
        typer.Option(
            "--title", metavar="TEXT", help=_("The page's title. [default: the folder's name]")
        ),
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help=_("Open it in the browser."))] = False,
    force: Annotated[
        bool, typer.Option("--force", help=_("Overwrite a file that cogview did not write."))
    ] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Show a folder of results as a page, or as contact sheets; print what was written."""
    from cogview_cli.gallery.grid import Grid

    plan = GalleryPlan(
        folder=folder,
        page=_page_path(folder, output_, sheet),
        on_stdout=output_ == STDOUT,
        sheet=sheet,
        grid=Grid(columns=columns, thumb=thumb),
        title=title or Path(os.path.abspath(folder)).name or "cogview",
        force=force,
        quiet=quiet,
    )
    _check(plan, alone=not (json or sheet or open_))
    items = _items(plan)
    written = [] if plan.page is None else [_write_page(plan, items, json)]
    if plan.sheet is not None:
        written += _write_sheets(plan, plan.sheet, items, json)
    if open_ and not _opened(written[0]):
        output.warn(_("no program opens '{path}'", path=written[0]))
    if not quiet:
        output.say(_summary(items))


def _opened(path: str) -> bool:
    from cogview_cli.terminal.preview import open_in_viewer

    return open_in_viewer(path)


def _page_path(folder: Path, output_: str | None, sheet: Path | None) -> Path | None:
    """Where the page goes; None if only a sheet is wanted."""
    if output_ is None:
        return None if sheet else folder / PAGE_NAME
    page = Path(output_)
    return page / PAGE_NAME if output_ != STDOUT and page.is_dir() else page


def _check(plan: GalleryPlan, *, alone: bool) -> None:
    """What can be wrong with the options; `alone`: nothing else would use stdout."""
    if plan.on_stdout and not alone:
        raise UsageError(
            _("--output - leaves no room for --json, --sheet or --open"),
            hint=_("give a file: --output {name}", name=PAGE_NAME),
        )
    if plan.sheet is None:
        return
    plan.grid.check()
    if plan.sheet.suffix.lower() not in SHEET_SUFFIXES:
        raise UsageError(
            _("--sheet '{path}' is not the name of a picture", path=plan.sheet),
            hint=_("--sheet {stem}.jpg (or .png, .webp)", stem=plan.sheet.stem or "sheet"),
        )


def _items(plan: GalleryPlan) -> list[GalleryItem]:
    """What there is to show, in order. UsageError for nothing."""
    from cogview_cli.gallery.items import in_order
    from cogview_cli.gallery.scan import scan

    found = scan(plan.folder)
    if found.damaged:
        some = _some(found.damaged)
        output.warn(_("damaged sidecars: {some}; shown without their data", some=some))
    if found.unreadable:
        output.warn(_("folders that cannot be read: {some}", some=_some(found.unreadable)))
    others = _without_picture(plan, {item.key for item in found.items})
    items = in_order([*found.items, *others])
    if not items or (plan.page is None and not found.items):
        raise UsageError(
            _("there is no picture in '{folder}'", folder=plan.folder),
            hint=_("give the folder of the pictures: cogview gallery DIR"),
        )
    return items


def _some(names: list[str]) -> str:
    """How many, and the first few of them."""
    listed = [clean(name, 60) for name in names[:3]] + ["…"] * (len(names) > 3)
    return _("{count} ({names})", count=len(names), names=", ".join(listed))


def _without_picture(plan: GalleryPlan, saved_keys: set[str]) -> list[GalleryItem]:
    """From the ledger; without it the page still has its pictures."""
    if plan.page is None:
        return []
    from cogview_cli.gallery.outcomes import without_picture

    try:
        return without_picture(plan.folder, saved_keys)
    except CogviewError as error:
        output.warn(_("failed requests are not shown: {why}", why=error.message))
        return []


def _write_page(plan: GalleryPlan, items: list[GalleryItem], json: bool) -> str:
    from cogview_cli.gallery.ours import check_free, is_our_page
    from cogview_cli.gallery.page import Place, build

    assert plan.page is not None
    beside = plan.folder if plan.on_stdout else plan.page.parent
    place = Place(folder=_absolute(plan.folder), page_folder=_absolute(beside))
    chinese = language(os.environ) == "zh"
    data = build(items, place, plan.title, chinese=chinese).encode("utf-8")
    if plan.on_stdout:
        output.write_data(data)
        return STDOUT
    if not plan.force or plan.page.is_dir():
        check_free(plan.page, ours=is_our_page(plan.page), flag="--output")
    _write(plan.page, data, "--output")
    _report(plan.page, json, _record(items))
    return str(plan.page)


def _absolute(folder: Path) -> Path:
    """Without symbolic links: a `..` in an address goes up the real folders."""
    return Path(os.path.realpath(folder))


def _write_sheets(
    plan: GalleryPlan, target: Path, items: list[GalleryItem], json: bool
) -> list[str]:
    from cogview_cli.gallery.fonts import find_cjk, places
    from cogview_cli.gallery.ours import check_free, is_our_sheet
    from cogview_cli.gallery.sheet import Sheet, encode

    font = find_cjk(places())
    if font is None and not plan.quiet:
        output.say(_("no font with Chinese characters found: such captions are numbers"))
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
        output.warn(_("pictures that cannot be read: {some}", some=_some(sheet.unreadable)))
    return written


def _write(path: Path, data: bytes, flag: str) -> None:
    try:
        replace_whole(path, data)
    except OSError as error:
        raise MachineError(
            _("cannot write '{path}': {why}", path=path, why=error.strerror),
            hint=_("{flag} FILE in another folder", flag=flag),
        ) from None


def _report(path: Path, json: bool, record: dict[str, Any]) -> None:
    if json:
        output.write_json({**record, "file": str(path)})
    else:
        output.write_path(str(path))


def _record(items: list[GalleryItem]) -> dict[str, Any]:
    """The JSON line of a page, without its file."""
    from cogview_cli.gallery.items import ItemStatus, counts, total_cost

    found = counts(items)
    others = {str(name): count for name, count in found.items() if name != ItemStatus.SAVED}
    cost = {each.currency: f"{each.amount:f}" for each in total_cost(items)}
    return {"type": "gallery", "images": found.get(ItemStatus.SAVED, 0), **others, "cost": cost}


def _summary(items: list[GalleryItem]) -> str:
    from cogview_cli.gallery.items import ItemStatus, counts

    found = counts(items)
    saved = _("{count} image(s)", count=found.get(ItemStatus.SAVED, 0))
    others = [_status(name, number) for name, number in found.items() if name != ItemStatus.SAVED]
    return _("; ").join([saved, *others])


def _status(name: ItemStatus, count: int) -> str:
    from cogview_cli.gallery.items import ItemStatus

    told = {
        ItemStatus.REFUSED: _("refused {count}", count=count),
        ItemStatus.FAILED: _("failed {count}", count=count),
        ItemStatus.UNKNOWN: _("unknown {count}", count=count),
        ItemStatus.UNSAVED: _("unsaved {count}", count=count),
        ItemStatus.EXPIRED: _("expired {count}", count=count),
    }
    return told[name]
