"""X1-X9: a job killed on one machine and run again on another, over one output folder."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from cogview_cli.sandbox.thread import SandboxThread
from tests.conftest import Ended, Run
from tests.faults.world import (
    KEY,
    SMALL,
    images,
    kill,
    run,
    running,
    until,
)

pytestmark = pytest.mark.faults
BATCH = ("batch", "p.txt", *SMALL, "-o", "out")
MARKS = Path("out/.cogview")


def node(name: str) -> dict[str, str]:
    """The world of one machine: a state folder and a temp folder of its own."""
    here = Path.cwd().parent / name
    (here / "tmp").mkdir(parents=True, exist_ok=True)
    return {"COGVIEW_STATE_DIR": str(here / "state"), "TMPDIR": str(here / "tmp")}


@pytest.fixture
def on(sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch) -> object:
    """Runs a command line on a machine."""
    monkeypatch.setenv("COGVIEW_BASE_URL", sandbox.base_url)
    monkeypatch.setenv("COGVIEW_API_KEY", KEY)

    def call(name: str, *arguments: str) -> Ended:
        return run(*arguments, **node(name))

    return call


def marks() -> list[Path]:
    return sorted(MARKS.glob("*.sent")) if MARKS.exists() else []


def killed(sandbox: SandboxThread, name: str, count: int = 4) -> None:
    """A batch killed on a machine with so many requests in flight."""
    Path("p.txt").write_text("".join(f"cat {n} sandbox:silent\n" for n in range(count)))
    with running(*BATCH, **node(name)) as process:
        until(lambda: sandbox.books.charges.total() == count)
        kill(process)


def test_x1_the_next_machine_knows_what_was_in_flight(on, sandbox: SandboxThread) -> None:
    killed(sandbox, "a")
    assert len(marks()) == 4
    Path("p.txt").write_text(Path("p.txt").read_text() + "dog\n")
    for _ in range(2):
        ended = on("b", *BATCH)
        assert ended.code == 5, ended
        assert "another machine" in ended.err and str(MARKS) in ended.err
    assert (sandbox.books.posts.total(), len(images()), len(marks())) == (5, 1, 4)
    status = json.loads(on("b", *BATCH, "--json").out.splitlines()[0])
    assert (status["status"], status["error"]["code"]) == ("unknown", "unknown")


def test_x1_it_asks_again_only_when_told_to(on, sandbox: SandboxThread) -> None:
    killed(sandbox, "a")
    for n in range(4):
        sandbox.script(f"cat {n}", ["ok"])
    ended = on("b", *BATCH, "--on-unknown", "retry")
    assert (ended.code, sandbox.books.posts.total(), len(images())) == (0, 8, 4), ended
    assert not MARKS.exists()
    assert on("a", *BATCH).code == 0  # its ledger says unknown, the sidecars that it was made
    assert sandbox.books.posts.total() == 8


def test_x1_on_its_own_machine_the_ledger_tells(on, sandbox: SandboxThread) -> None:
    killed(sandbox, "a", 1)
    ended = on("a", *BATCH)
    assert ended.code == 5 and "another machine" not in ended.err, ended
    (entry,) = [json.loads(line) for line in on("a", "history", "--json").out.splitlines()]
    assert on("a", "history", "resolve", entry["id"], "--retry").code == 0
    sandbox.script("cat", ["ok"])
    assert on("a", *BATCH).code == 0
    assert not MARKS.exists()


def test_x1_a_deleted_mark_is_a_decision(on, sandbox: SandboxThread) -> None:
    killed(sandbox, "a", 1)
    (mark,) = marks()
    mark.unlink()
    sandbox.script("cat", ["ok"])
    assert on("b", *BATCH).code == 0
    assert sandbox.books.posts.total() == 2


def test_x2_a_run_that_ends_well_leaves_nothing(cogview: Run, sandbox: SandboxThread) -> None:
    """Nor one whose requests cost nothing."""
    Path("p.txt").write_text("cat\ndog sandbox:1301\nowl sandbox:1302x1\nfox sandbox:1210\n")
    assert cogview(*BATCH).code == 3
    assert not MARKS.exists() and len(images()) == 2


def test_x3_paid_and_not_saved_stays_marked_until_it_is(on, sandbox: SandboxThread) -> None:
    Path("p.txt").write_text("cat sandbox:404-downloadx9\n")
    assert on("a", *BATCH).code == 6
    assert on("b", *BATCH).code == 5
    for _ in range(4):
        on("a", "recover")
    assert len(images()) == 1 and not marks()
    assert (on("b", *BATCH).code, sandbox.books.posts.total()) == (0, 1)
    assert not MARKS.exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"id":"1"}', b"[" * 9999])
def test_x4_a_mark_that_cannot_be_read_is_one_all_the_same(
    content: bytes, on, sandbox: SandboxThread
) -> None:
    killed(sandbox, "a", 1)
    (mark,) = marks()
    mark.write_bytes(content)
    assert (on("b", *BATCH).code, sandbox.books.posts.total()) == (5, 1)


def test_x5_a_folder_that_takes_no_marks_is_9_before_anything_is_paid(
    on, sandbox: SandboxThread
) -> None:
    Path("p.txt").write_text("cat\ndog\n")
    Path("out").mkdir()
    MARKS.write_text("a file")
    ended = on("a", *BATCH)
    assert ended.code == 9 and "hint: " in ended.err, ended
    assert not sandbox.books.posts and Path(MARKS).is_file()
    MARKS.unlink()
    assert on("a", *BATCH).code == 0


def test_x6_shards_of_one_folder_at_once_do_not_disturb_each_other(
    on, sandbox: SandboxThread
) -> None:
    """Each removes the folder of marks when it is empty, while others make theirs."""
    Path("p.txt").write_text("".join(f"cat {n}\n" for n in range(40)))
    ends: list[Ended] = []

    def shard(number: int) -> None:
        ends.append(on(f"n{number}", *BATCH, "--shard", f"{number}/4", "--jobs", "1"))

    threads = [threading.Thread(target=shard, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [ended.code for ended in ends] == [0] * 4, ends
    assert (sandbox.books.posts.total(), len(images())) == (40, 40)
    assert not MARKS.exists()


def test_x7_one_shared_state_folder_takes_its_own_marks_as_its_own(
    on, sandbox: SandboxThread
) -> None:
    killed(sandbox, "a", 2)
    assert "another machine" not in on("a", *BATCH).err
    assert sandbox.books.posts.total() == 2


def test_x8_a_lost_ledger_pays_nothing_twice(on, sandbox: SandboxThread) -> None:
    killed(sandbox, "a", 2)
    ledger = Path(node("a")["COGVIEW_STATE_DIR"]) / "ledger.db"
    ledger.rename(ledger.with_suffix(".broken"))
    assert (on("a", *BATCH).code, sandbox.books.posts.total()) == (5, 2)


def test_x9_a_folder_whose_name_is_no_text(cogview: Run, sandbox: SandboxThread) -> None:
    Path("p.txt").write_text("cat\n")
    out = os.fsdecode(b"out-\xff")
    assert cogview("batch", "p.txt", *SMALL, "-o", out, "--json").code == 0
    assert not Path(out, ".cogview").exists() and len(images()) == 1


def test_a_single_gen_leaves_no_marks(cogview: Run, sandbox: SandboxThread) -> None:
    assert cogview("gen", "cat sandbox:lost-answer", *SMALL).code == 5
    assert not Path(".cogview").exists()
