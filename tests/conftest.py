"""What every test starts from: its own folders, a clean environment, only loopback."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# Before anything is imported: help texts take the language there and then.
os.environ["COGVIEW_LANG"] = "en"

from cogview_cli.sandbox.thread import SandboxThread
from tests.json_lines import check_ended, processes_checked

_CLEARED = ("COGVIEW_", "ZAI_", "ZHIPU", "SSL_CERT_", "REQUESTS_CA_", "CURL_CA_")


@pytest.fixture(autouse=True)
def own_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the developer's machine reaches a test."""
    for name in list(os.environ):
        if name.startswith(_CLEARED) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COGVIEW_LANG", "en")
    # Every download is tried twice: the second try comes when patience ends.
    monkeypatch.setenv("COGVIEW_DOWNLOAD_PATIENCE", "0.05")
    monkeypatch.setenv("COGVIEW_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("COGVIEW_CONFIG_DIR", str(tmp_path / "config"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only loopback is ever a target: anything else fails at once."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else "127.0.0.1"
        if host not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test tried to reach {host}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True, scope="session")
def json_of_processes() -> Iterator[None]:
    """What processes print with --json is as documented."""
    with processes_checked():
        yield


@pytest.fixture
def sandbox() -> Iterator[SandboxThread]:
    """A sandbox on free ports, with its books at hand."""
    with SandboxThread() as box:
        yield box


# A busy machine is slow, which is no error of the code.
hypothesis.settings.register_profile("calm", deadline=None)
hypothesis.settings.load_profile("calm")

Run = Callable[..., "Ended"]


class Ended:
    """How one command line ended: exit code and both streams."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def __repr__(self) -> str:
        return f"exit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


@pytest.fixture
def cogview(
    sandbox: SandboxThread,
    capfdbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """Runs a command line in this process against the sandbox; returns how it ended."""
    monkeypatch.setenv("COGVIEW_BASE_URL", sandbox.base_url)
    monkeypatch.setenv("COGVIEW_API_KEY", "test-key.canary")
    monkeypatch.setattr("cogview_cli.engine.poller.POLL_SECONDS", 0.02)

    def run(*arguments: str) -> Ended:
        from cogview_cli.app import main

        capfdbinary.readouterr()
        code = main(list(arguments))
        out, err = capfdbinary.readouterr()
        check_ended(arguments, out)
        return Ended(code, out.decode(), err.decode())

    return run
