"""Y1-Y7: an answer that the ledger had no room for is taken back by whatever runs next."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cogview_cli.errors import MachineError
from cogview_cli.ledger import Ledger, fallback
from cogview_cli.ledger.fallback import fallback_folders, fallbacks, import_fallbacks
from cogview_cli.sandbox.thread import SandboxThread
from tests.conftest import Run
from tests.faults.world import SMALL, history, images, state_folder, states

pytestmark = pytest.mark.faults
BATCH = ("batch", "p.txt", *SMALL, "-o", "out")


def _full(*_: object, **__: object) -> None:
    raise MachineError("the ledger: disk full")


@pytest.fixture
def rescued(cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A batch of one whose answer only a rescue file holds."""
    Path("p.txt").write_text("cat\n")
    with monkeypatch.context() as full:
        full.setattr(Ledger, "answer", _full)
        assert cogview(*BATCH).code == 6
    assert states() == ["intent"]
    (path,) = fallbacks()
    assert path.stat().st_mode & 0o777 == 0o600
    return path


LEDGERS = ["there", "moved aside", "emptied"]


def _lose(how: str) -> None:
    path = state_folder() / "ledger.db"
    if how == "moved aside":
        path.rename(path.with_suffix(".broken"))
    elif how == "emptied":
        path.write_bytes(b"")


@pytest.mark.parametrize("how", LEDGERS)
@pytest.mark.parametrize("retry", [False, True])
def test_y1_the_same_batch_takes_it_back_before_it_decides(
    how: str, retry: bool, rescued: Path, cogview: Run, sandbox: SandboxThread
) -> None:
    _lose(how)
    ended = cogview(*BATCH, *(("--on-unknown", "retry") if retry else ()))
    assert (ended.code, sandbox.books.posts.total(), len(images())) == (0, 1, 1), ended
    assert states() == ["saved"] and not rescued.exists()


@pytest.mark.parametrize("how", LEDGERS)
@pytest.mark.parametrize(
    "command",
    [("recover",), ("history",), ("gen", "dog", *SMALL), (*BATCH, "--dry-run"), ("gallery", "out")],
    ids=lambda command: command[0] + ("-dry" if "--dry-run" in command else ""),
)
def test_y2_every_command_that_opens_the_ledger_takes_it_back(
    how: str, command: tuple[str, ...], rescued: Path, cogview: Run, sandbox: SandboxThread
) -> None:
    _lose(how)
    cogview(*command)
    assert not rescued.exists()
    first = history()[0]
    assert first.state in ("answer", "saved") and first.answer is not None
    assert (first.body["prompt"], str(first.price), first.fetchable) == ("cat", "0.06", True)
    assert cogview("recover").code == 0
    assert sandbox.books.posts["cat"] == 1 and Path("out/0001-cat.png").is_file()


def test_y3_two_at_once_take_it_back_once(rescued: Path) -> None:
    _lose("moved aside")

    def take(_: int) -> None:
        with Ledger(state_folder()) as ledger:
            import_fallbacks(ledger)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(take, range(8)))
    assert states() == ["answer"] and not rescued.exists()


def test_y3_what_came_of_it_since_is_not_written_over(
    rescued: Path, cogview: Run, sandbox: SandboxThread
) -> None:
    """Killed between the commit and the removal of the file."""
    copy = Path("copy.json")
    shutil.copy(rescued, copy)
    assert cogview(*BATCH).code == 0
    copy.rename(rescued)
    assert cogview(*BATCH).code == 0
    assert states() == ["saved"] and not rescued.exists()
    assert sandbox.books.downloads.total() == 1


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"id":7}', b"[" * 99999, b"\xff\xfe", b'{"id":"x","raw":"y"}',
     b'{"raw_b64":"!","id":"x","ledger":"/nowhere"}'],
    ids=range(9),
)  # fmt: skip
def test_y4_a_bad_file_is_left_and_told_and_in_nobodys_way(
    content: bytes, rescued: Path, cogview: Run, sandbox: SandboxThread
) -> None:
    bad = fallback_folders()[0] / "0-bad.json"
    bad.write_bytes(content)
    ended = cogview(*BATCH)
    assert ended.code == 0 and str(bad) in ended.err, ended
    assert bad.read_bytes() == content and not rescued.exists()
    assert sandbox.books.posts.total() == 1


def test_y4_a_bad_file_that_is_cut_in_any_place(rescued: Path, cogview: Run) -> None:
    whole = json.loads(rescued.read_text())
    for name in whole:
        rescued.write_text(json.dumps({key: whole[key] for key in whole if key != name}))
        with Ledger(state_folder()) as ledger:
            import_fallbacks(ledger)
        if not rescued.exists():  # the ledger's name may be missing: the row is there
            assert name in ("ledger", "content", "part", "take") and states() == ["answer"]
            rescued.write_text(json.dumps(whole))


def test_y5_raw_bytes_come_back_as_they_were(rescued: Path) -> None:
    import base64

    raw = bytes(range(256)) * 9
    kept = json.loads(rescued.read_text())
    rescued.write_text(json.dumps({**kept, "raw_b64": base64.b64encode(raw).decode()}))
    with Ledger(state_folder()) as ledger:
        import_fallbacks(ledger)
    (entry,) = history()
    assert entry.answer is not None and entry.answer.raw == raw


