"""What was paid for comes back without a second POST, in another process, after any end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from cogview_cli.errors import MachineError
from cogview_cli.ledger import Ledger
from cogview_cli.sandbox.thread import SandboxThread
from tests.conftest import Run
from tests.faults.peers import Scripted, Step, http, in_answer, picture
from tests.faults.world import history, running, said
from tests.processes import until

GEN = ("--size", "512x512")
TRIES = 2
SERVED = http("200 OK", picture(), "Content-Type: image/png")
# Each fault lasts exactly as long as one run is patient; the next GET works.
PASSING = (
    "cut-download", "short-download", "trim-download", "stall-download", "html-download",
    "empty-download", "403-download", "404-download", "500-download", "flip-download",
    "lost-download",
)  # fmt: skip
FINAL = (
    "oversize-download", "huge-length", "bomb-download", "bomb-warning", "gzip-download",
    "redirect-private", "redirect-file",
)  # fmt: skip
DOWNLOADS = [f"{name}x{TRIES}" for name in PASSING] + [f"{name}x1" for name in FINAL]


@pytest.fixture(autouse=True)
def patience(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rules on a shorter scale."""
    # Here many are paid for that cannot be fetched: what ends such a run is tested elsewhere.
    monkeypatch.setattr("cogview_cli.engine.brake.BAD_IN_A_ROW", 1000)
    if "stall" in request.node.name:
        monkeypatch.setattr("cogview_cli.pictures.download.IDLE_SECONDS", 0.4)


def images(folder: Path | None = None) -> list[Path]:
    return sorted((folder or Path.cwd()).rglob("*.png"))


def leftovers() -> list[Path]:
    return [path for path in Path.cwd().rglob("*") if path.suffix == ".part"]


@contextmanager
def paid_for(cogview: Run, count: int, then: Step) -> Iterator[Scripted]:
    """A server with `count` paid pictures that it refused so far; from now on `then` serves."""
    refusals: list[Step] = [http("404 Not Found")] * (count * TRIES)
    with Scripted([in_answer(url="%ORIGIN%/1.png")], [*refusals, then]) as server:
        line = ("gen", "cat", *GEN, "-n", str(count), "--jobs", "4", "--base-url", server.base_url)
        assert cogview(*line).code == 6
        yield server


@pytest.mark.parametrize("fault", DOWNLOADS)
def test_a_failed_download_is_finished_without_a_second_post(
    fault: str, cogview: Run, sandbox: SandboxThread
) -> None:
    ended = cogview("gen", f"cat sandbox:{fault}", *GEN)
    assert (ended.code, images()) == (6, []), ended
    assert "cogview recover" in ended.err
    again = cogview("recover")
    assert again.code == 0, again
    (image,) = images()
    assert [Path(line).resolve() for line in again.out.splitlines()] == [image]
    kept = json.loads(Path(f"{image}.json").read_text("utf-8"))
    assert kept["image"]["bytes"] == image.stat().st_size
    assert [entry.state for entry in history()] == ["saved"]
    last = cogview("recover")
    assert (last.code, last.out) == (0, ""), last
    assert "nothing to recover" in last.err
    assert sandbox.books.posts.total() == sandbox.books.charges.total() == 1
    assert sandbox.books.leaks == [] and leftovers() == []


def test_a_download_that_keeps_failing_keeps_its_answer(
    cogview: Run, sandbox: SandboxThread
) -> None:
    assert cogview("gen", "sandbox:404-download", *GEN).code == 6
    assert cogview("recover").code == 6
    assert [entry.state for entry in history()] == ["answer"]
    assert sandbox.books.posts.total() == 1


def test_a_deleted_folder_is_made_again_or_replaced(cogview: Run, sandbox: SandboxThread) -> None:
    cogview("gen", "cat sandbox:404-downloadx2", *GEN, "-o", "gone/")
    cogview("gen", "dog sandbox:404-downloadx2", *GEN, "-o", "gone/")
    shutil.rmtree("gone")
    first, second = history()
    ended = cogview("recover", first.id, "--out", "elsewhere")
    assert ended.code == 0, ended
    assert len(images(Path("elsewhere"))) == 1 and not Path("gone").exists()
    assert cogview("recover", second.id).code == 0
    assert len(images(Path("gone"))) == 1
    assert sandbox.books.posts.total() == 2


def test_only_the_named_request_is_recovered(cogview: Run) -> None:
    for animal in ("cat", "dog"):
        cogview("gen", f"{animal} sandbox:404-downloadx2", *GEN)
    first, second = history()
    assert cogview("recover", second.id).code == 0
    assert [entry.state for entry in history()] == ["answer", "saved"]
    assert first.id != second.id


