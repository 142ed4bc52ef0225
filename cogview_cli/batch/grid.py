"""One tiled picture of a row's images, as image benchmarks read them."""

from __future__ import annotations

import asyncio
import errno
import io
import os
from collections.abc import Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

from cogview_cli.batch.plan import Plan
from cogview_cli.batch.row import target_of
from cogview_cli.disk.atomic import replace_whole, temporary_of
from cogview_cli.disk.destination import Destination
from cogview_cli.disk.names import template_fields
from cogview_cli.disk.unreadable import why_unreadable
from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.outcome import Outcome
from cogview_cli.pillow import DECODERS
from cogview_cli.terminal import ending

FOLDER = "grid"
_SOFTWARE = "cogview-cli grid"
# A text chunk of the PNG, before its pixels.
_MARK = b"tEXtSoftware\0" + _SOFTWARE.encode()


def grid_path(destination: Destination, template: str, fields: dict[str, Any]) -> Path:
    """Where a row's grid goes: `grid/NAME.png`, or `grid.png` in a folder of the row's own."""
    target = target_of(destination, _grid_template(template), fields, FOLDER, "")
    folder, stem = target.place()
    return folder / f"{stem}.png"


def _grid_template(template: str) -> str:
    *folders, name = template.split("/")
    if folders and name.startswith("{n") and name.endswith("}"):
        # `{index:05}/samples/{n:04}`: beside the samples, as GenEval has it.
        own = folders if template_fields(folders[-1]) else folders[:-1]
        return "/".join([*(own or folders), FOLDER])
    bare = name.removesuffix("-{n}")
    return "/".join([*([FOLDER] if bare != name else []), *folders, bare])


def is_grid(path: Path) -> bool:
    """Whether the file is a grid that was made here, so that another one may replace it."""
    try:
        with path.open("rb") as file:
            return path.is_file() and _MARK in file.read(1024)
    except OSError:
        return False


def compose(images: Sequence[str], path: Path, columns: int) -> None:
    """Tiles the images, row by row, at the size of the first, into a PNG. OSError if it can't."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    from cogview_cli.pillow import open_image

    mark = PngInfo()
    mark.add_text("Software", _SOFTWARE)

    with open_image(images[0], DECODERS) as first:
        width, height = first.size
    rows = -(-len(images) // columns)
    with Image.new("RGB", (width * columns, height * rows)) as sheet:
        for number, image in enumerate(images):
            with open_image(image, DECODERS) as tile:
                fitted = tile.convert("RGB")
                if fitted.size != (width, height):
                    fitted = fitted.resize((width, height))
                sheet.paste(fitted, (number % columns * width, number // columns * height))
        data = io.BytesIO()
        sheet.save(data, "PNG", compress_level=1, pnginfo=mark)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_whole(path, data.getvalue(), temporary=temporary_of(path))


def _is_stale(grid: Path, images: Sequence[str]) -> bool:
    """Whether a grid of ours is older than one of its images."""
    with suppress(OSError):
        made = grid.stat().st_mtime_ns
        return is_grid(grid) and any(os.stat(image).st_mtime_ns > made for image in images)
    return False


class Grids:
    """Makes the grid of each row whose last image has arrived, beside the run."""

    def __init__(self, plan: Plan, destination: Destination, columns: int) -> None:
        self._plan, self._destination, self._columns = plan, destination, columns
        self._overwrite = destination.on_exists == "overwrite"
        self._tasks: set[asyncio.Task[None]] = set()
        self._one = asyncio.Semaphore(1)
        self.made = 0

    def check(self) -> None:
        """UsageError if a grid to be made would replace something else, before it is paid for."""
        if self._overwrite:
            return
        for item in chain(self._plan.to_send(), self._plan.to_fetch()):
            path = grid_path(self._destination, item.template, item.fields)
            if not self._may_replace(path):
                raise UsageError(
                    _("--grid: '{path}' exists and is not a grid", path=path),
                    hint=_("move it aside, or: --on-exists overwrite"),
                )

    def _may_replace(self, path: Path) -> bool:
        return self._overwrite or not os.path.lexists(path) or is_grid(path)

    def picture(self, outcome: Outcome, *, fresh: bool) -> None:
        """Looks whether the row of a picture is complete; `fresh`: it is new.

        A grid older than one of its pictures was left by a run that was killed.
        """
        index = outcome.row
        files = self._plan.images_of_row(index)
        if files is None:
            return
        template, fields = self._plan.name_of_row(index)
        path = grid_path(self._destination, template, fields)
        if fresh or not path.exists() or _is_stale(path, files):
            self._tasks.add(asyncio.create_task(self._make(files, path)))

    async def _make(self, files: list[str], path: Path) -> None:
        async with self._one:
            if not self._may_replace(path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
            await asyncio.to_thread(compose, files, path, self._columns)
            self.made += 1

    async def finish(self) -> list[str]:
        """Waits for the grids; what went wrong with some of them."""
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        return [told(error) for error in ended if isinstance(error, Exception)]


def told(error: Exception) -> str:
    """Why a file made of pictures is not there."""
    if isinstance(error, OSError) and error.strerror:
        return ending.as_told(error).message
    return str(why_unreadable(error))
