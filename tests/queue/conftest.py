"""What the tests of the queue share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.support import Batch, batch_of
from tests.conftest import Run
from tests.faults.peers import HOST, HttpProxy


@pytest.fixture
def sandbox() -> Iterator[SandboxThread]:
    """A sandbox whose queue is quick."""
    with SandboxThread(queue_latency=(0.2, 0.2)) as box:
        yield box


@pytest.fixture
def patient_sandbox(sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch) -> SandboxThread:
    """One whose queue takes ten minutes, however slow the machine: `skip` makes them pass."""
    monkeypatch.setattr(sandbox._box._queue, "_latency", (600.0, 600.0))
    return sandbox


@pytest.fixture
def batch(cogview: Run) -> Batch:
    """`cogview batch p.txt` into `out`."""
    return batch_of(cogview)


@pytest.fixture(autouse=True)
def quick_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that lags would be waited for."""
    monkeypatch.setattr("cogview_cli.queue.sender.ABSENT_SECONDS", (0.0, 0.01))


@pytest.fixture(params=["direct", "by proxy"])
def both_transports(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Over our own transport, then over httpx's, which is in use behind a proxy."""
    if request.param == "direct":
        yield
        return
    with HttpProxy() as proxy:
        monkeypatch.setenv("ALL_PROXY", f"http://{HOST}:{proxy.port}")
        monkeypatch.setattr("cogview_cli.net.proxies.is_loopback", lambda _host: False)
        yield
        assert any("/batches" in url for url in proxy.asked)
        assert any(url.endswith("/files") for url in proxy.asked)