def test_many_pictures_come_at_once(cogview: Run) -> None:
    """Eight downloads wait for one another here: one by one none would end."""
    together, alone = threading.Barrier(8), threading.Event()

    def meet(link: socket.socket) -> None:
        try:
            together.wait(20)
        except threading.BrokenBarrierError:
            alone.set()
        link.sendall(SERVED)

    with paid_for(cogview, 16, meet):
        ended = cogview("recover")
    assert (ended.code, len(images()), alone.is_set()) == (0, 16, False), ended


def served_after(may_go: threading.Event) -> Callable[[socket.socket], None]:
    """A download that waits until it may go on."""

    def serve(link: socket.socket) -> None:
        may_go.wait(20)
        link.sendall(SERVED)

    return serve


def test_a_signal_lets_the_downloads_under_way_finish_and_begins_no_more(cogview: Run) -> None:
    may_go = threading.Event()

    with paid_for(cogview, 20, served_after(may_go)) as server:
        with running("recover") as process:
            until(lambda: server.count(b"GET") == 20 * TRIES + 8)
            process.send_signal(signal.SIGINT)
            until(lambda: "stopped by SIGINT" in said())
            may_go.set()
            assert process.wait(60) == 130
        assert len(images()) == 8 and leftovers() == []
        assert cogview("recover").code == 0
    assert len(images()) == 20
    assert [entry.state for entry in history()] == ["saved"] * 20


def test_two_at_once_do_not_fetch_the_same_picture(cogview: Run) -> None:
    may_go = threading.Event()

    with paid_for(cogview, 10, served_after(may_go)) as server:
        with running("recover") as process:
            until(lambda: server.count(b"GET") == 10 * TRIES + 8)
            second = cogview("recover")
            may_go.set()
            assert process.wait(60) == 0
        assert (second.code, second.out) == (0, "")
        assert "a running cogview is saving it" in second.err
        assert server.count(b"GET") == 10 * TRIES + 10
    assert len(images()) == 10


def test_an_expired_link_is_reported_once(cogview: Run, sandbox: SandboxThread) -> None:
    ended = cogview("gen", "sandbox:expired-url", *GEN)
    assert ended.code == 6, ended
    assert "expired" in ended.err
    assert [entry.state for entry in history()] == ["expired"]
    again = cogview("recover")
    assert again.code == 0 and "nothing to recover" in again.err
    assert sandbox.books.posts.total() == 1


def test_json_tells_what_came_back(cogview: Run) -> None:
    cogview("gen", "sandbox:404-downloadx2", *GEN)
    ended = cogview("recover", "--json")
    image, summary = map(json.loads, ended.out.splitlines())
    assert (image["type"], image["status"]) == ("image", "saved")
    assert Path(image["file"]).is_file() and Path(image["sidecar"]).is_file()
    assert (summary["type"], summary["saved"], summary["exit_code"]) == ("summary", 1, 0)


def test_killed_before_the_answer_is_unknown_and_never_sent_again(
    cogview: Run, sandbox: SandboxThread
) -> None:
    """P3: SIGKILL between the POST and its answer."""
    with running("gen", "cat sandbox:silent", *GEN) as process:
        until(lambda: sandbox.books.charges.total())
        process.kill()
        assert process.wait() == -signal.SIGKILL
    ended = cogview("recover")
    assert ended.code == 5, ended
    assert "cogview history --unknown" in ended.err
    (entry,) = history()
    assert entry.id in cogview("history", "--unknown").out
    last = cogview("recover")
    assert last.code == 0, last
    assert sandbox.books.posts.total() == 1 and images() == []


def test_the_next_gen_settles_the_dead_run_too(cogview: Run, sandbox: SandboxThread) -> None:
    with running("gen", "cat sandbox:silent", *GEN) as process:
        until(lambda: sandbox.books.charges.total())
        process.kill()
        process.wait()
    assert cogview("gen", "dog", *GEN).code == 0
    assert [entry.state for entry in history()] == ["unknown", "saved"]
    assert sandbox.books.posts["cat sandbox:silent"] == 1


def test_killed_in_the_download_comes_back_whole(cogview: Run, sandbox: SandboxThread) -> None:
    """P5, P6: SIGKILL while half the picture is there."""
    with running("gen", "cat sandbox:stall-downloadx1", *GEN) as process:
        until(lambda: sandbox.books.downloads.total() and leftovers())
        assert history()[0].state == "answer"
        process.kill()
        process.wait()
    assert len(leftovers()) == 1 and images() == []
    ended = cogview("recover")
    assert ended.code == 0, ended
    assert len(images()) == 1 and leftovers() == []
    assert [entry.state for entry in history()] == ["saved"]
    assert sandbox.books.posts.total() == sandbox.books.charges.total() == 1


