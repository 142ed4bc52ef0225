"""What the tests of takes start from: the stand-in, and a way to run batches with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cogview_cli.textcheck import extra, reader
from tests.conftest import Ended, Run
from tests.takes import standin

SMALL = ("-s", "512x512")
Batch = Callable[..., Ended]


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-in in place of the reader; what it knows."""
    path = tmp_path / "table.json"
    monkeypatch.setenv(standin.TABLE, str(path))
    monkeypatch.setattr(reader, "_START", standin._START)
    monkeypatch.setattr(extra, "NEEDED", ())
    standin.write_table(path, [])
    return path


@pytest.fixture
def plain_batch(cogview: Run, table: Path) -> Batch:
    """`cogview batch p.txt` of these prompts into `out`; further arguments as they are given."""

    def run(prompts: list[str], *arguments: str) -> Ended:
        Path("p.txt").write_text("".join(f"{prompt}\n" for prompt in prompts), "utf-8")
        return cogview("batch", "p.txt", *SMALL, "-o", "out", "--name", "{index}", *arguments)

    return run


@pytest.fixture
def batch(plain_batch: Batch, table: Path) -> Batch:
    """The same, with all that stands on its pictures read for certain."""

    def run(prompts: list[str], *arguments: str) -> Ended:
        standin.write_table(table, prompts)
        return plain_batch(prompts, *arguments)

    return run


@pytest.fixture
def gen(cogview: Run, table: Path) -> Batch:
    """`cogview gen` of a prompt; further arguments as they are given."""

    def run(prompt: str, *arguments: str) -> Ended:
        standin.write_table(table, [prompt])
        return cogview("gen", prompt, *SMALL, *arguments)

    return run
