"""A sandbox in a thread of its own, for code that does not use asyncio."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType
from typing import Any, Self

from cogview_cli.sandbox.books import Stats
from cogview_cli.sandbox.server import Sandbox


class SandboxThread:
    """`with SandboxThread(tier="V1") as box:` takes the arguments of `Sandbox`."""

    def __init__(self, **options: Any) -> None:
        self._box = Sandbox(**options)
        self._ready = threading.Event()
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None

    @property
    def origin(self) -> str:
        return self._box.origin

    @property
    def base_url(self) -> str:
        return self._box.base_url

    @property
    def image_origin(self) -> str:
        return self._box.image_origin

    @property
    def books(self) -> Stats:
        return self._box.books

    def script(self, match: str | None, names: list[str]) -> None:
        """See `Sandbox.script`."""
        self._box.script(match, names)

    def queue_fault(self, name: str) -> None:
        """See `Sandbox.queue_fault`."""
        self._box.queue_fault(name)

    def skip(self, seconds: float) -> None:
        """See `Sandbox.skip`; done when this returns."""
        done = threading.Event()

        def act() -> None:
            self._box.skip(seconds)
            done.set()

        assert self._loop
        self._loop.call_soon_threadsafe(act)
        done.wait()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        async with self._box:
            self._ready.set()
            await self._end.wait()

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        if self._failure:
            raise self._failure
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._loop and self._end and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()
        if self._failure:
            raise self._failure
