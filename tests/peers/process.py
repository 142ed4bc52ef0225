"""A server of somebody else's in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

HOST = "127.0.0.1"
START_SECONDS = 180


def free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])


def environment(**more: str) -> dict[str, str]:
    """Without proxies: all that is asked is on this machine."""
    own = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return {**own, **more}


@contextmanager
def server(command: Sequence[str], alive: str, log: Path, env: dict[str, str]) -> Iterator[None]:
    """The server from when `alive` answers 200 until the block ends."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        _wait(process, alive, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(1)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], alive: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _answers(alive):
        text = log.read_text("utf-8", "replace")[-2000:]
        assert process.poll() is None, f"it has ended:\n{text}"
        assert time.monotonic() < deadline, f"it does not answer:\n{text}"
        time.sleep(0.2)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