def test_what_may_be_paid_and_cannot_be_fetched_is_told(cogview: Run) -> None:
    """With code 0 all the same: there is nothing that `recover` could do."""
    for number, words in enumerate(("1 request has", "2 requests have")):
        assert cogview("gen", f"{number} sandbox:lost-answer", *GEN).code == 5
        with Ledger(Path(os.environ["COGVIEW_STATE_DIR"])) as ledger:  # of no sandbox
            ledger._file._db.execute("UPDATE requests SET account = 'somebody'")
        ended = cogview("recover")
        assert ended.code == 0 and words in ended.err, ended
        assert "cogview history --unknown" in ended.err and "every paid" not in ended.err
    assert cogview("recover", "--quiet").err == ""


@pytest.mark.skipif(os.name == "nt", reason="needs a privilege there")
@pytest.mark.parametrize("command", [("recover",), ("gen", "dog", *GEN)], ids=["recover", "gen"])
def test_a_lock_file_that_cannot_be_read_is_named(
    command: tuple[str, ...], cogview: Run, sandbox: SandboxThread
) -> None:
    """Another user's, say: that run may live, and nothing of it is decided."""
    assert cogview("gen", "cat", *GEN).code == 0
    state = Path(os.environ["COGVIEW_STATE_DIR"])
    with Ledger(state) as ledger:
        ledger._file._db.execute("UPDATE requests SET state = 'intent', run = 'other'")
    (state / "runs" / "other.lock").symlink_to("/dev/null")
    ended = cogview(*command)
    assert ended.code == 9 and f"rm -f '{state}/runs/other.lock'" in ended.err, ended
    assert sandbox.books.posts.total() == 1
    (state / "runs" / "other.lock").unlink()
    assert cogview("recover").code == 5  # what was in its hands is unknown now


def test_a_living_run_is_left_alone(cogview: Run, sandbox: SandboxThread) -> None:
    """C8: neither its open request nor its open download is touched."""
    with (
        running("gen", "cat sandbox:silent", *GEN),
        running("gen", "dog sandbox:stall-download", *GEN),
    ):
        until(lambda: sandbox.books.charges.total() == 2 and leftovers())
        ended = cogview("recover")
        assert ended.code == 0 and "nothing to recover" in ended.err, ended
        assert sorted(entry.state for entry in history()) == ["answer", "intent"]
        assert sandbox.books.downloads.total() == 1


