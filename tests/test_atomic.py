"""Files: whole or absent, never clobbered, and a clear error where that cannot be."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO

import pytest

from cogview_cli.disk import atomic
from cogview_cli.disk.atomic import (
    check_writable,
    clear_left,
    ensure_folder,
    is_temporary,
    move_new,
    open_new,
    own_name,
    publish,
    replace_whole,
    sync_folder,
    temporary_beside,
    whole_text,
    write_synced,
)
from cogview_cli.disk.locks import kernel_lock
from cogview_cli.disk.probe import try_folder, try_lock
from cogview_cli.disk.rename import rename_new
from cogview_cli.errors import MachineError

needs_unprivileged = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not bind this user"
)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """An empty folder with nothing in it but what the test puts there."""
    folder = tmp_path / "own"
    folder.mkdir()
    return folder


def part(folder: Path, data: bytes = b"new") -> Path:
    path = temporary_beside(folder)
    write_synced(path, data)
    return path


def publish_as(source: Path, folder: Path, *, overwrite: bool = False) -> Path:
    return publish(source, folder, "cat", ".png", overwrite=overwrite, free=lambda path: True)


def occupy(path: Path, how: str) -> Path:
    """Something is at `path` already; returns the file that must not change."""
    victim = path.parent / "victim"
    if how == "file":
        path.write_bytes(b"old")
        return path
    if how == "folder":
        path.mkdir()
        victim = path / "inside"
    if how == "symlink":
        path.symlink_to(victim)
    victim.write_bytes(b"old")
    return victim


@pytest.mark.parametrize("how", ["file", "symlink", "folder"])
def test_publishing_never_clobbers(own: Path, how: str) -> None:
    victim = occupy(own / "cat.png", how)
    assert publish_as(part(own), own) == own / "cat-2.png"
    assert victim.read_bytes() == b"old"
    assert (own / "cat-2.png").read_bytes() == b"new"


def test_publishing_does_not_write_through_a_dangling_symlink(own: Path) -> None:
    (own / "cat.png").symlink_to(own / "nowhere")
    assert publish_as(part(own), own).name == "cat-2.png"
    assert not (own / "nowhere").exists()


def test_publishing_takes_the_name_when_it_is_free_and_leaves_no_temporary(own: Path) -> None:
    assert publish_as(part(own), own) == own / "cat.png"
    assert os.listdir(own) == ["cat.png"]


def test_a_name_that_is_not_free_is_passed_over(own: Path) -> None:
    path = publish(part(own), own, "cat", ".png", overwrite=False, free=lambda p: p.stem == "cat-3")
    assert path.name == "cat-3.png"


def test_overwriting_on_demand_replaces_a_symlink_and_not_its_target(own: Path) -> None:
    victim = occupy(own / "cat.png", "symlink")
    path = publish_as(part(own), own, overwrite=True)
    assert path.read_bytes() == b"new" and not path.is_symlink()
    assert victim.read_bytes() == b"old"


def test_publishers_of_one_name_at_once_all_get_their_own(own: Path) -> None:
    barrier = threading.Barrier(6)

    def run(number: int) -> Path:
        source = part(own, b"%d" % number)
        barrier.wait()
        return publish_as(source, own)

    with ThreadPoolExecutor(6) as pool:
        paths = list(pool.map(run, range(6)))
    assert [path.read_bytes() for path in paths] == [b"%d" % n for n in range(6)]
    assert len(set(paths)) == len(os.listdir(own)) == 6


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOTSUP, errno.EXDEV])
def test_without_hard_links_publishing_still_does_not_clobber(
    own: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", refuse)
    victim = occupy(own / "cat.png", "symlink")
    path = publish_as(part(own), own)
    assert (path.name, path.read_bytes(), victim.read_bytes()) == ("cat-2.png", b"new", b"old")


class NoKernelRename:
    """`renameat2` on a file system that knows no flags (FUSE, vboxsf)."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int = errno.EINVAL) -> None:
        def refuse(*_: object) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "link", refuse)
        monkeypatch.setattr("cogview_cli.disk.rename._exclusive", refuse)


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM])
@pytest.mark.parametrize("how", ["file", "symlink", "folder"])
def test_with_neither_links_nor_exclusive_renames_nothing_is_clobbered(
    own: Path, monkeypatch: pytest.MonkeyPatch, code: int, how: str
) -> None:
    victim = occupy(own / "cat.png", how)
    NoKernelRename(monkeypatch, code)
    path = publish_as(part(own), own)
    assert (path.name, path.read_bytes(), victim.read_bytes()) == ("cat-2.png", b"new", b"old")
    assert not list(own.glob(".cogview-*"))


