"""The best of what tries that failed have brought, while others are made."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Self

from cogview_cli.disk.atomic import own_name
from cogview_cli.pictures.failure import Arrived, DownloadFailed


class SetAside:
    """A file beside `part`, for as long as the block lasts."""

    def __init__(self, part: Path) -> None:
        self._part = part
        self._path = own_name(part.with_suffix(".best.part"))
        self._best: Arrived | None = None

    def keep(self, failure: DownloadFailed) -> None:
        """Sets aside what is in the part file if it is better than all before."""
        if failure.arrived and failure.arrived.is_better_than(self._best):
            self._part.replace(self._path)
            self._best = failure.arrived

    def put_back(self, failure: DownloadFailed) -> None:
        """Makes the best of all tries what came with `failure`, the last one."""
        if self._best and self._best.is_better_than(failure.arrived):
            self._path.replace(self._part)
            failure.arrived = self._best

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
