"""Puts the pictures of a batch where a benchmark's scorer reads them: links, grids, metadata."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

from cogview_cli.batch.grid import compose, is_grid, told
from cogview_cli.batch.layouts import PICTURES, TILES, Layout, read_name
from cogview_cli.batch.plan import Plan
from cogview_cli.batch.row import target_of
from cogview_cli.disk.atomic import own_name, replace_whole, temporary_of
from cogview_cli.disk.destination import Destination
from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.outcome import Outcome

MANIFEST = "layout.json"
LONGEST_NAME = 255


class LayoutFiles:
    """The files that a scorer reads, made as the pictures come, and told from those of others."""

    def __init__(self, plan: Plan, destination: Destination, layout: Layout) -> None:
        self._plan, self._destination, self._layout = plan, destination, layout
        self._root = Path(destination.root)
        self._manifest = self._root / PICTURES / MANIFEST
        self._made: dict[str, list[int]] = self._read_manifest()
        self._rows: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._one = asyncio.Semaphore(1)

    def _read_manifest(self) -> dict[str, list[int]]:
        with suppress(OSError, ValueError, AttributeError):
            return dict(json.loads(self._manifest.read_text("utf-8")).items())
        return {}

    def check(self) -> None:
        """UsageError for a file in the way that is not ours, or a name that cannot be had."""
        for item in chain(self._plan.to_send(), self._plan.to_fetch()):
            path = self._path(item.template, item.fields, item.n, item.body["prompt"])
            if len(os.fsencode(path.name)) > LONGEST_NAME:
                raise UsageError(
                    _("{where}: too long for a file's name", where=self._plan.place(item.index)),
                    hint=_("its scorer reads the prompt off the name: leave the row out"),
                )
            if not self._may_replace(path):
                raise UsageError(
                    _("--layout: '{path}' exists and is not of this layout", path=path),
                    hint=_("move it aside, or choose another folder: --output"),
                )

    def _may_replace(self, path: Path) -> bool:
        known = self._made.get(self._relative(path))
        if not os.path.lexists(path) or known == _identity(path):
            return True
        return self._layout.grid and is_grid(path)

    def _path(self, template: str, fields: dict[str, Any], n: int, prompt: str) -> Path:
        """Where the scorer looks for the `n`-th picture of a row, or for the grid of all."""
        tiles = self._layout.grid and template.endswith("-{n}")
        whole = template.removesuffix("-{n}") if tiles else template
        folder, stem = target_of(self._destination, whole, fields, n, "").place()
        placed = (folder / stem).relative_to(self._root).as_posix()
        return self._root / f"{read_name(self._layout, placed, prompt)}.png"

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def picture(self, outcome: Outcome, *, fresh: bool) -> None:
        """One picture is there: it is linked, or its row's grid made once that is complete."""
        template, fields = self._plan.name_of_row(outcome.row)
        path = self._path(template, fields, outcome.n, outcome.prompt)
        files = [outcome.files[0].file]
        if self._layout.grid and template.endswith("-{n}"):
            files = self._plan.images_of_row(outcome.row) or []
            if len(files) != TILES:
                return
        self._rows.add(outcome.row)
        self._tasks.add(asyncio.create_task(self._make(files, path, fresh)))

    async def _make(self, files: list[str], path: Path, fresh: bool) -> None:
        async with self._one:
            await asyncio.to_thread(self._place, files, path, fresh)

    def _place(self, files: list[str], path: Path, fresh: bool) -> None:
        relative = self._relative(path)
        known = self._made.get(relative)
        if not fresh and known and known == _identity(path):
            return
        if not self._may_replace(path) and not _is_same(files, path):
            raise FileExistsError(17, os.strerror(17), str(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        if len(files) > 1:
            compose(files, path, 2)
        else:
            _link(Path(files[0]), path)
        self._made[relative] = _identity(path)

    async def finish(self) -> list[str]:
        """Waits for the files; what went wrong with some of them."""
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        troubles = [told(error) for error in ended if isinstance(error, Exception)]
        if self._rows:
            more = list(self._more())
            try:
                await asyncio.to_thread(_write_all, more)
            except OSError as error:
                troubles.append(told(error))
        return troubles

    def _more(self) -> Iterator[tuple[Path, bytes]]:
        """The metadata of every row with a picture, and which files are ours."""
        for item in self._plan.items() if self._layout.metadata else ():
            if item.n == 1 and item.index in self._rows:
                own = {k: v for k, v in item.source.items() if k not in ("file", "line", "row_id")}
                line = json.dumps({**own, "prompt": item.body["prompt"]}, ensure_ascii=False)
                sample = self._path(item.template, item.fields, 1, "")
                yield sample.parents[1] / "metadata.jsonl", f"{line}\n".encode()
        yield self._manifest, json.dumps(self._made, indent=0).encode()


def _write_all(files: Sequence[tuple[Path, bytes]]) -> None:
    for path, data in files:
        replace_whole(path, data)


def _identity(path: Path) -> list[int]:
    """What tells a file from another one, or from itself once it is changed."""
    try:
        found = path.lstat()
    except OSError:
        return []
    return [found.st_size, found.st_mtime_ns]


def _is_same(files: list[str], path: Path) -> bool:
    """Whether a killed run has linked this picture already."""
    with suppress(OSError):
        return len(files) == 1 and path.read_bytes() == Path(files[0]).read_bytes()
    return False


def _link(picture: Path, path: Path) -> None:
    """The picture under another name, without using more space where the disk can do that."""
    temporary = own_name(temporary_of(path))
    try:
        os.link(picture, temporary)
    except OSError:
        shutil.copy2(picture, temporary)
    os.replace(temporary, path)
    temporary.unlink(
        missing_ok=True
    )  # replacing a link by another one of the same file does nothing
