"""A picture's text checked: a quick look, and others where that leaves a doubt."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from cogview_cli.textcheck.compare import Comparison, TextResult
from cogview_cli.textcheck.reader import Reader
from cogview_cli.textcheck.reading import Look


class TextChecker:
    """Checks pictures while it is open: `async with TextChecker() as checker`."""

    def __init__(self, *, strict: bool = False, reader: Reader | None = None) -> None:
        """`strict`: doubtful characters count as wrong."""
        self._strict = strict
        self._reader = reader or Reader()

    async def __aenter__(self) -> Self:
        """MachineError (exit code 9) where the extra `ocr` is not installed."""
        await self._reader.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._reader.close()

    async def check(self, path: Path, wanted: Sequence[str]) -> TextResult:
        """How the text of the picture at `path` compares with `wanted`, which is not empty.

        Pictures are read one at a time, in the order asked. ReadingFailed (a MachineError) if the
        picture cannot be read: it is on disk all the same.
        """
        comparison = Comparison(wanted)
        for look in Look:
            reading = await self._reader.read(path, look)
            # Long texts take a second to compare; downloads go on meanwhile.
            await asyncio.to_thread(comparison.add, reading.blocks)
            if not comparison.uncertain:
                break
        return comparison.result(strict=self._strict)
