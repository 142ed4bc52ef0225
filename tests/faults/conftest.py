"""The same rules on a shorter scale."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cogview_cli.sandbox.thread import SandboxThread
from tests.faults.peers import HOST, HttpProxy


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


@pytest.fixture(params=["direct", "by proxy"])
def both_transports(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The case over our own transport, then over httpx's, which is in use behind a proxy.

    For that, what is on loopback is no exception to the proxy.
    """
    if request.param == "direct":
        yield
        return
    with HttpProxy() as proxy:
        monkeypatch.setenv("ALL_PROXY", f"http://{HOST}:{proxy.port}")
        monkeypatch.setattr("cogview_cli.net.proxies.is_loopback", lambda _host: False)
        yield
        assert any("/images/generations" in url for url in proxy.asked)
