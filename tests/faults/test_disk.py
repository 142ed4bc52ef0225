"""D1-D21: folders, space, sync errors, names, a damaged ledger."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
import unicodedata
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest

from cogview_cli.errors import MachineError
from cogview_cli.ledger import Ledger
from cogview_cli.pictures.verify import check
from cogview_cli.sandbox.thread import SandboxThread
from tests.conftest import Ended, Run
from tests.faults.case import check_files, check_streams
from tests.faults.world import (
    COMMAND,
    KEY,
    SMALL,
    as_plain_user,
    files,
    images,
    ran,
    run,
    small_disk,
    started,
    state_folder,
    states,
    temporaries,
    until,
)

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(os.name == "nt", reason="disks as POSIX knows them"),
]


@pytest.fixture
def keys(sandbox: SandboxThread) -> dict[str, str]:
    """The environment of a process that uses the sandbox."""
    return {"COGVIEW_BASE_URL": sandbox.base_url, "COGVIEW_API_KEY": KEY}


def nothing_sent(ended: Ended, box: SandboxThread, *words: str) -> None:
    """Found before any POST, with words that help."""
    assert ended.code == 9, ended
    check_streams(ended)
    assert ended.out == "" and all(word in ended.err for word in words), ended
    assert not box.books.posts


# --- D1, D2: found before anything is sent -----------------------------------


@pytest.mark.parametrize(
    "output",
    [
        "no/such/cat.png",
        "no/such/",
        "file/cat.png",
        "file/",
        "file",
        "pipe",
        "pipe.png",
        "/dev/null",
    ],
    ids=lambda output: f"D1 {output}",
)
def test_an_output_that_cannot_be_is_found_first(
    output: str, cogview: Run, sandbox: SandboxThread
) -> None:
    Path("file").write_text("mine")
    os.mkfifo("pipe")
    os.mkfifo("pipe.png")
    nothing_sent(cogview("gen", "cat", "-o", output), sandbox)
    assert sorted(os.listdir()) == ["file", "pipe", "pipe.png"]


@pytest.mark.parametrize("which", ["D1 output", "D2 state"])
def test_a_read_only_folder_is_found_first(
    which: str, sandbox: SandboxThread, keys: dict[str, str]
) -> None:
    locked = Path("locked").absolute()
    locked.mkdir(mode=0o500)
    more = {"COGVIEW_STATE_DIR": str(locked / "state")} if "state" in which else {}
    output = "locked/cat.png" if "output" in which else "cat.png"
    ended = ran(*as_plain_user(), *COMMAND, "gen", "cat", "-o", output, **keys, **more)
    nothing_sent(ended, sandbox, str(locked) if more else "locked")
    assert os.listdir("locked") == [] and images() == []


def test_d2_a_home_that_is_nowhere(sandbox: SandboxThread, keys: dict[str, str]) -> None:
    """Without a ledger there is no POST, whatever HOME says."""
    Path("file").write_text("")
    home = str(Path("file").absolute())
    more = {"HOME": home, "COGVIEW_STATE_DIR": "", "XDG_STATE_HOME": "", "COGVIEW_CONFIG_DIR": "c"}
    nothing_sent(run("gen", "cat", **keys, **more), sandbox, home)


# --- D3, D4, D5, D8, D9: no room ---------------------------------------------


@pytest.mark.parametrize("options", ["size=64k", "nr_inodes=1"], ids=["D3 64 KiB", "D9 no inodes"])
def test_a_disk_without_room_is_found_first(
    options: str, sandbox: SandboxThread, keys: dict[str, str]
) -> None:
    out = Path("out").absolute()
    out.mkdir()
    ended = ran(*small_disk(options, out, '"$@"'), *COMMAND, "gen", "cat", "-o", "out/", **keys)
    nothing_sent(ended, sandbox, "out")


# Runs `gen`, fills the disk when the test says so, and after it makes room and recovers.
FILL = """\
"$@" & gen=$!
until [ -e go ]; do sleep 0.01; done
cat /dev/zero > '{folder}/fill' 2>/dev/null
wait $gen; first=$?
rm '{folder}/fill'
{python} -m cogview_cli recover; echo codes $first $?
ls '{folder}'/*.png 2>/dev/null | wc -l"""


def filled(box: SandboxThread, folder: Path, when: Callable[[], object]) -> Ended:
    """How `gen` and `recover` end if the disk of `folder` is full from `when` on."""
    folder.mkdir(mode=0o700)
    script = FILL.format(folder=folder, python=sys.executable)
    command = small_disk("size=12m", folder, script)
    gen = (*COMMAND, "gen", "cat", *SMALL, "-o", "out/")
    keys = {"COGVIEW_BASE_URL": box.base_url, "COGVIEW_API_KEY": KEY}
    with (
        Path("shown.txt").open("wb") as shown,
        started(*command, *gen, stdout=shown.fileno(), **keys) as process,
    ):
        until(when)
        Path("go").touch()
        process.wait(60)
    err = (state_folder().parent / "stderr.txt").read_text("utf-8")
    assert box.books.posts.total() == box.books.charges.total() == 1
    return Ended(process.returncode, Path("shown.txt").read_text("utf-8"), err)


def test_d4_a_disk_that_fills_up_before_the_download() -> None:
    """Exit 6, no part left; with room again `recover` finishes it for nothing."""
    with SandboxThread(download_latency=(1.0, 1.0)) as box:
        ended = filled(box, Path("out").absolute(), lambda: box.books.downloads)
    assert "codes 6 0\n1\n" in ended.out, ended
    assert "No space left" in ended.err and temporaries() == []
    assert states() == ["saved"]


def test_d5_a_disk_that_fills_up_before_the_answer(tmp_path: Path) -> None:
    """The answer goes where there is room, and comes back into the ledger."""
    with SandboxThread(latency=(1.0, 1.0)) as box:
        ended = filled(box, state_folder(), lambda: box.books.in_flight)
    assert "codes 6 0" in ended.out, ended
    assert "paid, but the answer could not be stored" in ended.err
    assert len(images()) == 1
    assert list((tmp_path / "tmp").rglob("*.json")) == []


def test_d5_the_answer_without_room_lies_in_a_private_file(
    cogview: Run, sandbox: SandboxThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise MachineError("the ledger: disk full")

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "answer", full)
        ended = cogview("gen", "cat", *SMALL, "-n", "3", "--jobs", "1")
    assert (ended.code, sandbox.books.posts.total()) == (6, 1), ended
    (kept,) = (tmp_path / "tmp").rglob("*.json")
    assert kept.stat().st_mode & 0o777 == 0o600 and str(kept) in ended.err
    assert "Signature=" not in ended.err
    again = cogview("recover")
    assert again.code == 0, again
    check_files(again, 1, ".png", ())
    assert not kept.exists() and sandbox.books.posts.total() == 1


def test_d8_a_file_size_limit_leaves_no_name(sandbox: SandboxThread, keys: dict[str, str]) -> None:
    """A short write, then EFBIG."""
    big = ("gen", "cat", "--size", "2048x1024", "-o", "out/")
    ended = ran("sh", "-c", 'ulimit -f 150; exec "$@"', "sh", *COMMAND, *big, **keys)
    assert ended.code == 6, ended
    assert files() == [] and states() == ["answer"]
    assert run("recover", **keys).code == 0
    assert len(images()) == 1 and sandbox.books.posts.total() == 1


def test_d9_too_few_open_files_is_never_a_second_post(
    sandbox: SandboxThread, keys: dict[str, str]
) -> None:
    """Wherever the limit strikes, the end is an honest one."""
    codes = set()
    for limit in (9, 12):
        command = ("sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh", *COMMAND)
        before = sandbox.books.charges.total()
        ended = ran(*command, "gen", f"cat {limit}", *SMALL, **keys)
        codes.add(ended.code)
        assert sandbox.books.posts[f"cat {limit}"] <= 1
        assert ended.code in (0, 6, 9, 75) or sandbox.books.charges.total() == before, ended
    assert codes != {0}
    assert run("recover", **keys).code == 0
    assert len(images()) == sandbox.books.charges.total()


# --- D6, D7, D12, D15: calls that fail ---------------------------------------


def failing(
    at: int, number: int, real: Callable[..., object]
) -> tuple[Callable[..., object], list[str]]:
    """`real` whose call number `at` fails with errno `number`; and what it was called with."""
    called: list[str] = []

    def call(*arguments: object, **more: object) -> object:
        first = arguments[0]
        name = os.readlink(f"/proc/self/fd/{first}") if isinstance(first, int) else str(first)
        called.append(name)
        if len(called) == at:
            raise OSError(number, os.strerror(number), name)
        return real(*arguments, **more)

    return call, called


@pytest.mark.skipif(sys.platform != "linux", reason="names of descriptors from /proc")
@pytest.mark.parametrize("at", range(1, 8))
def test_d6_a_sync_that_fails_is_not_tried_again(
    at: int, cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linux forgets the error with the first fsync: a second one would lie."""
    with monkeypatch.context() as patched:
        call, called = failing(at, errno.EIO, os.fsync)
        patched.setattr(os, "fsync", call)
        ended = cogview("gen", "cat", *SMALL)
    if len(called) < at:
        assert ended.code == 0 and at > 3, ended
        return
    failed = called[at - 1]
    if Path(failed).is_file() and ".part" in failed:
        assert called.count(failed) == 1, called
    assert ended.code in (6, 9), ended
    assert sandbox.books.charges.total() == (ended.code == 6)
    if ended.code == 6:
        for path in images():
            check(path)
        assert cogview("recover").code == 0
        assert (len(images()), states(), temporaries()) == (1, ["saved"], [])
        assert sandbox.books.posts.total() == 1


@pytest.mark.parametrize("name", ["ENOSPC", "EIO", "EROFS", "EDQUOT"])
def test_d7_a_publication_that_fails_is_finished_later(
    name: str, cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(os, "link", failing(1, getattr(errno, name), os.link)[0])
        ended = cogview("gen", "cat", *SMALL)
    assert (ended.code, files(), states()) == (6, [], ["answer"]), ended
    again = cogview("recover")
    assert again.code == 0, again
    check_files(again, 1, ".png", ())
    assert sandbox.books.posts.total() == 1


@pytest.mark.parametrize("name", ["EPERM", "ENOTSUP", "ENOSYS", "EXDEV", "EMLINK"])
def test_d15_without_hard_links_a_picture_is_published_all_the_same(
    name: str, cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And still nothing is overwritten."""
    monkeypatch.setattr(os, "link", failing(1, getattr(errno, name), os.link)[0])
    Path("cat.png").write_text("mine")
    ended = cogview("gen", "cat", *SMALL, "-o", "cat.png")
    assert ended.code == 0, ended
    assert Path("cat.png").read_text() == "mine"
    check(Path("cat-2.png"))


@pytest.mark.parametrize("name", ["EINVAL", "ENOTSUP", "ENOSYS", "EBADF", "EACCES"])
def test_d21_a_folder_without_sync_saves_pictures_once(
    name: str, cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As CIFS, vboxsf, WSL shares and FUSE have it."""
    real = os.fsync

    def of_files(descriptor: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            raise OSError(getattr(errno, name), os.strerror(getattr(errno, name)))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", of_files)
    ended = cogview("gen", "cat", *SMALL)
    assert (ended.code, states(), len(images())) == (0, ["saved"], 1), ended
    assert cogview("recover").code == 0 and sandbox.books.downloads.total() == 1


def config_check(cogview: Run) -> dict[str, tuple[str, str]]:
    lines = map(json.loads, cogview("config", "check", "--json").out.splitlines())
    points = [line for line in lines if "check" in line]
    return {point["check"]: (point["status"], point["text"]) for point in points}


def test_d21_config_check_tries_what_gen_needs(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "ledger" not in config_check(cogview)
    cogview("gen", "cat", *SMALL)
    sound = config_check(cogview)
    assert {sound[name][0] for name in ("output folder", "state folder", "ledger")} == {"ok"}
    assert "1 request" in sound["ledger"][1]

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    with monkeypatch.context() as patched:
        patched.setattr("fcntl.flock", refuse)
        assert config_check(cogview)["state folder"][0] == "fail"
    with monkeypatch.context() as patched:
        patched.setattr(os, "link", refuse)
        patched.setattr("cogview_cli.disk.rename._exclusive", refuse)
        assert config_check(cogview)["output folder"][0] == "warn"
    with monkeypatch.context() as patched:
        patched.setattr("cogview_cli.disk.probe.sync_folder", lambda _folder: False)
        assert config_check(cogview)["output folder"][0] == "warn"
    assert not temporaries()


@pytest.mark.parametrize("harm", ["page", "head", "read-only"])
def test_d21_config_check_looks_into_the_ledger(
    harm: str, cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    cogview("gen", "cat", *SMALL)
    ledger = state_folder() / "ledger.db"
    data = bytearray(ledger.read_bytes())
    if harm == "read-only":
        monkeypatch.setattr(
            "cogview_cli.ledger.file.LedgerFile.transaction", lambda *_: refused_by_ledger()
        )
    elif harm == "page":
        data[4096:4200] = b"\xff" * 104
    else:
        data[:16] = b"not a database!!"
    if harm != "read-only":
        ledger.write_bytes(data)
    before = ledger.read_bytes()
    assert config_check(cogview)["ledger"][0] == "fail"
    assert ledger.read_bytes() == before


def refused_by_ledger() -> None:
    raise MachineError("attempt to write a readonly database")


def test_d12_a_sidecar_that_fails_is_made_later(
    cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The picture stays where it is."""

    def full(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patched:
        patched.setattr("cogview_cli.pictures.sidecar.replace_whole", full)
        ended = cogview("gen", "cat", *SMALL, "-o", "cat.png")
    assert (ended.code, os.listdir()) == (6, ["cat.png"]), ended
    before = Path("cat.png").stat()
    assert cogview("recover").code == 0
    assert sorted(os.listdir()) == ["cat.png", "cat.png.json"]
    assert Path("cat.png").stat().st_mtime_ns == before.st_mtime_ns
    assert sandbox.books.posts.total() == 1


# --- D10, D11, D16: names ----------------------------------------------------


@pytest.mark.parametrize("what", ["D10 file", "D10 link", "D10 dangling link", "D10 folder"])
def test_what_is_there_is_not_touched(what: str, cogview: Run, tmp_path: Path) -> None:
    precious, name = tmp_path / "precious", Path("cat.png")
    if "file" in what:
        name.write_text("mine")
    elif "folder" in what:
        name.mkdir()
    else:
        name.symlink_to(precious)
    if what == "D10 link":
        precious.write_text("mine")
    ended = cogview("gen", "cat", *SMALL, "-o", "{slug}.png")
    assert (ended.code, ended.out) == (0, "cat-2.png\n"), ended
    check(Path("cat-2.png"))
    assert precious.exists() == (what == "D10 link")
    assert name.is_dir() if "folder" in what else name.is_symlink() or name.read_text() == "mine"
    assert not precious.exists() or precious.read_text() == "mine"


class _Hooked(deque[dict[str, object]]):
    """Calls back when a POST arrives."""

    def __init__(self, call: Callable[[], object]) -> None:
        super().__init__()
        self._call = call

    def append(self, body: dict[str, object]) -> None:
        self._call()
        super().append(body)


def test_d11_a_folder_deleted_under_way(cogview: Run, sandbox: SandboxThread) -> None:
    sandbox.books.bodies = _Hooked(lambda: shutil.rmtree("out"))
    ended = cogview("gen", "cat", *SMALL, "-o", "out/")
    assert (ended.code, os.listdir(), states()) == (6, [], ["answer"]), ended
    assert "cogview recover" in ended.err
    again = cogview("recover", "--out", "elsewhere")
    assert again.code == 0, again
    check_files(again, 1, ".png", ())
    assert images()[0].parent.name == "elsewhere" and sandbox.books.posts.total() == 1


def test_d16_names_that_look_alike_are_both_kept(cogview: Run) -> None:
    """One form on the disk, two files."""
    for form in ("NFC", "NFD"):
        cogview("gen", unicodedata.normalize(form, "café"), *SMALL, "-o", "{slug}.png")
    assert [path.name for path in images()] == ["café-2.png", "café.png"]


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK])
def test_d15_without_locks_nothing_is_sent(
    number: int, cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder on a file system without locks is named, exit 9."""

    def no_lock(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", no_lock)
    nothing_sent(cogview("gen", "cat", *SMALL, "--max-wait", "1"), sandbox, str(state_folder()))
