"""P1-P17 and C4-C8: processes that are killed, stopped, signalled, or many."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cogview_cli.pictures.verify import check
from cogview_cli.sandbox.thread import SandboxThread
from cogview_cli.terminal.reporter import Reporter
from tests.conftest import Ended, Run
from tests.faults.case import check_files
from tests.faults.torture import Loaded
from tests.faults.world import (
    COMMAND,
    KEY,
    SMALL,
    environment,
    history,
    images,
    kill,
    ran,
    run,
    running,
    said,
    state_folder,
    states,
    temporaries,
    until,
)

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(os.name == "nt", reason="signals of POSIX"),
]
ROUNDS = 10
LONG_ROUNDS = 300
# `cogview` that is killed as it is about to call MODULE:NAME.
DYING = """
import os, signal, sys
from importlib import import_module
module, *path = sys.argv[1].split(":")
owner = import_module(module)
for name in path[:-1]:
    owner = getattr(owner, name)
setattr(owner, path[-1], lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
from cogview_cli.app import main
sys.exit(main(sys.argv[2:]))
"""
LEDGER = "cogview_cli.ledger:Ledger"
# Where it dies: state after `recover`, exit code of `recover`, charged.
KILLED = {
    "P1 before the intent": (f"{LEDGER}:intend", None, 0, 0),
    "P2 after the intent": ("cogview_cli.api.client:ApiClient:post", "unknown", 5, 0),
    "P4 before the answer is kept": (f"{LEDGER}:answer", "unknown", 5, 1),
    "P5 after the answer": ("cogview_cli.pictures.saver:ImageSaver:finish", "saved", 0, 1),
    "P6 before the picture is published": ("cogview_cli.pictures.placing:publish", "saved", 0, 1),
    "P6 after it is published": ("cogview_cli.pictures.sidecar:describe", "saved", 0, 1),
    "P6 before its sidecar": ("cogview_cli.pictures.sidecar:write", "saved", 0, 1),
    "P6 before the ledger says saved": (f"{LEDGER}:saved", "saved", 0, 1),
    "P17 in the decoder": ("cogview_cli.pictures.verify:check_bytes", "saved", 0, 1),
}


@pytest.fixture
def keys(sandbox: SandboxThread, cogview: Run) -> dict[str, str]:
    """The environment of a process that uses the sandbox."""
    return {"COGVIEW_BASE_URL": sandbox.base_url, "COGVIEW_API_KEY": KEY}


@pytest.mark.parametrize("where", KILLED)
def test_killed(where: str, cogview: Run, sandbox: SandboxThread, keys: dict[str, str]) -> None:
    """Then `recover` never POSTs, and a new `gen` is a request of its own."""
    place, state, code, charged = KILLED[where]
    ended = ran(sys.executable, "-c", DYING, place, "gen", "cat", *SMALL, **keys)
    assert ended.code == -signal.SIGKILL, ended
    posts = sandbox.books.posts.total()
    assert (posts, sandbox.books.charges.total()) == (charged, charged)
    again = cogview("recover")
    assert again.code == code, again
    assert states() == ([state] if state else [])
    if state == "saved":
        check_files(again, 1, ".png", ())
    assert cogview("recover").code == 0
    assert sandbox.books.posts.total() == posts and temporaries() == []
    assert cogview("gen", "dog", *SMALL).code == 0
    assert sandbox.books.posts == {**({"cat": 1} if charged else {}), "dog": 1}


def test_p3_killed_while_the_api_works(cogview: Run, sandbox: SandboxThread) -> None:
    with running("gen", "cat sandbox:silent") as process:
        until(lambda: sandbox.books.charges)
        kill(process)
    ended = cogview("recover")
    assert ended.code == 5 and "cogview history --unknown" in ended.err, ended
    assert states() == ["unknown"] and sandbox.books.posts.total() == 1
    assert history()[0].id in cogview("history", "--unknown").out


def test_p3_the_next_gen_says_so_and_pays_only_for_itself(
    cogview: Run, sandbox: SandboxThread
) -> None:
    with running("gen", "cat sandbox:silent") as process:
        until(lambda: sandbox.books.charges)
        kill(process)
    ended = cogview("gen", "dog", *SMALL)
    assert ended.code == 0 and "may have been paid" in ended.err, ended
    assert states() == ["unknown", "saved"] and sandbox.books.posts.total() == 2


def _holds_bytes(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:  # it has just got its name
        return False


def test_p6_killed_with_half_the_picture(cogview: Run, sandbox: SandboxThread) -> None:
    with running("gen", "cat sandbox:stall-downloadx1", *SMALL) as process:
        until(lambda: any(map(_holds_bytes, temporaries())))
        kill(process)
    assert states() == ["answer"] and images() == []
    ended = cogview("recover")
    assert ended.code == 0, ended
    check_files(ended, 1, ".png", ())


# --- P7: kill -9 at any moment -----------------------------------------------


def _kill_loop(rounds: int, seed: int) -> None:
    """Images + unknowns = charged, each prompt POSTed at most once, nothing left over."""
    print(f"seed {seed}, {rounds} rounds")
    rng = random.Random(seed)
    with SandboxThread(latency=(0.0, 0.1), download_latency=(0.0, 0.05)) as box:
        keys = {"COGVIEW_BASE_URL": box.base_url, "COGVIEW_API_KEY": KEY}
        survived = sum(_killed_at(rng.uniform(0.0, 0.35), n, keys) for n in range(rounds))
        first, last = run("recover", **keys), run("recover", **keys)
    books = box.books
    print(f"finished {survived}, charged {books.charges.total()}, images {len(images())}")
    assert first.code in (0, 5) and last.code == 0, (seed, first, last)
    assert max(books.posts.values(), default=0) <= 1, seed
    saved, unknown = states().count("saved"), states().count("unknown")
    assert set(states()) <= {"saved", "unknown"}, seed
    assert len(images()) == saved >= survived, seed
    # An unknown may have cost nothing; nothing else may be missing.
    assert saved <= books.charges.total() <= saved + unknown, seed
    for path in images():
        check(path)
        assert Path(f"{path}.json").is_file(), seed
    assert temporaries() == [], seed


def _killed_at(seconds: float, number: int, keys: dict[str, str]) -> bool:
    """Whether `gen` had ended before it was killed, so many seconds after it set out."""
    with Loaded("gen", f"cat {number}", *SMALL, "-o", "out/", **keys) as process:
        process.go()
        try:
            return process.popen.wait(seconds) == 0
        except subprocess.TimeoutExpired:
            process.popen.kill()
            return False


def test_p7_kill_at_random_moments() -> None:
    _kill_loop(ROUNDS, random.SystemRandom().randrange(10**6))


@pytest.mark.torture
def test_p7_kill_at_many_random_moments() -> None:
    _kill_loop(LONG_ROUNDS, random.SystemRandom().randrange(10**6))


# --- P8-P16: signals and streams ---------------------------------------------


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=["P8 INT", "P10 TERM", "P11 HUP"],
)
def test_a_signal_waits_for_what_is_paid(number: signal.Signals, code: int, cogview: Run) -> None:
    """What is in flight is saved, the rest is never sent."""
    with SandboxThread(latency=(0.4, 0.4)) as box:
        more = ("-n", "8", "--jobs", "2", "--json")
        with running(
            "gen", "cat", *SMALL, *more, stdout=subprocess.PIPE, COGVIEW_BASE_URL=box.base_url
        ) as process:
            until(lambda: box.books.in_flight == 2)
            process.send_signal(number)
            out, _ = process.communicate(timeout=30)
        assert box.books.posts.total() == box.books.charges.total() == len(images()) == 2
    assert process.returncode == code, said()
    summary = json.loads(out.splitlines()[-1])
    assert (summary["saved"], summary["not_sent"], summary["exit_code"]) == (2, 6, code)
    assert states() == ["saved", "saved"] and temporaries() == []


def test_p9_a_second_signal_ends_at_once_and_says_unknown(
    cogview: Run, sandbox: SandboxThread
) -> None:
    with running("gen", "cat sandbox:silent", "-v") as process:
        until(lambda: sandbox.books.charges)
        process.send_signal(signal.SIGINT)
        until(lambda: "stopped by SIGINT" in said())
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
    assert states() == ["unknown"] and sandbox.books.posts.total() == 1
    assert cogview("recover").code == 0


def test_p12_a_process_that_sleeps_past_its_deadline_reads_the_answer_that_waits(
    cogview: Run,
) -> None:
    with SandboxThread(latency=(0.3, 0.3)) as box:
        with running(
            "gen", "cat", *SMALL, "--timeout", "1", COGVIEW_BASE_URL=box.base_url
        ) as process:
            until(lambda: box.books.in_flight)
            process.send_signal(signal.SIGSTOP)
            until(lambda: box.books.charges)
            time.sleep(1.2)  # longer than --timeout
            process.send_signal(signal.SIGCONT)
            assert process.wait(30) == 0, said()
        assert box.books.posts.total() == 1
    assert states() == ["saved"]


def test_p13_a_reader_that_leaves(cogview: Run) -> None:
    with SandboxThread(latency=(0.2, 0.2)) as box:
        more = ("-n", "6", "--jobs", "1")
        with running(
            "gen", "cat", *SMALL, *more, stdout=subprocess.PIPE, COGVIEW_BASE_URL=box.base_url
        ) as process:
            assert process.stdout and process.stdout.readline().endswith(b".png\n")
            process.stdout.close()
            assert process.wait(30) == 141, said()
        assert len(images()) == box.books.charges.total() < 6
    assert "Traceback" not in said() and "Exception ignored" not in said()


@pytest.mark.parametrize("where", [">/dev/full", ">&-", ">&- 2>&-"], ids=lambda w: f"P14 {w}")
def test_a_stdout_that_takes_nothing(
    where: str, sandbox: SandboxThread, keys: dict[str, str]
) -> None:
    """Exit 9; what was paid for is on the disk."""
    if "full" in where and not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    gen = (*COMMAND, "gen", "cat", *SMALL)
    ended = ran("/bin/sh", "-c", f'exec "$@" {where}', "sh", *gen, **keys)
    assert ended.code == 9, ended
    assert "Traceback" not in ended.err and "Exception ignored" not in ended.err
    assert len(images()) == sandbox.books.charges.total()
    assert states() in ([], ["saved"])


def test_p15_a_bug_in_a_callback_loses_no_answer(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Reporter, "outcome", bug)
    with SandboxThread(latency=(0.1, 0.1)) as box:
        monkeypatch.setenv("COGVIEW_BASE_URL", box.base_url)
        ended = cogview("gen", "cat", *SMALL, "-n", "6", "--jobs", "3")
        assert ended.code == 1 and "a bug" in ended.err, ended
        assert len(images()) == box.books.charges.total() >= 3
    assert set(states()) == {"saved"}


def test_p16_after_a_reboot_nobody_owns_an_intent(
    cogview: Run, sandbox: SandboxThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock file is there, the lock is not; the pid says nothing."""
    with running("gen", "cat sandbox:silent"):
        until(lambda: sandbox.books.charges)
        shutil.copytree(state_folder(), tmp_path / "rebooted")
    assert list((tmp_path / "rebooted" / "runs").iterdir())
    monkeypatch.setenv("COGVIEW_STATE_DIR", str(tmp_path / "rebooted"))
    assert cogview("recover").code == 5
    assert states() == ["unknown"] and sandbox.books.posts.total() == 1


def test_p17_a_decoder_out_of_memory_keeps_the_answer(
    cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr("cogview_cli.pictures.verify._decode", no_memory)
        ended = cogview("gen", "cat", *SMALL)
    assert (ended.code, states(), temporaries()) == (6, ["answer"], []), ended
    assert cogview("recover").code == 0 and sandbox.books.posts.total() == 1


# --- C: several processes ----------------------------------------------------


Lines = Callable[[int], tuple[dict[str, str], tuple[str, ...]]]


def _at_once(count: int, arguments: Lines) -> list[Ended]:
    """So many `gen` at once, to their ends."""
    running_: list[subprocess.Popen[bytes]] = []
    for number in range(count):
        more, line = arguments(number)
        pipe = subprocess.PIPE
        running_.append(
            subprocess.Popen(
                [*COMMAND, "gen", *line], env=environment(**more), stdin=subprocess.DEVNULL,
                stdout=pipe, stderr=pipe,
            )
        )  # fmt: skip
    ended = [(process.communicate(timeout=60), process.returncode) for process in running_]
    return [Ended(code, out.decode(), err.decode()) for (out, err), code in ended]


def test_c4_five_at_once_take_five_names(sandbox: SandboxThread, keys: dict[str, str]) -> None:
    ended = _at_once(5, lambda n: (keys, ("a cat", *SMALL, "-o", "cat.png")))
    assert [one.code for one in ended] == [0] * 5, ended
    assert {one.out for one in ended} == {"cat.png\n", *(f"cat-{n}.png\n" for n in range(2, 6))}
    assert sandbox.books.charges == {"a cat": 5} and temporaries() == []


def test_c4_the_tier_bounds_what_is_in_flight(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many POSTs as images: nobody was told 1302."""
    with SandboxThread(latency=(0.1, 0.1)) as box:
        monkeypatch.setenv("COGVIEW_BASE_URL", box.base_url)
        assert cogview("gen", "cat", *SMALL, "-n", "8", "--tier", "V0").code == 0
        assert box.books.posts.total() == box.books.charges.total() == len(images()) == 8
        assert 2 <= box.books.max_in_flight <= 5


def test_c6_two_machines_without_a_common_lock_settle(tmp_path: Path) -> None:
    """Together they ask for more than the account has; 1302 is absorbed."""
    with SandboxThread(latency=(0.05, 0.1), slots=2) as box:
        keys = {"COGVIEW_BASE_URL": box.base_url, "COGVIEW_API_KEY": KEY}

        def machine(number: int) -> tuple[dict[str, str], tuple[str, ...]]:
            own = {"COGVIEW_STATE_DIR": str(tmp_path / f"machine-{number}")}
            return {**keys, **own}, (f"cat {number}", *SMALL, "-n", "3", "-o", f"{number}/")

        ended = _at_once(2, machine)
        assert [one.code for one in ended] == [0, 0], ended
        assert box.books.charges.total() == len(images()) == 6
        assert box.books.max_in_flight <= 2


def test_c7_a_stopped_holder_of_the_slots(cogview: Run, sandbox: SandboxThread) -> None:
    with running("gen", "cat sandbox:silent", "--jobs", "1") as holder:
        until(lambda: sandbox.books.charges)
        holder.send_signal(signal.SIGSTOP)
        ended = cogview("gen", "dog", *SMALL, "--jobs", "1", "--max-wait", "0.3")
    assert ended.code == 75 and "held every slot" in ended.err, ended
    assert sandbox.books.posts["dog"] == 0


def test_c8_recover_leaves_the_living_alone(cogview: Run, sandbox: SandboxThread) -> None:
    """Neither an open request nor an open download is touched."""
    with (
        running("gen", "cat sandbox:silent"),
        running("gen", "dog sandbox:stall-download", *SMALL),
    ):
        until(lambda: sandbox.books.charges.total() == 2 and temporaries())
        ended = cogview("recover")
        assert ended.code == 0 and "nothing to recover" in ended.err, ended
        assert sorted(states()) == ["answer", "intent"]
        assert sandbox.books.downloads.total() == 1 and temporaries()
