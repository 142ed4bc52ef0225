"""`--deadline`: runs that end before they would be killed, and lose nothing that is paid."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cogview_cli.config.settings import load
from cogview_cli.engine.deadline import Deadline, deadline_of
from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.support import posts
from tests.conftest import Ended, Run
from tests.faults.world import KEY, SMALL, images, run, running, states, until

LATENCY = 0.5
# Of a process: what starting it and a busy machine may add is no matter of the deadline.
STARTING = 6.0


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxThread]:
    """An API that takes half a second for each picture."""
    with SandboxThread(latency=(LATENCY, LATENCY)) as box:
        monkeypatch.setenv("COGVIEW_BASE_URL", box.base_url)
        monkeypatch.setenv("COGVIEW_API_KEY", KEY)
        yield box


def ended_within(seconds: float, *arguments: str) -> Ended:
    began = time.monotonic()
    ended = run(*arguments, "--deadline", f"{seconds:g}")
    assert time.monotonic() - began < seconds + STARTING, ended
    return ended


def summary(ended: Ended) -> Any:
    return json.loads(ended.out.splitlines()[-1])


# What fits. Pure.


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_picture_is_expected_to_take_as_long_as_the_slowest_of_the_last() -> None:
    clock = Clock()
    deadline = Deadline(12, now=clock)
    assert deadline.left == deadline.left_to_send == 10 and deadline.fits("x", None)
    deadline.took(3)
    deadline.took(2)
    assert deadline.left_to_send == 10 - 4.5
    clock.now += 5
    assert deadline.fits("x", None)
    clock.now += 1
    assert not deadline.fits("x", None) and deadline.left_to_send == 0


def test_the_first_picture_is_expected_to_take_what_the_vendor_says() -> None:
    deadline = Deadline(20, vendor=True)
    assert deadline.fits("cogview-4-250304", None)
    assert not deadline.fits("cogview-4-250304", "hd")
    deadline.took(1)
    assert deadline.fits("cogview-4-250304", "hd")


def test_the_vendors_times_say_nothing_about_other_servers_of_this_machine() -> None:
    local = load({"base_url": "http://127.0.0.1:1/v1"})
    assert deadline_of("5", local).fits("cogview-4-250304", "hd")
    assert not deadline_of("5", load({})).fits("cogview-4-250304", "hd")
    assert deadline_of("5", load({"sandbox": True})).fits("cogview-4-250304", "hd")


def test_what_can_go_on_later_is_told_to() -> None:
    """But where not one picture fits, the same again would never make any."""
    deadline = Deadline(12, resumes=True)
    assert "--deadline SECONDS" in deadline.problem().hint
    deadline.took(3)
    assert deadline.problem().hint == "the same command again does the rest"
    alone = Deadline(12)
    alone.took(3)
    assert "--deadline SECONDS" in alone.problem().hint


def test_without_a_deadline_everything_fits() -> None:
    assert Deadline().left is None and Deadline().fits("x", None)


@pytest.mark.parametrize("text", ["0", "soon", "-1", "nan", ""])
@pytest.mark.parametrize("command", [("gen", "cat"), ("batch", "p.txt"), ("recover",)])
def test_what_is_no_time_is_wrong_usage(
    cogview: Run, sandbox: SandboxThread, command: tuple[str, ...], text: str
) -> None:
    Path("p.txt").write_text("cat\n")
    ended = cogview(*command, "--deadline", text)
    assert (ended.code, ended.out, posts(sandbox)) == (2, "", 0)
    assert "--deadline" in ended.err.splitlines()[0]


# Whole runs


def test_gen_sends_what_fits_and_leaves_with_75(slow: SandboxThread) -> None:
    ended = ended_within(3, "gen", "cat", *SMALL, "-n", "12", "--jobs", "1", "--json")
    assert (ended.code, summary(ended)["exit_code"]) == (75, 75), ended
    made = posts(slow)
    assert 1 <= made <= 6
    assert summary(ended)["saved"] == made == len(images())
    assert summary(ended)["not_sent"] == 12 - made
    assert f"{12 - made} left" in ended.err


def test_a_batch_is_done_in_as_many_runs_as_it_takes(slow: SandboxThread) -> None:
    Path("p.txt").write_text("".join(f"cat {n}\n" for n in range(8)))
    command = ("batch", "p.txt", "-o", "out", "-s", "512x512", "--jobs", "2", "--quiet")
    codes = []
    while not codes or codes[-1]:
        codes.append(ended_within(2.5, *command).code)
        assert codes[-1] in (0, 75) and len(codes) < 10
    assert len(codes) > 1
    assert posts(slow) == 8 == len(images())


def test_a_run_that_is_done_before_ends_as_ever(slow: SandboxThread) -> None:
    ended = ended_within(30, "gen", "cat", *SMALL, "--json")
    assert ended.code == 0 and summary(ended)["not_sent"] == 0


def test_a_deadline_after_all_was_sent_stops_nothing(
    cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last answer comes when another one could not."""
    monkeypatch.setattr("cogview_cli.engine.deadline.Deadline.left_to_send", 0.0)
    Path("p.txt").write_text("cat\n")
    monkeypatch.setattr("cogview_cli.engine.pool._watch", _at_once_when_sent(sandbox))
    assert cogview("batch", "p.txt", "-o", "out", *SMALL, "--deadline", "60").code == 0
    assert cogview("gen", "cat", *SMALL, "--deadline", "60").code == 0


