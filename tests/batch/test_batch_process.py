"""`batch` as whole processes: signals, kills, closed pipes, two at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.processes import (
    COMMAND,
    PATIENCE_S,
    SLOW,
    ended,
    environment,
    many,
    run,
    started,
    summary_of,
    until,
)
from tests.batch.support import SMALL, ledger_column, pictures, posts, prompts, row, rows

if os.name == "nt":
    pytest.skip("signals and terminals of POSIX", allow_module_level=True)


# --- signals ---------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_what_is_in_flight_and_sends_no_more(
    number: signal.Signals, code: int
) -> None:
    prompts(*many(12))
    with SandboxThread(latency=SLOW) as box:
        with started(box, "--jobs", "3", "--json") as process:
            until(lambda: box.books.in_flight == 3)
            process.send_signal(number)
            found, out, err = ended(process)
        assert found == summary_of(out)["exit_code"] == code, err
        summary = summary_of(out)
        assert summary["saved"] == posts(box) == len(pictures()) == 3
        assert summary["not_sent"] == 9
        found_lines = [json.loads(line) for line in out.splitlines()]
        unsent = [line["error"] for line in found_lines if line.get("status") == "not_sent"]
        assert len(unsent) == 9 and all(error["retryable"] for error in unsent), unsent
        assert len(out.splitlines()) == 13
        assert run(box)[0] == 0
        assert posts(box) == len(pictures()) == 12


def test_a_signal_does_not_hide_what_is_unknown() -> None:
    """The code is the signal's; the data still says which outcome is unknown."""
    prompts("dog sandbox:silent", *many(5))
    with SandboxThread() as box, started(box, "--json", "--jobs", "2", "-v") as process:
        until(lambda: posts(box) == 6 and ledger_column("state").count("saved") == 5)
        interrupt_twice(process)
        code, out, _ = ended(process)
    assert code == 130
    summary = summary_of(out)
    assert summary["saved"] == 5
    assert ledger_column("state").count("unknown") == 1
    assert (summary["unknown"], summary["cost_max"]) == (1, "0.36")


def test_a_second_signal_ends_at_once_and_the_next_run_pays_nothing_twice() -> None:
    prompts("dog sandbox:silentx1")
    with SandboxThread() as box:
        with started(box, "-v") as process:
            until(lambda: posts(box))
            interrupt_twice(process)
            assert ended(process)[0] == 130
        assert run(box)[0] == 5
        assert posts(box) == 1
        assert run(box, "--on-unknown", "retry")[0] == 0
        assert posts(box) == 2


def interrupt_twice(process: subprocess.Popen[bytes]) -> None:
    """The second signal comes after the first has been taken."""
    process.send_signal(signal.SIGINT)
    assert process.stderr
    while b"stopped by SIGINT" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)


# --- kill -9 ----------------------------------------------------------------------


def test_after_kill_9_nothing_made_is_asked_again() -> None:
    """What was in flight is unknown, what was answered is fetched, the rest is sent."""
    prompts(*many(12))
    with SandboxThread(latency=(0.15, 0.15), download_latency=(0.1, 0.1)) as box:
        with started(box, "--jobs", "3") as process:
            until(lambda: posts(box) >= 7)
            process.kill()
        code, out, err = run(box, "--json")
        summary = summary_of(out)
        assert code == summary["exit_code"] == (5 if summary["unknown"] else 0), err
        assert summary["unknown"] <= 3
        assert summary["saved"] + summary["skipped"] + summary["unknown"] == 12
        assert set(box.books.posts.values()) == {1}, "no POST is repeated by itself"
        assert len(pictures()) == 12 - summary["unknown"]
        assert not list(Path("out").rglob(".cogview-*"))
        assert run(box, "--on-unknown", "retry")[0] == 0
        assert len(pictures()) == 12
        # What was noted and not yet sent when the kill came was unknown as well.
        assert 12 <= posts(box) <= 12 + summary["unknown"]


def test_kill_9_frees_the_folder() -> None:
    prompts("cat")
    with SandboxThread(latency=(20.0, 20.0)) as box:
        with started(box) as process:
            until(lambda: posts(box))
            process.kill()
        assert run(box)[0] == 5, "not 75: nobody holds the folder"
        assert posts(box) == 1


# --- several at once -----------------------------------------------------------------


def test_a_second_run_on_a_folder_leaves_with_75() -> None:
    prompts(*many(3))
    with SandboxThread(latency=SLOW) as box, started(box) as first:
        until(lambda: posts(box))
        first.send_signal(signal.SIGSTOP)
        code, out, err = run(box)
        first.send_signal(signal.SIGCONT)
        assert (code, out) == (75, "")
        assert "--wait" in err
        assert ended(first)[0] == 0
        assert posts(box) == 3


def test_a_second_run_may_wait_and_finds_it_done() -> None:
    prompts(*many(4))
    with (
        SandboxThread(latency=SLOW) as box,
        started(box, "--wait") as first,
        started(box, "--wait") as second,
    ):
        codes = [ended(first), ended(second)]
        assert [code for code, _, _ in codes] == [0, 0], codes
        assert [len(out.splitlines()) for _, out, _ in codes] == [4, 4]
        assert posts(box) == len(pictures()) == 4


