"""Reads text off pictures, in one process beside this one.

The process is started by the first reading, loads its models once, and works at low priority on
one thread. It ends when this one does, however that ends: its input is closed then.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cogview_cli.errors import MachineError
from cogview_cli.i18n import _
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.textcheck.extra import require
from cogview_cli.textcheck.reading import Block, Look, Reading

SECONDS_A_PICTURE = 120.0
LONGEST_ANSWER = 2**24
GIVE_UP_AFTER = 3
# glibc gives memory back to the system that would lie about in pieces of the models' many sizes;
# elsewhere these say nothing.
_MEMORY = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(4 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(32 * 2**20),
}
# Not `-m`: that would look for modules in the current folder first.
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]);"
    " from cogview_cli.textcheck.worker import main; main()"
)


class ReadingFailed(MachineError):
    """A picture could not be read; it is where it was. `why` says so without its name."""

    def __init__(self, path: Path, why: object, *, hint: str = "") -> None:
        super().__init__(
            _("cannot read the text of '{path}': {why}", path=path, why=why), hint=hint
        )
        self.why = str(why)


class _Died(Exception):
    """The process is gone, or does not answer."""


class Reader:
    """Reads pictures one after the other; `async with`, or `close()` at the end."""

    def __init__(self, command: list[str] | None = None) -> None:
        """`command`: what to run instead of the worker, for tests."""
        self._command = command or [
            sys.executable, "-P", "-c", _START, json.dumps(sys.path),
        ]  # fmt: skip
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._deaths = 0

    @property
    def pid(self) -> int | None:
        """The process that reads; None before the first picture, and after the last."""
        return None if self._process is None else self._process.pid

    async def __aenter__(self) -> Self:
        """MachineError without the extra; nothing is started yet."""
        require()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def read(self, path: Path, look: Look = Look.QUICK) -> Reading:
        """What stands on the picture at `path`. ReadingFailed if that cannot be told.

        A process that dies is started again once for the same picture.
        """
        async with self._turn:
            for _attempt in range(2):
                with suppress(_Died):
                    return await self._ask(path, look)
                self._deaths += 1
                if self._deaths >= GIVE_UP_AFTER:
                    break
        hint = _("check it later: cogview check-text '{path}'", path=path)
        raise ReadingFailed(path, _("the reader ended"), hint=hint)

    async def close(self) -> None:
        """Ends the process, if there is one."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _ask(self, path: Path, look: Look) -> Reading:
        if self._deaths >= GIVE_UP_AFTER:
            raise _Died
        try:
            async with asyncio.timeout(SECONDS_A_PICTURE):
                answer = await self._exchange({"path": str(path.absolute()), "look": look})
        except (OSError, ValueError, TimeoutError):
            await self.close()
            raise _Died from None
        except BaseException:
            # An answer that nobody waits for would be taken for the next picture's.
            await self.close()
            raise
        try:
            found = _reading(path, answer)
        except (AttributeError, KeyError, TypeError, ValueError):  # no answer of ours
            await self.close()
            raise _Died from None
        self._deaths = 0
        return found

    async def _exchange(self, request: dict[str, Any]) -> Any:
        """One line there, one line back. OSError or ValueError if there is no answer."""
        if self._process is None:
            self._process = await self._started()
        there, back = self._process.stdin, self._process.stdout
        assert there is not None and back is not None
        there.write(json.dumps(request).encode() + b"\n")
        await there.drain()
        line = await back.readline()
        if not line.endswith(b"\n"):
            raise ConnectionError
        return json.loads(line)

    async def _started(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_environment(),
            limit=LONGEST_ANSWER,
        )


def _environment() -> dict[str, str]:
    """Ours, without keys: nothing in there is for other people's libraries."""
    ours = {name: value for name, value in os.environ.items() if not name.endswith("API_KEY")}
    return {**ours, **_MEMORY}


def _reading(path: Path, answer: dict[str, Any]) -> Reading:
    """The reading an answer of the worker holds. ReadingFailed if it is an error."""
    if stored := answer.get("error"):
        raise ReadingFailed(path, Message.from_stored(stored))
    blocks = tuple(
        Block(text, tuple((x, y) for x, y in box), tuple(confidences))
        for text, box, confidences in answer["blocks"]
    )
    return Reading(blocks)