def test_the_kernel_renames_without_replacing(own: Path) -> None:
    source = part(own)
    (own / "taken").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        rename_new(source, own / "taken")
    assert rename_new(source, own / "free") in ("kernel", "reserved")
    assert (own / "free").read_bytes() == b"new" and (own / "taken").read_bytes() == b"old"
    assert not source.exists()


def test_publishers_without_links_all_get_their_own(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    NoKernelRename(monkeypatch)
    barrier = threading.Barrier(6)

    def run(number: int) -> Path:
        source = part(own, b"%d" % number)
        barrier.wait()
        return publish_as(source, own)

    with ThreadPoolExecutor(6) as pool:
        paths = list(pool.map(run, range(6)))
    assert [path.read_bytes() for path in paths] == [b"%d" % n for n in range(6)]
    assert len(set(paths)) == 6


@pytest.mark.parametrize("step", ["mkdir", "rename", "rmdir"])
def test_a_kill_without_links_leaves_the_whole_file_under_one_name(own: Path, step: str) -> None:
    """Never an empty or partial one under the picture's."""
    source = part(own, b"whole")
    script = (
        "import os, signal, sys; from pathlib import Path; from cogview_cli.disk import rename\n"
        "def refuse(*_): raise OSError(22, 'no')\n"
        "rename._exclusive = refuse\n"
        f"os.{step} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "rename.rename_new(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    command = [sys.executable, "-c", script, str(source), str(own / "cat.png")]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    (whole,) = [path for path in own.iterdir() if path.is_file()]
    assert whole.read_bytes() == b"whole"
    again = part(own) if whole.name == "cat.png" else source
    assert publish_as(again, own).read_bytes() in (b"whole", b"new")


@pytest.mark.parametrize(
    "code",
    [errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF, errno.EACCES],
)
@pytest.mark.parametrize("call", ["open", "fsync"])
def test_a_folder_that_cannot_be_synced_is_no_error(
    own: Path, monkeypatch: pytest.MonkeyPatch, code: int, call: str
) -> None:
    real = getattr(os, call)

    def refuse(what: int | Path, *more: object) -> object:
        if os.path.isdir(what):
            raise OSError(code, os.strerror(code))
        return real(what, *more)

    monkeypatch.setattr(os, call, refuse)
    assert not sync_folder(own)
    replace_whole(own / "x", b"new")
    assert publish_as(part(own), own).read_bytes() == b"new"


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_a_folder_whose_disk_fails_is_one(
    own: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match=os.strerror(code)):
        sync_folder(own)


@pytest.mark.parametrize("what", ["nothing", "file", "folder", "symlink", "fifo"])
def test_a_name_of_ours_is_taken_from_nobody_else(own: Path, what: str) -> None:
    name, precious = own / "x.part", own / "precious"
    precious.write_bytes(b"old")
    make = {
        "nothing": lambda: None,
        "file": lambda: name.write_bytes(b"of a killed run"),
        "folder": name.mkdir,
        "symlink": lambda: name.symlink_to(precious),
        "fifo": lambda: os.mkfifo(name),
    }
    make[what]()
    ready = own_name(name)
    with open_new(ready) as file:
        file.write(b"new")
    assert (ready == name) is (what in ("nothing", "file"))
    assert ready.read_bytes() == b"new" and precious.read_bytes() == b"old"
    assert what in ("nothing", "file") or not name.is_file() or name.is_symlink()


def test_a_folder_shows_what_it_can_and_keeps_nothing(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = try_folder(own)
    try_lock(own)
    assert found.folder_sync and found.atomic_names and found.free > 0
    NoKernelRename(monkeypatch)
    monkeypatch.setattr("cogview_cli.disk.probe.sync_folder", lambda _folder: False)
    assert try_folder(own)[1:] == (False, False)
    assert os.listdir(own) == []


def test_a_full_disk_is_an_error_and_not_a_name_taken(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "link", full)
    source = part(own)
    with pytest.raises(OSError, match="full"):
        publish_as(source, own)
    assert source.read_bytes() == b"new"


def test_moving_to_a_taken_name_keeps_both(own: Path) -> None:
    source, target = part(own), own / "taken"
    target.write_bytes(b"old")
    with pytest.raises(FileExistsError):
        move_new(source, target)
    assert (source.read_bytes(), target.read_bytes()) == (b"new", b"old")


def test_a_new_file_does_not_open_an_existing_one(own: Path) -> None:
    (own / "x").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        write_synced(own / "x", b"new")
    assert (own / "x").read_bytes() == b"old"


def test_replacing_leaves_the_new_content_and_nothing_else(own: Path) -> None:
    (own / "x").write_bytes(b"old")
    replace_whole(own / "x", b"new", 0o600)
    assert (own / "x").read_bytes() == b"new"
    assert stat.S_IMODE((own / "x").stat().st_mode) == 0o600
    assert os.listdir(own) == ["x"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_replacement_keeps_the_old_content(
    own: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "broken")

    (own / "x").write_bytes(b"old")
    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="broken"):
        replace_whole(own / "x", b"new")
    assert (own / "x").read_bytes() == b"old"
    assert os.listdir(own) == ["x"]


def test_a_reader_sees_the_old_or_the_new_content(own: Path) -> None:
    path, contents, done = own / "x", (b"a" * 50_000, b"b" * 60_000), threading.Event()
    path.write_bytes(contents[0])

    def write() -> None:
        for number in range(20):
            replace_whole(path, contents[number % 2])
        done.set()

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        while not done.is_set() and not writing.done():
            assert path.read_bytes() in contents
        writing.result()


def test_a_text_file_is_whole_or_absent(own: Path) -> None:
    with pytest.raises(ValueError, match="half"), whole_text(own / "x", os.replace) as file:
        file.write("a")
        raise ValueError("half")
    assert os.listdir(own) == []
    with whole_text(own / "x", os.replace) as file:
        file.write("猫\udcff\n")
        file.flush()
        assert not (own / "x").exists()
    assert (own / "x").read_bytes() == "猫\\udcff\n".encode()
    assert os.listdir(own) == ["x"]


@pytest.mark.parametrize(("into_place", "left"), [(os.replace, "new"), (move_new, "old")])
def test_a_text_file_replaces_another_only_where_it_may(
    own: Path, into_place: Callable[[Path, Path], None], left: str
) -> None:
    (own / "x").write_text("old")
    with suppress(FileExistsError), whole_text(own / "x", into_place) as file:
        file.write("new")
    assert (own / "x").read_text() == left
    assert os.listdir(own) == ["x"]


def test_folders_are_made_below_an_existing_parent(own: Path) -> None:
    for _ in range(2):
        ensure_folder(own / "out" / "a" / "b", own / "out")
    assert (own / "out" / "a" / "b").is_dir()


def test_a_missing_parent_is_not_made_up(own: Path) -> None:
    root = own / "missing" / "out"
    with pytest.raises(MachineError, match="does not exist") as caught:
        ensure_folder(root, root)
    assert caught.value.hint.startswith("mkdir -p")
    assert os.listdir(own) == []


@pytest.mark.parametrize("below", [".", "sub"])
@pytest.mark.parametrize("dangling", [False, True])
def test_a_file_or_dangling_link_where_a_folder_should_be_is_an_error(
    own: Path, below: str, dangling: bool
) -> None:
    root = own / "out"
    if dangling:
        root.symlink_to(own / "nowhere")
    else:
        root.touch()
    with pytest.raises(MachineError):
        ensure_folder(root / below, root)


@pytest.mark.parametrize("name", ["x" * 300, "x" * 300 + "/y"])
def test_a_folder_name_too_long_for_the_disk_is_an_error(own: Path, name: str) -> None:
    with pytest.raises(MachineError):
        ensure_folder(own / name, own / name)


def test_a_writable_folder_passes_and_keeps_no_probe(own: Path) -> None:
    check_writable(own, need=1)
    assert os.listdir(own) == []


def test_too_little_space_is_an_error(own: Path) -> None:
    with pytest.raises(MachineError, match="KiB free"):
        check_writable(own, need=2**62)


def test_a_folder_that_is_gone_is_an_error(own: Path) -> None:
    with pytest.raises(MachineError, match="cannot write"):
        check_writable(own / "gone")


@needs_unprivileged
def test_a_read_only_folder_is_an_error(own: Path) -> None:
    own.chmod(0o500)
    with pytest.raises(MachineError, match="cannot write"):
        check_writable(own)
    with pytest.raises(MachineError, match="cannot create"):
        ensure_folder(own / "new", own / "new")


def test_a_failed_probe_is_an_error_and_leaves_nothing(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MachineError, match="full"):
        check_writable(own)
    assert os.listdir(own) == []


def test_temporary_names_are_hidden_fresh_and_in_the_same_folder(own: Path) -> None:
    names = {temporary_beside(own) for _ in range(50)}
    assert len(names) == 50
    assert all(path.parent == own and path.name.startswith(".") for path in names)


# What killed writers leave.

KILLED = """
import os, signal, sys
from pathlib import Path
from cogview_cli.disk.atomic import replace_whole, whole_text
os.{step} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
{write}
"""
WRITE = {
    "data": 'replace_whole(Path("x"), b"new")',
    "text": 'with whole_text(Path("x"), os.replace) as file: file.write("new")',
}


@pytest.mark.skipif(os.name == "nt", reason="kill -9")
@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("kind", WRITE)
def test_what_a_killed_writer_left_goes_with_the_next(own: Path, kind: str, step: str) -> None:
    killed = KILLED.format(step=step, write=WRITE[kind])
    done = subprocess.run([sys.executable, "-c", killed], cwd=own, check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = own.iterdir()
    assert is_temporary(left)
    replace_whole(own / "y", b"another file")
    assert os.listdir(own) == ["y"]


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed there")
def test_a_file_that_is_being_written_is_left_alone(own: Path) -> None:
    with whole_text(own / "x", os.replace) as file:
        clear_left(own)
        replace_whole(own / "y", b"other")
        file.write("whole")
    assert sorted(os.listdir(own)) == ["x", "y"]
    assert (own / "x").read_text() == "whole"


@pytest.mark.skipif(os.name == "nt", reason="no flock")
@pytest.mark.parametrize("removed", [False, True], ids=["held", "removed"])
def test_a_file_that_another_one_takes_for_left_is_made_anew(
    own: Path, removed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the moment a file is there and the moment it is locked."""
    real, made = atomic.open_new, list[Path]()
    holder = ExitStack()

    def slow(path: Path, mode: int = 0o666) -> BinaryIO:
        file = real(path, mode)
        made.append(path)
        if len(made) == 1:
            lock = kernel_lock(path)
            lock.acquire()
            if removed:
                path.unlink()
            holder.callback(lock.release)
        return file

    monkeypatch.setattr(atomic, "open_new", slow)
    with holder:
        replace_whole(own / "x", b"new")
    assert (len(made), os.listdir(own)) == (2, ["x"])


def test_only_plain_files_of_ours_are_cleared(own: Path) -> None:
    precious = own / "precious"
    precious.write_bytes(b"")
    (own / "precious.unfinished").write_bytes(b"")
    (own / ".cogview-1.part").write_bytes(b"")
    (own / ".cogview-1.unfinished").mkdir()
    (own / ".cogview-2.unfinished").symlink_to(precious)
    before = sorted(os.listdir(own))
    clear_left(own)
    assert sorted(os.listdir(own)) == before
    clear_left(own / "nowhere")
