"""Liveness: a run is alive until it ends or its process dies, and not a moment longer."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cogview_cli.disk.locks import (
    Busy,
    ProcessLock,
    WaitList,
    exclusive_lock,
    is_alive,
    kernel_lock,
)
from tests.processes import child

CHILD = """
import sys
from pathlib import Path
from cogview_cli.disk.locks import ProcessLock
run = ProcessLock(Path(sys.argv[1]))
print(run.name, flush=True)
sys.stdin.read()
"""


@contextmanager
def other_run(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process with a run of its own, and the run's name."""
    with child(sys.executable, "-c", CHILD, str(folder)) as process:
        assert process.stdout
        yield process, process.stdout.readline().strip()


def test_a_run_is_alive_until_it_is_released(tmp_path: Path) -> None:
    run = ProcessLock(tmp_path)
    assert is_alive(tmp_path, run.name)
    run.release()
    assert not is_alive(tmp_path, run.name)


def test_a_run_nobody_started_is_not_alive(tmp_path: Path) -> None:
    assert not is_alive(tmp_path, "0123456789abcdef")


def test_asking_does_not_end_a_run(tmp_path: Path) -> None:
    run = ProcessLock(tmp_path)
    assert [is_alive(tmp_path, run.name) for _ in range(3)] == [True] * 3
    run.release()


def test_another_process_is_alive_until_it_is_killed(tmp_path: Path) -> None:
    with other_run(tmp_path) as (process, name):
        assert is_alive(tmp_path, name)
        process.kill()
        process.wait()
        assert not is_alive(tmp_path, name)


def test_what_a_dead_run_left_behind_is_cleared_away(tmp_path: Path) -> None:
    with other_run(tmp_path) as (process, name):
        process.kill()
        process.wait()
    assert not is_alive(tmp_path, name)
    assert list(tmp_path.glob(f"*{name}*")) == []


def test_runs_have_names_of_their_own(tmp_path: Path) -> None:
    first, second = ProcessLock(tmp_path), ProcessLock(tmp_path)
    assert first.name != second.name
    first.release()
    assert is_alive(tmp_path, second.name)
    second.release()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
def test_nobody_else_can_read_the_folder_of_runs(tmp_path: Path) -> None:
    run = ProcessLock(tmp_path / "runs")
    assert (tmp_path / "runs").stat().st_mode & 0o077 == 0
    run.release()


def test_a_lock_keeps_others_out_until_it_is_released(tmp_path: Path) -> None:
    first, second = kernel_lock(tmp_path / "a.lock"), kernel_lock(tmp_path / "a.lock")
    first.acquire()
    with pytest.raises(Busy):
        second.acquire()
    first.release()
    second.acquire()
    with pytest.raises(Busy):
        first.acquire()
    second.release()
    assert (tmp_path / "a.lock").exists()


def test_locks_of_both_kinds_keep_each_other_out(tmp_path: Path) -> None:
    """Versions up to 0.3.0 took all of theirs through filelock."""
    path, ours = tmp_path / "a.lock", kernel_lock(tmp_path / "a.lock")
    with exclusive_lock(path, wait=False), pytest.raises(Busy):
        ours.acquire()
    ours.acquire()
    with pytest.raises(Busy), exclusive_lock(path, wait=False):
        raise AssertionError("never entered")
    ours.release()
    with exclusive_lock(path, wait=False):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be removed there")
def test_a_lock_on_a_file_that_is_removed_meanwhile_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process would make the file anew and lock that one."""
    import fcntl

    def removed_first(descriptor: int, operation: int) -> None:
        (tmp_path / "a.lock").unlink()
        flock(descriptor, operation)

    flock, lock = fcntl.flock, kernel_lock(tmp_path / "a.lock")
    monkeypatch.setattr(fcntl, "flock", removed_first)
    with pytest.raises(Busy):
        lock.acquire()
    monkeypatch.undo()
    lock.acquire()
    lock.release()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a privilege there")
def test_no_lock_is_taken_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "a.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"a\.lock"):
        kernel_lock(tmp_path / "a.lock").acquire()
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no descriptors in /dev/fd")
def test_a_lock_that_was_not_to_be_had_leaves_no_file_open(tmp_path: Path) -> None:
    held, wanted = kernel_lock(tmp_path / "a.lock"), kernel_lock(tmp_path / "a.lock")
    held.acquire()
    before = len(os.listdir("/dev/fd"))
    for _ in range(3):
        with pytest.raises(Busy):
            wanted.acquire()
    assert len(os.listdir("/dev/fd")) == before
    held.release()


@pytest.mark.skipif(sys.platform == "win32", reason="filelock knows no shared locks")
def test_two_that_look_at_once_do_not_take_each_other_for_the_owner(tmp_path: Path) -> None:
    """The run is dead: neither must think that its requests are in living hands."""
    with other_run(tmp_path) as (process, name):
        looking = kernel_lock(tmp_path / f"{name}.lock")
        with pytest.raises(Busy):
            looking.probe()
        process.kill()
        process.wait()
    looking.probe()
    assert not is_alive(tmp_path, name)
    looking.release()


@pytest.mark.skipif(sys.platform == "win32", reason="filelock makes one")
def test_to_look_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        kernel_lock(tmp_path / "a.lock").probe()
    assert not (tmp_path / "a.lock").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a privilege there")
def test_nobody_steps_aside_for_what_is_no_lock(tmp_path: Path) -> None:
    """Another user's file, a link: whether somebody waits there cannot be told."""
    (tmp_path / "a.lock").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").touch()
    (tmp_path / "b.lock").mkdir()
    assert not WaitList(tmp_path).others()


@pytest.mark.skipif(sys.platform == "win32", reason="no fork there")
def test_a_slot_is_never_two_processes(tmp_path: Path) -> None:
    """100 that take a slot of five, hold it for a moment, and end or die with it."""
    script = """
import os, random, signal, sys, time
from pathlib import Path
from cogview_cli.disk.locks import Busy, kernel_lock
folder = Path(sys.argv[1])
for child in range(100):
    if os.fork() == 0:
        while True:
            lock = kernel_lock(folder / f"{random.randrange(5)}.lock")
            try:
                lock.acquire()
            except Busy:
                time.sleep(0.002)
                continue
            held = lock._path.with_suffix(".held")
            os.close(os.open(held, os.O_CREAT | os.O_EXCL))
            time.sleep(random.uniform(0, 0.004))
            held.unlink()
            if child % 3:
                lock.release()
            else:
                os.kill(os.getpid(), signal.SIGKILL)
            os._exit(0)
ends = [os.waitpid(-1, 0)[1] for _ in range(100)]
assert set(ends) <= {0, signal.SIGKILL}, ends
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, timeout=60)


@pytest.mark.skipif(sys.platform == "win32", reason="no fork there")
def test_what_is_released_is_free_though_a_forked_child_lives(tmp_path: Path) -> None:
    """A program that imports this one may fork for reasons of its own."""
    script = """
import os, signal, sys
from pathlib import Path
from cogview_cli.disk.locks import ProcessLock, is_alive, kernel_lock
folder = Path(sys.argv[1])
ours, run = kernel_lock(folder / "a.lock"), ProcessLock(folder)
ours.acquire()
child = os.fork()
if not child:
    signal.pause()
try:
    ours.release()
    kernel_lock(folder / "a.lock").acquire()
    (folder / f"{run.name}.lock").rename(folder / "kept.lock")
    run.release()
    assert not is_alive(folder, "kept")
finally:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, timeout=60)
