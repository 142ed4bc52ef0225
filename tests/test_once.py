"""The same `gen` again finishes before it pays; with `--once` nothing is made twice."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cogview_cli.gen.rest import hint_for_the_rest
from cogview_cli.ledger import PAID_STATES
from cogview_cli.outcome import Status
from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.support import edit_ledger, lines, posts, statuses
from tests.conftest import Ended, Run
from tests.faults.world import (
    COMMAND,
    KEY,
    environment,
    history,
    images,
    kill,
    run,
    running,
    said,
    states,
    until,
)

SMALL = ("-s", "512x512")
LATER = "sandbox:403-downloadx2"
Gen = Callable[..., Ended]


@pytest.fixture
def gen(cogview: Run) -> Gen:
    return lambda *arguments: cogview("gen", *arguments, *SMALL)


@pytest.fixture
def keys(sandbox: SandboxThread) -> dict[str, str]:
    return {"COGVIEW_BASE_URL": sandbox.base_url, "COGVIEW_API_KEY": KEY}


def printed(ended: Ended) -> set[Path]:
    """The pictures that a run tells of."""
    told = ended.out.splitlines()
    paths = [json.loads(line).get("file") if line.startswith("{") else line for line in told]
    return {Path(path).resolve() for path in paths if path}


# --- what is paid is fetched first ----------------------------------------------------


def test_the_same_gen_again_fetches_what_is_paid(gen: Gen, sandbox: SandboxThread) -> None:
    assert gen(f"cat {LATER}").code == 6
    ended = gen(f"cat {LATER}", "--json")
    assert (ended.code, posts(sandbox), states()) == (0, 1, ["saved"])
    image, summary = lines(ended)
    assert (image["status"], image["cost"], image["n"]) == ("saved", "0", 1)
    assert (summary["cost"], summary["cost_max"]) == ("0", "0")
    assert "paid already: fetched first" in ended.err


def test_it_counts_as_one_of_those_that_are_wanted(gen: Gen, sandbox: SandboxThread) -> None:
    sandbox.script(None, ["403-downloadx2"] * 2)
    assert gen("cat", "-n", "2").code == 6
    ended = gen("cat", "-n", "3", "--json")
    assert ended.code == 0, ended
    assert posts(sandbox) == 3 and len(images()) == 3
    assert lines(ended)[-1]["cost"] == "0.06"
    assert [line["n"] for line in lines(ended)[:-1]] in ([1, 2, 3], [2, 1, 3])


def test_no_more_is_fetched_than_is_wanted(gen: Gen, sandbox: SandboxThread) -> None:
    gen("cat sandbox:403-downloadx2", "-n", "3")
    assert gen("cat sandbox:403-downloadx2").code == 0
    assert (posts(sandbox), sorted(states())) == (3, ["answer", "answer", "saved"])


@pytest.mark.parametrize(
    "other",
    [("cat",), ("-o", "x/"), ("-q", "hd"), ("--format", "webp"), ("-o", "cat.png")],
)
def test_another_request_or_place_is_no_reason_to_fetch(
    gen: Gen, sandbox: SandboxThread, other: tuple[str, ...]
) -> None:
    text = f"dog {LATER}"
    gen(text)
    assert gen(*other if other == ("cat",) else (text, *other)).code in (0, 6)
    assert posts(sandbox) == 2 and states()[0] == "answer"


def test_what_a_living_process_fetches_is_left_to_it(
    sandbox: SandboxThread, keys: dict[str, str]
) -> None:
    text = "cat sandbox:stall-download"
    with running("gen", text, *SMALL, **keys):
        until(lambda: sandbox.books.downloads)
        with running("gen", text, *SMALL, **keys):
            until(lambda: posts(sandbox) == 2)


def test_what_a_killed_one_paid_is_fetched(keys: dict[str, str]) -> None:
    with SandboxThread(download_latency=(3, 3)) as box:
        place = {**keys, "COGVIEW_BASE_URL": box.base_url}
        with running("gen", "cat", *SMALL, **place) as process:
            until(lambda: box.books.downloads)
            kill(process)
        assert run("gen", "cat", *SMALL, **place).code == 0
        assert posts(box) == 1 and len(images()) == 1


def test_a_download_that_fails_again_pays_nothing(gen: Gen, sandbox: SandboxThread) -> None:
    for _ in range(3):
        assert gen("cat sandbox:403-download").code == 6
    assert posts(sandbox) == 1


def test_images_for_stdout_are_fetched_first_too(
    keys: dict[str, str], sandbox: SandboxThread
) -> None:
    command = ("gen", "cat sandbox:403-downloadx5", *SMALL, "-o", "-")
    assert run(*command, **keys).code == 6
    for _ in range(3):
        done = subprocess.run(
            [*COMMAND, *command], env=environment(**keys), capture_output=True, timeout=60
        )
        if done.returncode == 0:
            break
    assert done.stdout.startswith(b"\x89PNG") and posts(sandbox) == 1


# --- what is said is left -------------------------------------------------------------


def test_an_interrupted_gen_names_what_is_left(keys: dict[str, str]) -> None:
    with SandboxThread(latency=(0.4, 0.4), tier="V0") as box:
        place = {**keys, "COGVIEW_BASE_URL": box.base_url}
        with running("gen", "cat", *SMALL, "-n", "7", **place) as process:
            until(lambda: posts(box) == 5)
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 130
        assert len(images()) == 5, said()
        assert "hint: 2 left: the same command with -n 2" in said()
        assert "same command again" not in said()
        assert run("gen", "cat", *SMALL, "-n", "2", **place).code == 0
        assert posts(box) == len(images()) == 7


def test_an_interrupted_batch_may_be_run_again(keys: dict[str, str]) -> None:
    Path("p.txt").write_text("".join(f"cat {n}\n" for n in range(7)))
    with (
        SandboxThread(latency=(0.4, 0.4), tier="V0") as box,
        running("batch", "p.txt", *SMALL, **{**keys, "COGVIEW_BASE_URL": box.base_url}) as process,
    ):
        until(lambda: posts(box) == 5)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert "the same command again does the rest" in said()


def test_one_that_failed_in_part_names_what_is_left(gen: Gen, sandbox: SandboxThread) -> None:
    sandbox.script(None, ["ok", "403-download", "403-download"])
    ended = gen("cat", "-n", "3", "--jobs", "1")
    assert ended.code == 6 and "hint: cogview recover" in ended.err
    assert "the same command" not in ended.err  # two are paid: nothing is left to be asked for


@pytest.mark.parametrize("recovers", [True, False])
def test_what_is_left_after_unsaved_ones_never_pays_more(
    gen: Gen, cogview: Run, sandbox: SandboxThread, recovers: bool
) -> None:
    sandbox.script(None, ["ok", *["403-download"] * 2, *["1113"] * 5])
    ended = gen("cat", "-n", "5", "--jobs", "1")
    assert "hint: first cogview recover, free; then the same command with -n 2" in ended.err
    if recovers:
        cogview("recover")
    sandbox.script(None, ["ok"] * 5)
    gen("cat", "-n", "2")
    assert sum(entry.state in PAID_STATES for entry in history()) <= 5


def test_the_brake_names_what_is_left(gen: Gen, sandbox: SandboxThread) -> None:
    ended = gen("cat sandbox:403-download", "-n", "30", "--jobs", "1")
    (left,) = re.findall(r"not sent (\d+)", ended.err)
    assert ended.code == 6 and f"unsaved {30 - int(left)}" in ended.err
    hint = f"hint: first cogview recover, free; then the same command with -n {left}\n"
    assert hint in ended.err


def test_what_failed_at_no_cost_is_left_too(gen: Gen, sandbox: SandboxThread) -> None:
    sandbox.script(None, ["ok", "ok", "1113"])
    ended = gen("cat", "-n", "6", "--jobs", "1")
    assert ended.code == 4 and "saved 2 of 6" in ended.err
    assert "hint: 4 left: the same command with -n 4" in ended.err


def test_what_may_be_paid_is_not_left(gen: Gen, sandbox: SandboxThread) -> None:
    sandbox.script(None, ["lost-answer", "ok", "1113"])
    ended = gen("cat", "-n", "5", "--jobs", "1")
    assert ended.code == 5 and "hint: 3 left: the same command with -n 3" in ended.err


@pytest.mark.parametrize(
    ("counts", "once", "signalled", "words"),
    [
        ({}, False, True, None),
        ({Status.NOT_SENT: 8}, False, False, None),
        ({Status.NOT_SENT: 8}, False, True, "8 left: the same command with -n 8"),
        ({Status.NOT_SENT: 4, Status.UNSAVED: 4}, False, False, "recover, free; then .* -n 4$"),
        ({Status.UNSAVED: 4, Status.SAVED: 4}, False, True, None),
        ({Status.UNKNOWN: 4, Status.FAILED: 4}, False, True, "^4 left"),
        ({Status.REFUSED: 4, Status.SAVED: 4}, False, False, None),
        ({Status.UNSAVED: 4, Status.SAVED: 4}, True, False, "the same command again does"),
    ],
)
def test_what_is_said_of_the_rest(
    counts: dict[Status, int], once: bool, signalled: bool, words: str | None
) -> None:
    said = hint_for_the_rest(counts, images=8, once=once, signalled=signalled)
    assert said == words or (words and said and re.search(words, said))


# --- --once ---------------------------------------------------------------------------


def test_once_makes_nothing_again_that_is_on_disk(gen: Gen, sandbox: SandboxThread) -> None:
    first = gen("cat", "--once")
    again = gen("cat", "--once")
    assert (again.code, again.out, posts(sandbox)) == (0, first.out, 1)
    assert lines(gen("cat", "--once", "--json"))[0]["status"] == "skipped"
    assert gen("cat").code == 0 and posts(sandbox) == 2


def test_once_counts_what_any_gen_has_made(gen: Gen, sandbox: SandboxThread) -> None:
    gen("cat", "-n", "2")
    ended = gen("cat", "--once", "-n", "3", "--json")
    assert (statuses(ended), posts(sandbox)) == (["skipped", "skipped", "saved"], 3)
    assert gen("cat", "--once", "-n", "3").code == 0 and posts(sandbox) == 3


def test_once_fetches_a_deleted_picture_for_nothing(gen: Gen, sandbox: SandboxThread) -> None:
    gen("cat", "--once", "-o", "cat.png")
    before = Path("cat.png").read_bytes()
    Path("cat.png").unlink()
    assert gen("cat", "--once", "-o", "cat.png").code == 0
    assert (Path("cat.png").read_bytes(), posts(sandbox)) == (before, 1)


@pytest.mark.parametrize("left", [b"", b"cut"])
def test_once_checks_the_size(gen: Gen, sandbox: SandboxThread, left: bytes) -> None:
    gen("cat", "--once", "-o", "cat.png", "--on-exists", "overwrite")
    before = Path("cat.png").read_bytes()
    Path("cat.png").write_bytes(left)
    assert gen("cat", "--once", "-o", "cat.png", "--on-exists", "overwrite").code == 0
    assert (Path("cat.png").read_bytes(), posts(sandbox)) == (before, 1)


def test_once_makes_it_again_where_its_link_is_dead(gen: Gen, sandbox: SandboxThread) -> None:
    gen("cat", "--once", "-o", "cat.png")
    Path("cat.png").unlink()
    edit_ledger("update requests set fetchable = 0")
    assert gen("cat", "--once", "-o", "cat.png").code == 0
    assert posts(sandbox) == 2 and Path("cat.png").is_file()


@pytest.mark.parametrize("fault", ["lost-answer", "html-200"])
def test_once_stops_at_an_unknown_outcome(gen: Gen, sandbox: SandboxThread, fault: str) -> None:
    text = f"cat sandbox:{fault}x1"
    assert gen(text, "--once").code == 5
    ended = gen(text, "--once", "--json")
    assert (ended.code, posts(sandbox)) == (5, 1)
    assert lines(ended)[-1] | {"unknown": 1, "cost": "0"} == lines(ended)[-1]
    assert "--on-unknown retry" in ended.err
    assert gen(text, "--once", "--on-unknown", "retry").code == 0
    assert gen(text, "--once").code == 0
    assert posts(sandbox) == 2


def test_once_settles_an_unknown_whose_repetition_is_saved(
    gen: Gen, sandbox: SandboxThread
) -> None:
    """However often it is run, no more is paid than wanted and perhaps lost."""
    sandbox.script(None, ["lost-answer"])
    assert gen("ho", "--once").code == 5
    ended = gen("ho", "--once", "-n", "2", "--json")
    assert (ended.code, sorted(statuses(ended))) == (5, ["saved", "unknown"])
    retry = ("ho", "--once", "-n", "2", "--on-unknown", "retry", "--json")
    assert sorted(statuses(gen(*retry))) == ["saved", "skipped"]
    for command in (retry, retry, ("ho", "--once", "-n", "2", "--json")):
        ended = gen(*command)
        assert (ended.code, statuses(ended)) == (0, ["skipped"] * 2)
        assert len(printed(ended)) == 2
    assert posts(sandbox) == 3 and len(images()) == 2


def test_once_counts_pictures_before_unknowns(gen: Gen, sandbox: SandboxThread) -> None:
    sandbox.script(None, ["lost-answer"] * 2)
    gen("ho", "--once", "-n", "2")
    gen("ho", "-n", "2")  # made all the same, by the user's own word
    ended = gen("ho", "--once", "-n", "2", "--json")
    assert (ended.code, statuses(ended)) == (0, ["skipped"] * 2)
    ended = gen("ho", "--once", "-n", "5", "--json")
    assert sorted(statuses(ended)) == ["saved", *["skipped"] * 2, *["unknown"] * 2]
    assert posts(sandbox) == 5


def test_once_repeats_only_what_is_missing(gen: Gen, sandbox: SandboxThread) -> None:
    sandbox.script(None, ["lost-answer"] * 3)
    gen("ho", "-n", "3")
    gen("ho")
    retry = ("--once", "--on-unknown", "retry", "--json")
    assert sorted(statuses(gen("ho", "-n", "2", *retry))) == ["saved", "skipped"]
    ended = gen("ho", "-n", "4", "--once", "--json")
    assert sorted(statuses(ended)) == ["skipped"] * 2 + ["unknown"] * 2
    assert statuses(gen("ho", "-n", "4", *retry)).count("saved") == 2
    assert gen("ho", "-n", "4", "--once").code == 0 and posts(sandbox) == 7


@pytest.mark.parametrize("place", [(), ("-o", "ho.png"), ("-o", "{n}/ho.png")])
def test_once_prints_every_picture_a_single_time(
    gen: Gen, sandbox: SandboxThread, place: tuple[str, ...]
) -> None:
    sandbox.script(None, ["lost-answer"])
    gen("ho", "--once", "-n", "4", *place)
    gen("ho", "--once", "-n", "4", *place, "--on-unknown", "retry")
    ended = gen("ho", "--once", "-n", "4", *place)
    assert ended.code == 0 and posts(sandbox) == 5
    assert printed(ended) == {path.resolve() for path in images()} and len(images()) == 4
    assert len(ended.out.splitlines()) == 4


def test_once_overwrites_none_of_the_pictures_it_counts(gen: Gen, sandbox: SandboxThread) -> None:
    place = ("--once", "-n", "2", "-o", "ho.png", "--on-exists", "overwrite", "--jobs", "1")
    sandbox.script(None, ["lost-answer"])
    assert gen("ho", *place).code == 5
    assert gen("ho", *place, "--on-unknown", "retry").code == 0
    assert sorted(path.name for path in images()) == ["ho-1.png", "ho-2.png"]
    assert gen("ho", *place).code == 0 and posts(sandbox) == 3


def test_once_counts_no_picture_twice_under_skip(gen: Gen, sandbox: SandboxThread) -> None:
    place = ("--once", "-n", "2", "-o", "ho.png", "--on-exists", "skip")
    gen("ho", *place)
    Path("ho-2.png").unlink()
    ended = gen("ho", *place)
    assert ended.code == 0 and printed(ended) == {path.resolve() for path in images()}
    assert len(images()) == 2 and posts(sandbox) == 2


def test_once_adds_what_only_sidecars_tell_of(gen: Gen, sandbox: SandboxThread) -> None:
    place = ("--once", "-o", "ho.png", "-n")
    gen("ho", *place, "2")
    Path("../state/ledger.db").unlink()
    Path("ho-1.png").rename("kept.png")
    ended = gen("ho", *place, "2")  # ho-2.png is there, ho-1.png is made
    assert ended.code == 0 and posts(sandbox) == 3
    ended = gen("ho", *place, "2")
    assert (len(printed(ended)), posts(sandbox)) == (2, 3)


def test_once_never_settles_an_unknown_by_another_picture(gen: Gen, sandbox: SandboxThread) -> None:
    """What is asked for beside it is no repetition of it."""
    sandbox.script(None, ["ok", "ok", "lost-answer"])
    assert gen("ho", "--once", "-n", "3", "--jobs", "1").code == 5
    for path in images():
        path.unlink()
    edit_ledger("update requests set fetchable = 0 where state = 'saved'")
    ended = gen("ho", "--once", "-n", "3", "--json")
    assert sorted(statuses(ended)).count("unknown") == 1
    ended = gen("ho", "--once", "-n", "3", "--json")
    assert sorted(statuses(ended)) == ["skipped", "skipped", "unknown"]
    assert posts(sandbox) == 5


def test_once_repeats_an_unknown_a_single_time_a_run(gen: Gen, sandbox: SandboxThread) -> None:
    assert gen("cat sandbox:lost-answer", "--once").code == 5
    ended = gen("cat sandbox:lost-answer", "--once", "--on-unknown", "retry", "--json")
    assert (ended.code, posts(sandbox)) == (5, 2)
    assert lines(ended)[-1]["cost_max"] == "0.06"


def test_once_pays_nothing_more_for_what_is_no_picture(gen: Gen, sandbox: SandboxThread) -> None:
    """What came is kept beside, and the server has nothing else."""
    for _ in range(4):
        assert gen("cat sandbox:bomb-download", "--once").code == 6
    assert posts(sandbox) == 1


def test_once_asks_again_after_a_decision(gen: Gen, cogview: Run, sandbox: SandboxThread) -> None:
    gen("cat sandbox:lost-answerx1", "--once")
    (entry,) = history()
    assert cogview("history", "resolve", entry.id, "--drop").code == 0
    assert gen("cat sandbox:lost-answerx1", "--once").code == 0
    assert posts(sandbox) == 2


def test_once_twice_at_the_same_time_pays_once(
    sandbox: SandboxThread, keys: dict[str, str]
) -> None:
    with SandboxThread(latency=(0.5, 0.5)) as box:
        place = {**keys, "COGVIEW_BASE_URL": box.base_url}
        with ThreadPoolExecutor(4) as pool:
            runs = [pool.submit(run, "gen", "cat", *SMALL, "--once", **place) for _ in range(4)]
            codes = sorted(each.result().code for each in runs)
        assert posts(box) == 1 and codes[0] == 0 and set(codes) <= {0, 75}, codes
        assert run("gen", "cat", *SMALL, "--once", **place).code == 0
        assert posts(box) == len(images()) == 1


def test_once_repeats_an_unknown_once_in_several_runs_at_the_same_time(
    keys: dict[str, str],
) -> None:
    with SandboxThread(latency=(0.5, 0.5)) as box:
        place = {**keys, "COGVIEW_BASE_URL": box.base_url}
        box.script(None, ["lost-answer"])
        assert run("gen", "cat", *SMALL, **place).code == 5
        command = ("gen", "cat", *SMALL, "--once", "--on-unknown", "retry")
        with ThreadPoolExecutor(3) as pool:
            runs = [pool.submit(run, *command, **place) for _ in range(3)]
            codes = {each.result().code for each in runs}
        assert posts(box) == 2 and 0 in codes and codes <= {0, 75}, codes


def test_once_believes_the_sidecar_where_the_ledger_is_gone(
    gen: Gen, sandbox: SandboxThread
) -> None:
    gen("cat", "--once", "-o", "cat.png")
    Path("../state/ledger.db").unlink()
    assert gen("cat", "--once", "-o", "cat.png").code == 0
    assert posts(sandbox) == 1
    assert gen("dog", "--once", "-o", "cat.png").code == 0
    assert posts(sandbox) == 2


def test_once_draws_a_changed_prompt_and_finds_the_old_one_back(
    gen: Gen, sandbox: SandboxThread
) -> None:
    """As a makefile asks for it: always the same file, overwritten."""
    place = ("--once", "-o", "cat.png", "--on-exists", "overwrite")
    gen("old", *place)
    old = Path("cat.png").read_bytes()
    gen("new", *place)
    assert Path("cat.png").read_bytes() != old
    assert gen("old", *place).code == 0
    assert (Path("cat.png").read_bytes(), posts(sandbox)) == (old, 2)
    assert json.loads(Path("cat.png.json").read_text())["prompt"] == "old"
    assert sorted(path.name for path in images()) == ["cat.png"]


def test_once_in_the_sandbox_makes_nothing_twice(gen: Gen) -> None:
    first = gen("cat", "--once", "--sandbox", "-o", "cat.png")
    again = gen("cat", "--once", "--sandbox", "-o", "cat.png")
    assert (first.code, again.code, len(history())) == (0, 0, 1)


# --- what is in the ledger is what is reported --------------------------------------------


@pytest.mark.parametrize("signals", [2, 3])
def test_signals_report_what_the_ledger_holds(keys: dict[str, str], signals: int) -> None:
    """Whatever a run is doing when it is ended at once."""
    for moment in range(6):
        Path(f"out-{moment}").mkdir()
        with SandboxThread(latency=(0.15, 0.15), download_latency=(0.15, 0.15)) as box:
            place = {**keys, "COGVIEW_BASE_URL": box.base_url}
            log = Path(f"log-{moment}.jsonl")
            with (
                log.open("wb") as file,
                running(
                    "gen", f"cat {moment}", *SMALL, "-n", "3", "--json", "-o", f"out-{moment}/",
                    stdout=file.fileno(), **place,
                ) as process,
            ):  # fmt: skip
                until(lambda box=box: posts(box))
                time.sleep(0.06 * moment)
                for _ in range(signals):
                    process.send_signal(signal.SIGTERM)
                    time.sleep(0.01)
                code = process.wait(30)
        told = [json.loads(line) for line in log.read_text().splitlines()]
        if code == -signal.SIGTERM or any(line["type"] == "error" for line in told):
            continue  # the last one came when the run, or Python, had ended already
        assert code in (143, 5, 6, 0), said()
        of_ledger = {e.id: e.state for e in history() if e.body["prompt"] == f"cat {moment}"}
        for line in told[:-1]:
            wanted = {"saved": "saved", "unsaved": "answer", "unknown": "unknown"}
            if line["status"] in wanted:
                assert of_ledger.pop(line["id"]) == wanted[line["status"]], line
        assert set(of_ledger.values()) <= {"not_sent"}, (told, of_ledger)
