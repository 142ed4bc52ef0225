"""Xinference with its built-in `cogview4`, made of tiny random weights."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.peers.process import HOST, environment, free_port, server

MODEL = "cogview4"
LAUNCH_SECONDS = 300


def tiny_weights(programs: Path, folder: Path) -> Path:
    """The weights, written by `tiny_cogview4.py` in the server's own environment."""
    script = Path(__file__).parent / "tiny_cogview4.py"
    _run(str(programs / "python"), str(script), str(folder))
    return folder


@contextmanager
def xinference(programs: Path, weights: Path, folder: Path) -> Iterator[str]:
    """The base URL of a server without accounts that has the model in memory."""
    port = free_port()
    origin = f"http://{HOST}:{port}"
    # 4.1 wants an account made first; with this it takes requests without a key, as before.
    quiet = _environment(XINFERENCE_HOME=str(folder), XINFERENCE_AUTH_ADVANCED="false")
    command = [str(programs / "xinference-local"), "--host", HOST, "--port", str(port)]
    with server(command, f"{origin}/v1/models", folder / "xinference.log", quiet):
        _run(
            str(programs / "xinference"), "launch", "--endpoint", origin, "--model-name", MODEL,
            "--model-uid", MODEL, "--model-type", "image", "--model-path", str(weights),
            "--disable-virtual-env", XINFERENCE_HOME=str(folder),
        )  # fmt: skip
        yield f"{origin}/v1"


def _environment(**more: str) -> dict[str, str]:
    return environment(HF_HUB_OFFLINE="1", XINFERENCE_DISABLE_METRICS="1", **more)


def _run(*command: str, **more: str) -> None:
    done = subprocess.run(
        command,
        env=_environment(**more),
        capture_output=True,
        text=True,
        timeout=LAUNCH_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