@pytest.mark.parametrize(
    "name, code", [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)], ids=["P8", "P10", "P11"]
)
def test_a_signal_waits_for_what_is_paid(
    name: str, code: int, cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SandboxThread(latency=(0.4, 0.4)) as slow:
        monkeypatch.setenv("COGVIEW_BASE_URL", slow.base_url)
        with running("gen", "cat", *GEN, "-n", "4", "--jobs", "2") as process:
            until(lambda: slow.books.in_flight == 2)
            process.send_signal(getattr(signal, name))
            assert process.wait(20) == code
        assert slow.books.posts.total() == slow.books.charges.total() == len(images()) == 2
    assert [entry.state for entry in history()] == ["saved", "saved"]


def test_a_second_signal_ends_at_once_and_says_unknown(
    cogview: Run, sandbox: SandboxThread
) -> None:
    """P9: what was in flight is listed."""
    with running("gen", "cat sandbox:silent", *GEN, "-v") as process:
        until(lambda: sandbox.books.charges.total())
        process.send_signal(signal.SIGINT)
        until(lambda: "stopped by SIGINT" in said())
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    assert [entry.state for entry in history()] == ["unknown"]
    assert sandbox.books.posts.total() == 1


def test_an_image_published_before_the_kill_is_taken_as_ours(
    cogview: Run, sandbox: SandboxThread
) -> None:
    """P6: between the picture's publication and the ledger's note of it."""
    cogview("gen", "cat", *GEN, "-o", "cat.png")
    (entry,) = history()
    with Ledger(Path(os.environ["COGVIEW_STATE_DIR"])) as ledger:
        ledger._set(entry.id, state="answer", files=None)
    Path("cat.png.json").unlink()
    ended = cogview("recover")
    assert ended.code == 0, ended
    assert [path.name for path in images()] == ["cat.png"] and Path("cat.png.json").is_file()
    assert sandbox.books.posts.total() == 1


def test_a_rescue_folder_of_somebody_else_is_not_used(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The temp folder is everybody's: a planted link or an open folder gets no answer."""
    from cogview_cli.ledger.fallback import fallback_folders, write_fallback
    from tests.batch.support import entry

    paid = entry("answer")
    assert paid.answer is not None
    write = partial(write_fallback, Path("state"), paid, paid.answer)
    Path("theirs").mkdir()
    fallback_folders()[0].symlink_to(Path("theirs").absolute())
    assert "stderr only" in write()
    assert json.loads(capsys.readouterr().err)["id"] == paid.id
    fallback_folders()[0].unlink()
    fallback_folders()[0].mkdir()
    fallback_folders()[0].chmod(0o777)
    assert "stderr only" in write()
    assert json.loads(capsys.readouterr().err)["id"] == paid.id
    assert list(Path("theirs").iterdir()) == list(fallback_folders()[0].iterdir()) == []


def test_a_rescued_answer_is_taken_back(cogview: Run, sandbox: SandboxThread) -> None:
    """D5: the ledger had no room for the answer; a private file in the temp folder had."""
    from cogview_cli.ledger.fallback import fallback_folders, write_fallback

    cogview("gen", "cat", *GEN, "-o", "cat.png")
    (entry,) = history()
    assert entry.answer is not None
    write_fallback(Path(os.environ["COGVIEW_STATE_DIR"]), entry, entry.answer)
    (kept,) = fallback_folders()[0].iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    with Ledger(Path(os.environ["COGVIEW_STATE_DIR"])) as ledger:
        ledger._set(entry.id, state="intent", answer=None, files=None)
    for path in (Path("cat.png"), Path("cat.png.json")):
        path.unlink()
    ended = cogview("recover")
    assert ended.code == 0, ended
    assert Path("cat.png").is_file() and not kept.exists()
    assert sandbox.books.posts.total() == 1


def _full(*_: object, **__: object) -> None:
    raise MachineError("the ledger: disk full")


def test_an_unknown_outcome_the_ledger_cannot_take_is_still_exit_5(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 9 would hide that money may be gone."""
    monkeypatch.setattr(Ledger, "unknown", _full)
    ended = cogview("gen", "猫 sandbox:lost-answer")
    assert ended.code == 5, ended


def test_a_picture_the_ledger_cannot_note_is_exit_6_and_recover_takes_it_as_it_is(
    cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "saved", _full)
        assert cogview("gen", "猫", "-o", "cat.png").code == 6
    assert cogview("recover").code == 0
    assert [path.name for path in sorted(Path().iterdir())] == ["cat.png", "cat.png.json"]
    assert sandbox.books.posts["猫"] == 1


def test_bytes_for_stdout_need_a_state_folder_too(
    cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("file").write_text("")
    monkeypatch.setenv("COGVIEW_STATE_DIR", str(Path("file").absolute() / "state"))
    assert cogview("gen", "猫", "-o", "-").code == 9
    assert not sandbox.books.posts


# --- ids ---------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["wrong", "", "*", "\x1b[2J", "\udcff", "' OR 1=1 --"])
def test_an_id_that_is_none_is_wrong_usage(cogview: Run, wrong: str) -> None:
    for line in (("recover", wrong), ("history", "resolve", wrong, "--retry")):
        ended = cogview(*line)
        assert (ended.code, ended.out) == (2, ""), ended
        assert "there is no request" in ended.err and "\x1b" not in ended.err


def test_among_right_ids_a_wrong_one_stops_all(cogview: Run, sandbox: SandboxThread) -> None:
    assert cogview("gen", "cat sandbox:500-downloadx2", *GEN).code == 6
    (entry,) = history()
    gets = len(sandbox.books.downloads)
    ended = cogview("recover", entry.id, "wrong", "other")
    assert ended.code == 2 and "'other', 'wrong'" in ended.err and "nothing was done" in ended.err
    assert len(sandbox.books.downloads) == gets and not images()
    assert cogview("recover", entry.id).code == 0 and len(images()) == 1
    ended = cogview("recover", entry.id)
    assert ended.code == 0 and "nothing to recover" in ended.err


@pytest.mark.parametrize(
    ("fault", "state"), [("1301", "rejected"), ("lost-answer", "unknown"), ("1113", "not_sent")]
)
def test_a_request_that_left_nothing_to_fetch_is_named(
    cogview: Run, fault: str, state: str
) -> None:
    cogview("gen", f"cat sandbox:{fault}", *GEN)
    (entry,) = history()
    ended = cogview("recover", entry.id)
    assert ended.code == 2 and entry.id in ended.err and state in ended.err, ended


def test_one_picture_too_is_said_to_cost_nothing_now(cogview: Run) -> None:
    assert cogview("gen", "cat sandbox:404-download", *GEN).code == 6
    ended = cogview("recover")
    assert "nothing paid now" in ended.err, ended
    assert "nothing paid now" not in cogview("recover", "--quiet").err
