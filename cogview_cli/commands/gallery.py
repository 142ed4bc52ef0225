"""`cogview gallery`: a folder of results as one HTML page, or as contact sheets."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cogview_cli import output
from cogview_cli.commands import options
from cogview_cli.destination import STDOUT
from cogview_cli.errors import CogviewError, MachineError, UsageError
from cogview_cli.files import replace_whole
from cogview_cli.names import with_number
from cogview_cli.text import clean

if TYPE_CHECKING:
    from cogview_cli.gallery.grid import Grid
    from cogview_cli.gallery.items import Item

PAGE_NAME = "index.html"
SHEET_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
EPILOG = """\b
Examples:
  cogview gallery pictures/                   writes pictures/index.html
  cogview gallery pictures/ --open            and opens it
  cogview gallery pictures/ --sheet all.jpg   a contact sheet instead of the page

Without --sheet: the page. With --sheet: the sheet, and the page too if -o is given.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
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
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="The folder of pictures.")] = Path(
        "."
    ),
    output_: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The page's file, or -. [default: DIR/index.html]",
        ),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(
            "--sheet",
            metavar="FILE",
            help="Draw contact sheets into this .jpg, .png or .webp file.",
        ),
    ] = None,
    columns: Annotated[
        int,
        typer.Option("--columns", metavar="N", min=1, max=50, help="Pictures a row of a sheet."),
    ] = 5,
    thumb: Annotated[
        int,
        typer.Option("--thumb", metavar="N", min=64, max=2048, help="Pixels a picture of a sheet."),
    ] = 320,
    title: Annotated[
        str | None,
        typer.Option(
            "--title", metavar="TEXT", help="The page's title. [default: the folder's name]"
        ),
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite a file that cogview did not write.")
    ] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Show a folder of results as a page, or as contact sheets; print what was written."""
    from cogview_cli.gallery.grid import Grid

    plan = Plan(
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
    if open_ and typer.launch(os.path.abspath(written[0])) != 0:
        output.warn(f"no program opens '{written[0]}'")
    if not quiet:
        output.say(_summary(items))


def _page_path(folder: Path, output_: str | None, sheet: Path | None) -> Path | None:
    """Where the page goes; None if only a sheet is wanted."""
    if output_ is None:
        return None if sheet else folder / PAGE_NAME
    page = Path(output_)
    return page / PAGE_NAME if output_ != STDOUT and page.is_dir() else page


def _check(plan: Plan, *, alone: bool) -> None:
    """What can be wrong with the options; `alone`: nothing else would use stdout."""
    if plan.on_stdout and not alone:
        raise UsageError(
            "--output - leaves no room for --json, --sheet or --open",
            hint=f"give a file: --output {PAGE_NAME}",
        )
    if plan.sheet is None:
        return
    plan.grid.check()
    if plan.sheet.suffix.lower() not in SHEET_SUFFIXES:
        raise UsageError(
            f"--sheet '{plan.sheet}' is no picture's name",
            hint=f"--sheet {plan.sheet.stem or 'sheet'}.jpg (or .png, .webp)",
        )


def _items(plan: Plan) -> list[Item]:
    """What there is to show, in order. UsageError for nothing."""
    from cogview_cli.gallery.items import in_order
    from cogview_cli.gallery.scan import scan

    found = scan(plan.folder)
    if found.damaged:
        output.warn(f"damaged sidecars: {_some(found.damaged)}; shown without their data")
    if found.unreadable:
        output.warn(f"folders that cannot be read: {_some(found.unreadable)}")
    others = _without_picture(plan, {item.key for item in found.items})
    items = in_order([*found.items, *others])
    if not items or (plan.page is None and not found.items):
        raise UsageError(
            f"there is no picture in '{plan.folder}'",
            hint="give the folder of the pictures: cogview gallery DIR",
        )
    return items


def _some(names: list[str]) -> str:
    """How many, and the first few of them."""
    listed = ", ".join(clean(name, 60) for name in names[:3])
    return f"{len(names)} ({listed}{', …' if len(names) > 3 else ''})"


def _without_picture(plan: Plan, saved_keys: set[str]) -> list[Item]:
    """From the ledger; without it the page still has its pictures."""
    if plan.page is None:
        return []
    from cogview_cli.gallery.outcomes import without_picture

    try:
        return without_picture(plan.folder, saved_keys)
    except CogviewError as error:
        output.warn(f"failed requests are not shown: {error.message}")
        return []


def _write_page(plan: Plan, items: list[Item], json: bool) -> str:
    from cogview_cli.gallery.ours import check_free, is_our_page
    from cogview_cli.gallery.page import Place, build

    assert plan.page is not None
    beside = plan.folder if plan.on_stdout else plan.page.parent
    place = Place(folder=_absolute(plan.folder), page_folder=_absolute(beside))
    data = build(items, place, plan.title).encode("utf-8")
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


def _write_sheets(plan: Plan, target: Path, items: list[Item], json: bool) -> list[str]:
    from cogview_cli.gallery.fonts import find_cjk, places
    from cogview_cli.gallery.ours import check_free, is_our_sheet
    from cogview_cli.gallery.sheet import Sheet, encode

    font = find_cjk(places())
    if font is None and not plan.quiet:
        output.say("no font with Chinese characters found: such captions are numbers")
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
        output.warn(f"pictures that cannot be read: {_some(sheet.unreadable)}")
    return written


def _write(path: Path, data: bytes, flag: str) -> None:
    try:
        replace_whole(path, data)
    except OSError as error:
        raise MachineError(
            f"cannot write '{path}': {error.strerror}", hint=f"{flag} FILE in another folder"
        ) from None


def _report(path: Path, json: bool, record: dict[str, Any]) -> None:
    if json:
        output.write_json({**record, "file": str(path)})
    else:
        output.write_path(str(path))


def _record(items: list[Item]) -> dict[str, Any]:
    """The JSON line of a page, without its file."""
    from cogview_cli.gallery.items import SAVED, counts, total_cost

    found = counts(items)
    others = {name: number for name, number in found.items() if name != SAVED}
    cost = {each.currency: f"{each.amount:f}" for each in total_cost(items)}
    return {"type": "gallery", "images": found.get(SAVED, 0), **others, "cost": cost}


def _summary(items: list[Item]) -> str:
    from cogview_cli.gallery.items import SAVED, counts

    found = counts(items)
    others = [f"{name} {number}" for name, number in found.items() if name != SAVED]
    return "; ".join([f"{found.get(SAVED, 0)} image(s)", *others])
