"""One prompt becomes one paid-for, checked picture on disk."""

from __future__ import annotations

import json
from pathlib import Path

from cogview_cli.sandbox.thread import SandboxThread
from tests.conftest import Run

PROMPT = "一只可爱的小猫咪，坐在阳光明媚的窗台上，背景是蓝天白云"


def test_the_first_command_yields_a_picture_and_its_sidecar(
    cogview: Run, sandbox: SandboxThread
) -> None:
    ended = cogview("gen", PROMPT, "--size", "1440x720", "--quality", "hd")
    assert ended.code == 0, ended
    picture = Path(ended.out.rstrip("\n"))
    assert picture.read_bytes().startswith(b"\x89PNG")
    kept = json.loads(Path(f"{picture}.json").read_text("utf-8"))
    assert (kept["prompt"], kept["size"], kept["image"]["width"]) == (PROMPT, "1440x720", 1440)
    body = {"model": "cogview-4-250304", "prompt": PROMPT, "size": "1440x720", "quality": "hd"}
    assert list(sandbox.books.bodies) == [body]
    assert sandbox.books.leaks == []