def _at_once_when_sent(box: SandboxThread) -> Any:
    import asyncio

    async def watch(run: Any, workers: object) -> None:
        before = box.books.charges.total()
        while box.books.charges.total() == before:
            await asyncio.sleep(0.001)
        run.stop(run.deadline.problem())

    return watch


def test_what_is_not_answered_by_then_is_unknown(slow: SandboxThread) -> None:
    ended = ended_within(2, "gen", "cat sandbox:silent", *SMALL)
    assert (ended.code, states(), posts(slow)) == (5, ["unknown"], 1), ended
    assert ended.err.splitlines()[0].endswith(": stopped before the answer"), ended


def test_what_is_paid_and_not_here_by_then_is_6(slow: SandboxThread) -> None:
    ended = ended_within(3, "gen", "cat sandbox:stall-downloadx9", *SMALL)
    assert (ended.code, states()) == (6, ["answer"]), ended
    ended = ended_within(2, "recover", "--json")
    assert (ended.code, summary(ended)["unsaved"]) == (6, 1), ended
    assert "error: --deadline 2 came before 1 paid picture was on disk\nhint: " in ended.err
    told = [json.loads(line) for line in ended.out.splitlines()][-2]
    assert (told["type"], told["code"], told["exit_code"]) == ("error", "temporary", 75), ended


def test_nothing_is_sent_to_the_vendor_that_could_not_end_in_time(cogview: Run) -> None:
    """Decided before anything is connected: a picture may take ten seconds there."""
    with SandboxThread() as box:
        ended = cogview("gen", "cat", *SMALL, "--deadline", "5", "--base-url", "https://x.test/v4")
        assert (ended.code, posts(box), states()) == (75, 0, [])
    assert "--deadline 5" in ended.err


def test_recover_begins_no_download_after_it(slow: SandboxThread) -> None:
    for name in ("a", "b"):
        run("gen", f"{name} sandbox:403-downloadx2", *SMALL)
    assert states() == ["answer", "answer"]
    ended = ended_within(0.001, "recover")
    assert ended.code in (6, 75)
    assert "error: --deadline 0.001 came before 2 paid pictures were on disk" in ended.err
    assert ended_within(30, "recover").code == 0


def test_waiting_for_another_run_ends_by_then(slow: SandboxThread) -> None:
    Path("p.txt").write_text("cat sandbox:silent\n")
    command = ("batch", "p.txt", "-o", "out", "-s", "512x512")
    with running(*command):
        until(lambda: slow.books.charges)
        ended = ended_within(1.5, *command, "--wait")
    assert ended.code == 75 and "another run" in ended.err
    assert "hint: give it more time: --deadline" in ended.err
    assert posts(slow) == 1
