"""The same rules on a shorter scale."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cogview_cli.sandbox.thread import SandboxThread


@pytest.fixture
def sandbox() -> Iterator[SandboxThread]:
    """Slow faults made of quick steps."""
    with SandboxThread(drip=0.002) as box:
        yield box


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter waits; which waits there are stays as it is."""
    monkeypatch.setattr("cogview_cli.engine.retry.THROTTLE_BASE", 0.05)
    monkeypatch.setattr("cogview_cli.engine.retry.TRANSIENT_BASE", 0.02)
    monkeypatch.setattr("cogview_cli.pictures.download.TRIES", 2)
