"""D13: a ledger that cannot be read is never taken for one that says nothing was paid."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cogview_cli.sandbox.thread import SandboxThread
from tests.conftest import Run
from tests.faults.world import SMALL, state_folder

pytestmark = pytest.mark.faults


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 + 7)


def _junk(path: Path) -> None:
    path.write_bytes(b"junk" * 5000)


def _holes(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:4096] + os.urandom(len(data) - 4096))


@pytest.mark.parametrize("damage", [_cut, _junk, _holes], ids=["D13 cut", "D13 junk", "D13 holes"])
def test_a_damaged_ledger_stops_every_payment(
    damage: Callable[[Path], None], cogview: Run, sandbox: SandboxThread
) -> None:
    """It is named, with the way to move it aside; then work goes on."""
    assert cogview("gen", "cat", *SMALL, "-o", "cat.png").code == 0
    path = state_folder() / "ledger.db"
    damage(path)
    for command in (("gen", "dog"), ("recover",), ("history",)):
        ended = cogview(*command)
        assert ended.code == 9, ended
        assert str(path) in ended.err and f"mv '{path}'" in ended.err
    assert sandbox.books.posts.total() == 1 and Path("cat.png").exists()
    path.rename(path.with_suffix(".broken"))
    assert cogview("gen", "dog", *SMALL).code == 0


def test_d13_a_ledger_that_is_a_folder(cogview: Run, sandbox: SandboxThread) -> None:
    (state_folder() / "ledger.db").mkdir(parents=True)
    ended = cogview("gen", "cat")
    assert ended.code == 9 and str(state_folder()) in ended.err, ended
    assert not sandbox.books.posts