def test_overlapping_runs_ask_once_for_each_image() -> None:
    """Shards of different counts and the whole, side by side on one folder."""
    prompts(*many(12))
    shards = ("1/1", "1/2", "2/2", "1/3", "2/3")
    with SandboxThread(latency=(0.1, 0.2), download_latency=(0.2, 0.2), tier="V1") as box:
        with ExitStack() as stack:
            running = [
                stack.enter_context(started(box, "--tier", "V1", "--shard", shard))
                for shard in shards
            ]
            codes = [ended(process) for process in running]
        assert {code for code, _, _ in codes} <= {0, 75}, codes
        assert set(box.books.posts.values()) == {1}
        assert run(box)[0] == 0
        assert posts(box) == len(pictures()) == 12
        assert not list(Path("out").rglob(".cogview-*"))


def test_what_a_living_run_downloads_is_left_to_it() -> None:
    """Two processes must not write one temporary file."""
    prompts("cat")
    with SandboxThread(download_latency=(1.5, 1.5)) as box, started(box) as first:
        until(lambda: ledger_is_there() and ledger_column("state") == ["answer"])
        first.send_signal(signal.SIGSTOP)
        code, _, err = run(box, "--shard", shard_of_cat())
        first.send_signal(signal.SIGCONT)
        assert code == 75, err
        assert ended(first)[0] == 0
        assert (posts(box), pictures()) == (1, ["0001-cat.png"])


def ledger_is_there() -> bool:
    path = Path("../state/ledger.db")
    return path.exists() and path.stat().st_size > 4096  # its tables, too


def shard_of_cat() -> str:
    """The shard of two in which the only prompt is."""
    made = row("cat", size="512x512")
    return f"{int.from_bytes(made.content[:8]) % 2 + 1}/2"


def test_glm_image_has_one_slot_and_cogview_does_not_wait_for_it() -> None:
    items = [{"prompt": f"glm {n}", "model": "glm-image", "size": "512x512"} for n in range(3)]
    rows(*items, *({"prompt": text} for text in many(10)), file="p.txt")
    began: list[int] = []
    with SandboxThread(latency=(0.1, 0.1), hd_latency=(0.1, 0.1)) as box:
        box.script("glm", ["ok"] * 3)
        with started(box, "--json", "--input-format", "jsonl") as process:
            until(lambda: sum(n for text, n in box.books.charges.items() if "glm" in text) >= 2)
            began.append(sum(n for text, n in box.books.charges.items() if "cat" in text))
            code, out, err = ended(process)
    assert code == 0, err
    assert summary_of(out)["saved"] == 13
    assert posts(box) == 13, "the server never had to refuse a second one at once"
    assert began[0] >= 4, "CogView went on beside it"


# --- stdout -----------------------------------------------------------------------


def test_head_ends_the_run_with_141_and_keeps_what_was_started() -> None:
    prompts(*many(20))
    with SandboxThread(latency=(0.1, 0.1)) as box:
        with started(box, "--jobs", "1") as process:
            assert process.stdout and process.stderr
            assert process.stdout.readline().endswith(b".png\n")
            process.stdout.close()
            err = process.stderr.read()
            assert process.wait(PATIENCE_S) == 141, err
        assert posts(box) < 20
        assert len(pictures()) == sum(box.books.charges.values())
        assert b"Traceback" not in err and b"Exception ignored" not in err
        assert run(box)[0] == 0
        assert posts(box) == 20


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize(("first", "code"), [("cat", 9), ("cat sandbox:lost-answer", 5)])
def test_a_full_stdout_is_9_unless_worse_has_happened(first: str, code: int) -> None:
    prompts(first, "dog", "owl")
    with SandboxThread() as box, Path("/dev/full").open("wb") as full:
        found, _, err = run(box, "--jobs", "1", stdout=full)
        assert found == code, err
        assert "cannot write to stdout" in err
        assert len(pictures()) == sum(box.books.charges.values()) - (code == 5)


def test_names_that_are_no_text_are_taken_as_they_are(sandbox: SandboxThread) -> None:
    """The prompt file's, the folder's; in every file and message they are escaped."""
    source, folder = os.fsdecode(b"p\xff.txt"), os.fsdecode(b"o\xff")
    try:
        prompts("cat", "dog sandbox:1301", "owl sandbox:404-download", file=source)
    except OSError:
        pytest.skip("this file system takes text only")
    command = [*COMMAND, source, *SMALL, "-o", folder, "--report"]
    for report, code in (("r.csv", 6), ("r.json", 6)):
        done = subprocess.run(
            [*command, report], env=environment(sandbox), capture_output=True, check=False
        )
        assert done.returncode == code, done
        assert done.stdout == b"o\xff/0001-cat.png\n"
        assert Path(report).read_text("utf-8")
    assert posts(sandbox) == 3
