"""What a run leaves under hidden names when it is killed: the next one clears it away."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from cogview_cli.disk.atomic import is_temporary
from cogview_cli.sandbox.thread import SandboxThread
from tests.conftest import Run
from tests.takes.test_killed import killed

pytestmark = pytest.mark.skipif(os.name == "nt", reason="kill -9")
BATCH = ("batch", "p.jsonl", "-s", "512x512", "-o", "out")
ROWS = '{"id": 1, "prompt": "cat", "type": "x"}\n{"id": 2, "prompt": "dog sandbox:1301"}\n'
GENEVAL = '{"tag": "single_object", "include": [], "prompt": "a cat"}\n'


def hidden() -> list[str]:
    """The files here that are ours and that people know nothing of."""
    return [str(path) for path in Path().rglob("*") if is_temporary(path)]


@pytest.mark.parametrize(
    ("step", "rows", "more"),
    [
        ("link failed.jsonl", ROWS, ()),
        ("rename r.csv", ROWS, ("--report", "r.csv")),
        ("rename layout.json", GENEVAL, ("--layout", "geneval", "--count", "1")),
        ("rename metadata.jsonl", GENEVAL, ("--layout", "geneval", "--count", "1")),
        ("rename 0000.png", GENEVAL, ("--layout", "geneval", "--count", "1")),
    ],
)
def test_files_beside_the_pictures(
    step: str, rows: str, more: tuple[str, ...], sandbox: SandboxThread, cogview: Run
) -> None:
    Path("p.jsonl").write_text(rows, "utf-8")
    assert killed(sandbox, Path("none"), step, *BATCH, *more) == -signal.SIGKILL
    assert hidden()
    assert cogview(*BATCH, *more).code in (0, 3)
    assert hidden() == []


def test_a_page(sandbox: SandboxThread, cogview: Run) -> None:
    cogview("gen", "cat", "-s", "512x512", "-o", "out/1.png")
    assert killed(sandbox, Path("none"), "rename index.html", "gallery", "out") == -signal.SIGKILL
    assert hidden()
    assert cogview("gallery", "out").code == 0
    assert hidden() == []
