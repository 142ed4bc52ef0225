"""hf-serve with a CogView4 of tiny random weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.peers.process import HOST, environment, free_port, server

# What it is called by default in the profile, and by hf-serve where it comes from the hub.
MODEL = "zai-org/CogView4-6B"


@contextmanager
def hf_serve(programs: Path, weights: Path, folder: Path) -> Iterator[str]:
    """The base URL of a server that has the model in memory.

    The folder is loaded; MODEL_ID names it, without which the list of models has `"id": null`.
    """
    port = free_port()
    origin = f"http://{HOST}:{port}"
    command = (
        str(programs / "hf-serve"), "--model-dir", str(weights), "--task", "text-to-image",
        "--device", "cpu", "--dtype", "float32", "--host", HOST, "--port", str(port),
    )  # fmt: skip
    named = environment(HF_HUB_OFFLINE="1", MODEL_ID=MODEL)
    with server(command, f"{origin}/health", folder / "hf-serve.log", named):
        yield f"{origin}/v1"
