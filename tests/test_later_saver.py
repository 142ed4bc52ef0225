"""The saver that is loaded while a request is on its way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from cogview_cli.pictures import later

if TYPE_CHECKING:
    from cogview_cli.pictures.saver import ImageSaver


def _unused() -> ImageSaver:
    raise AssertionError("nothing was saved")


def test_a_run_shorter_than_the_wait_for_loading_ends_without_a_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A timer that outlives the saver would ask a closed pool for a thread, and print that."""
    monkeypatch.setattr(later, "SOON_SECONDS", 0.0)
    complaints: list[dict[str, Any]] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        saver = later.LaterSaver(_unused)
        saver.prepare()
        await saver.close()
        await loop.shutdown_default_executor()
        for _ in range(3):
            await asyncio.sleep(0)

    asyncio.run(run())
    assert complaints == []
