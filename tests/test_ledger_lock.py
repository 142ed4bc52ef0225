"""A ledger that another process holds for long is temporary; a full or broken disk is not."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cogview_cli.errors import Locked, MachineError
from cogview_cli.ledger import Ledger
from cogview_cli.ledger.file import LedgerFile
from cogview_cli.sandbox.thread import SandboxThread
from tests.conftest import Run


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The ledger's file, in being; it is waited for a short time only."""
    monkeypatch.setattr("cogview_cli.ledger.file.BUSY_SECONDS", 0.2)
    with Ledger(Path(os.environ["COGVIEW_STATE_DIR"])) as ledger:
        return ledger.path


@contextmanager
def held(path: Path, how: str) -> Iterator[None]:
    """Another process writes, or is about to."""
    other = sqlite3.connect(path, isolation_level=None)
    try:
        other.execute(f"BEGIN {how}")
        yield
    finally:
        other.close()


LINES = [
    ("gen", "cat"), ("batch", "p.txt"), ("recover",), ("history",),
    ("history", "resolve", "x", "--drop"),
]  # fmt: skip


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_a_locked_ledger_is_75_and_said_to_be_locked(
    line: tuple[str, ...], path: Path, cogview: Run, sandbox: SandboxThread
) -> None:
    Path("p.txt").write_text("cat\n")
    with held(path, "EXCLUSIVE"):
        ended = cogview(*line)
    assert ended.code == 75, ended
    assert "locked by another process" in ended.err and str(path) in ended.err
    assert "space" not in ended.err and not sandbox.books.posts


def test_a_lock_that_comes_while_a_run_is_on(path: Path, cogview: Run) -> None:
    """Readers are let in, writers are not: the intent cannot be written, so nothing is sent."""
    with held(path, "IMMEDIATE"):
        ended = cogview("gen", "cat", "-s", "512x512", "--json")
    assert ended.code == 75 and "locked by another process" in ended.out, ended


def test_an_answer_that_a_lock_keeps_out_is_rescued(
    path: Path, cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paid is paid: a lock is handled as a full disk is, in other words."""
    answer = Ledger.answer

    def locked(self: Ledger, *args: object, **more: object) -> object:
        monkeypatch.setattr(Ledger, "answer", answer)
        raise self._file._locked()

    monkeypatch.setattr(Ledger, "answer", locked)
    ended = cogview("gen", "cat", "-s", "512x512")
    assert ended.code == 6 and "hint: cogview recover" in ended.err, ended
    assert "space" not in ended.err
    assert cogview("recover").code == 0 and len(list(Path.cwd().glob("*.png"))) == 1


def error_with(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("said by SQLite")
    error.sqlite_errorcode = code
    return error


TEMPORARY = (
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_BUSY_RECOVERY,
    sqlite3.SQLITE_BUSY_SNAPSHOT, sqlite3.SQLITE_LOCKED_SHAREDCACHE,
)  # fmt: skip
LASTING = (
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR_LOCK, sqlite3.SQLITE_IOERR_FSYNC,
)  # fmt: skip


@pytest.mark.parametrize("code", [*TEMPORARY, *LASTING])
def test_each_error_of_sqlite_has_its_kind(code: int, tmp_path: Path) -> None:
    file = LedgerFile(tmp_path / "state", patience=7)
    try:
        with pytest.raises(MachineError) as caught, file.explained():
            raise error_with(code)
    finally:
        file.close()
    assert isinstance(caught.value, Locked) is (code in TEMPORARY)
    assert ("for 7 s" in caught.value.message) is (code in TEMPORARY)
    assert caught.value.exit_code == (75 if code in TEMPORARY else 9)