def test_y6_a_file_of_0_3_0_is_taken_back(
    rescued: Path, cogview: Run, sandbox: SandboxThread
) -> None:
    import base64

    kept = json.loads(rescued.read_text())
    raw = base64.b64decode(kept["raw_b64"]).decode()
    old = {"id": kept["id"], "status": 200, "headers": kept["headers"], "raw": raw}
    rescued.write_text(json.dumps(old))
    assert cogview(*BATCH).code == 0
    assert (sandbox.books.posts.total(), states()) == (1, ["saved"])


@pytest.mark.parametrize("lacking", [("part", "take"), ("content", "part", "take")])
def test_y6_a_file_from_before_a_column_was_added_is_taken_back(
    lacking: tuple[str, ...], rescued: Path, cogview: Run
) -> None:
    kept = json.loads(rescued.read_text("utf-8"))
    rescued.write_text(json.dumps({name: kept[name] for name in kept if name not in lacking}))
    _lose("emptied")
    assert cogview("recover").code == 0
    assert states() == ["saved"] and not rescued.exists()


def test_y7_the_answer_of_another_ledger_is_left_to_it(
    rescued: Path, cogview: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("COGVIEW_STATE_DIR", str(tmp_path / "other"))
        ended = cogview("recover")
        assert ended.code == 0 and str(rescued) not in ended.err, ended
    assert rescued.exists() and cogview("recover").code == 0
    assert states() == ["saved"] and not rescued.exists()


@pytest.mark.parametrize("trouble", ["full", "open to others", "a file"])
def test_y8_without_a_folder_it_goes_to_stderr_whole(
    trouble: str, cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And can be taken back from there."""
    folder = fallback_folders()[0]
    if trouble == "a file":
        folder.write_text("")
    else:
        folder.mkdir(mode=0o700)
    if trouble == "open to others":
        folder.chmod(0o755)
    Path("p.txt").write_text("cat\n")
    with monkeypatch.context() as world:
        world.setattr(Ledger, "answer", _full)
        if trouble == "full":
            world.setattr("cogview_cli.ledger.fallback._write_whole", _no_space)
        ended = cogview(*BATCH)
    assert ended.code == 6 and "stderr only" in ended.err, ended
    (line,) = [line for line in ended.err.splitlines() if line.startswith("{")]
    if trouble == "a file":
        folder.unlink()
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    (folder / "from-the-log.json").write_text(line)
    assert cogview(*BATCH).code == 0
    assert (sandbox.books.posts.total(), states()) == (1, ["saved"])


def _no_space(*_: object) -> None:
    raise OSError(28, "No space left on device")


def _temp(*names: str) -> list[Path]:
    for name in names:
        Path(name).mkdir()
    return [Path(name).absolute() for name in names]


@pytest.mark.parametrize("first", ["full", "missing", "a file", "named twice"])
def test_y9_where_the_first_temp_folder_has_no_room_the_next_one_does(
    first: str,
    cogview: Run,
    sandbox: SandboxThread,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And what is there is found later, when the first one has room again."""
    one, two = _temp("one", "two")
    monkeypatch.setenv("TMPDIR", str(one))
    monkeypatch.setenv("TEMP", str(one if first == "named twice" else two))
    monkeypatch.setenv("TMP", str(two))
    if first in ("missing", "a file"):
        one.rmdir()
    if first == "a file":
        one.write_text("")
    whole = fallback._write_whole

    def full(path: Path, data: bytes) -> None:
        if one in path.parents:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        whole(path, data)

    Path("p.txt").write_text("cat\n")
    with monkeypatch.context() as world:
        world.setattr(Ledger, "answer", _full)
        world.setattr(fallback, "_write_whole", full)
        assert cogview(*BATCH).code == 6
    (path,) = fallbacks()
    assert path.parent.parent == two and (not one.is_dir() or not list(one.iterdir()))
    if first == "a file":
        one.unlink()
    one.mkdir(exist_ok=True)
    assert cogview(*BATCH).code == 0
    assert (sandbox.books.posts.total(), states()) == (1, ["saved"]) and not path.exists()


@pytest.mark.parametrize("named", ["TMPDIR", "TEMP", "TMP"])
def test_y9_the_temp_folder_is_that_of_the_system(
    named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (mine,) = _temp("mine")
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(named, "mine")
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert fallback_folders()[0].parent == mine == Path(tempfile.gettempdir())


def test_y9_a_temp_folder_that_is_relative_to_nothing_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (gone,) = _temp("gone")
    monkeypatch.setenv("TMPDIR", "here")
    monkeypatch.chdir(gone)
    gone.rmdir()
    try:
        assert all(folder.parent.is_absolute() for folder in fallback_folders())
    finally:
        os.chdir(tmp_path)


def test_y9_nothing_of_a_rescue_that_failed_stays_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        fallback._write_whole(Path("a.json").absolute(), b"{}")
    assert not list(Path().glob("a.*"))
