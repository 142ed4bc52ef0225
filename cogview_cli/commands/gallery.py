"""`cogview gallery`: a folder of results as one HTML page, or as contact sheets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cogview_cli.cli import options
from cogview_cli.cli.optional_value import WithOptionalValue
from cogview_cli.disk.destination import STDOUT
from cogview_cli.errors import CogviewError, UsageError
from cogview_cli.gallery.sizes import DEFAULT, looks_like_size, read_size
from cogview_cli.i18n import _
from cogview_cli.terminal import output

if TYPE_CHECKING:
    from cogview_cli.gallery.items import GalleryItem
    from cogview_cli.gallery.write import GalleryPlan

PAGE_NAME = "index.html"
SHEET_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
EPILOG = "\b\n" + _("""Examples:
  cogview gallery pictures/                   writes pictures/index.html
  cogview gallery pictures/ --open            and opens it
  cogview gallery pictures/ --sheet all.jpg   a contact sheet instead of the page
  cogview gallery pictures/ --embed 8MB --plain -o to-send.html
                                              one file to send, at most 8 MB large

Without --sheet: the page. With --sheet: the sheet, and the page too if -o or --embed is given.
""")


class CLASS(WithOptionalValue):
    """`--embed` with or without a size."""

    OPTION, DEFAULT = "--embed", DEFAULT
    is_value = staticmethod(looks_like_size)


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
    embed: Annotated[
        str | None,
        typer.Option(
            "--embed",
            metavar="[SIZE]",
            help=_(
                "One file with the pictures inside, at most so large, to be sent. [default: 10MB]"
            ),
        ),
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help=_("Only pictures and prompts: no model, cost, file."))
    ] = False,
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
    from cogview_cli.gallery.write import GalleryPlan, summary, write_page, write_sheets

    plan = GalleryPlan(
        folder=folder,
        page=_page_path(folder, output_, None if embed else sheet),
        on_stdout=output_ == STDOUT,
        sheet=sheet,
        grid=Grid(columns=columns, thumb=thumb),
        title=title or Path(os.path.abspath(folder)).name or "cogview",
        force=force,
        quiet=quiet,
        embed=None if embed is None else read_size(embed),
        plain=plain,
    )
    _check(plan, alone=not (json or sheet or open_))
    items = _items(plan)
    written = [] if plan.page is None else [write_page(plan, items, json=json)]
    if plan.sheet is not None:
        written += write_sheets(plan, plan.sheet, items, json=json)
    if open_ and not _opened(written[0]):
        output.warn(_("no program opens '{path}'", path=written[0]))
    if not quiet:
        output.say(summary(items))


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
    from cogview_cli.gallery.write import some

    found = scan(plan.folder)
    if found.damaged:
        few = some(found.damaged)
        output.warn(_("damaged sidecars: {some}; shown without their data", some=few))
    if found.unreadable:
        output.warn(_("folders that cannot be read: {some}", some=some(found.unreadable)))
    others = _without_picture(plan, {item.key for item in found.items})
    items = in_order([*found.items, *others])
    if not items or (plan.page is None and not found.items):
        raise UsageError(
            _("there is no picture in '{folder}'", folder=plan.folder),
            hint=_("give the folder of the pictures: cogview gallery DIR"),
        )
    return items


def _without_picture(plan: GalleryPlan, saved_keys: set[str]) -> list[GalleryItem]:
    """From the ledger; without it the page still has its pictures."""
    if plan.page is None or plan.plain:
        return []
    from cogview_cli.gallery.outcomes import without_picture

    try:
        return without_picture(plan.folder, saved_keys)
    except CogviewError as error:
        output.warn(_("failed requests are not shown: {why}", why=error.message))
        return []
