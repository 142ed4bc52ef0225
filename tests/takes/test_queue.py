"""With --queue the takes of a picture go into the next parts, at the queue's price."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.support import ledger_column, posts, statuses
from tests.takes.conftest import Batch
from tests.takes.test_takes import RIGHT, agrees_with_ledger, image_lines, on_disk, summary, takes

LONG = 3600.0
WAIT = ("--queue", "--wait", "--poll", "0.1", "--json")
WRONG = f"{RIGHT} sandbox:text-wrong"


@pytest.fixture
def sandbox(request: pytest.FixtureRequest) -> Iterator[SandboxThread]:
    """A queue that takes so many seconds, 0.2 if a test says nothing."""
    seconds = getattr(request, "param", 0.2)
    with SandboxThread(queue_latency=(seconds, seconds)) as box:
        yield box


@pytest.fixture(autouse=True)
def quick_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cogview_cli.queue.sender.ABSENT_SECONDS", (0.0, 0.01))


def test_retakes_are_parts_of_their_own(batch: Batch, sandbox: SandboxThread) -> None:
    ended = batch([RIGHT, WRONG, "一只猫"], *WAIT, "--retake", "2")
    assert ended.code == 3, ended
    assert statuses(ended) == ["saved"] * 3
    assert [line["text"] and line["text"]["ok"] for line in image_lines(ended)] == [
        True, False, None,
    ]  # fmt: skip
    assert (posts(sandbox), sandbox.books.queue.creates) == (0, 3)
    assert [line["cost"] for line in image_lines(ended)] == ["0.03", "0.09", "0.03"]
    assert summary(ended)["cost"] == "0.15" == str(sandbox.books.cost)
    assert sorted(ledger_column("take")) == [1, 1, 1, 2, 3]
    assert list(on_disk()) == [
        "1.png", "2.png", "3.png", "takes/2-take2.png", "takes/2-take3.png",
    ]  # fmt: skip


@pytest.mark.parametrize("sandbox", [600.0], indirect=True)
def test_a_take_that_waits_is_collected_by_the_next_run(
    batch: Batch, sandbox: SandboxThread
) -> None:
    prompts = [f"{RIGHT} sandbox:text-wrongx1", RIGHT]
    assert batch(prompts, "--queue", "--retake", "2").code == 75
    sandbox.skip(LONG)
    second = batch(prompts, "--queue", "--retake", "2", "--json")
    assert (second.code, sorted(statuses(second))) == (75, ["queued", "saved"])
    assert summary(second)["cost"] == "0.06"
    assert sandbox.books.queue.creates == 2
    waiting = batch(prompts, "--queue", "--retake", "2", "--json")
    assert (waiting.code, sandbox.books.queue.creates) == (75, 2)
    sandbox.skip(LONG)
    third = batch(prompts, "--queue", "--retake", "2", "--json")
    assert (third.code, statuses(third)) == (0, ["saved", "skipped"])
    assert summary(third)["cost"] == "0.03"
    assert takes()["1.png"] == (2, True)
    agrees_with_ledger()
    again = batch(prompts, "--queue", "--retake", "2", "--json")
    assert (again.code, statuses(again)) == (0, ["skipped", "skipped"])
    assert (posts(sandbox), sandbox.books.queue.creates) == (0, 2)


@pytest.mark.parametrize("sandbox", [600.0], indirect=True)
def test_the_report_names_the_picture_before_as_the_line_does(
    batch: Batch, sandbox: SandboxThread
) -> None:
    assert batch([WRONG], "--queue", "--retake", "2").code == 75
    sandbox.skip(LONG)
    ended = batch([WRONG], "--queue", "--retake", "2", "--json", "--report", "r.json")
    (line,) = image_lines(ended)
    (image,) = json.loads(Path("r.json").read_text("utf-8"))["images"]
    assert (line["status"], line["file"]) == ("queued", "out/1.png")
    assert (image["file"], image["sidecar"]) == (line["file"], line["sidecar"])


@pytest.mark.parametrize("sandbox", [600.0], indirect=True)
def test_a_take_that_the_first_look_brings_counts_for_max_cost(
    batch: Batch, sandbox: SandboxThread
) -> None:
    for _part in range(2):
        assert batch([WRONG], "--queue", "--retake", "5").code == 75
        sandbox.skip(LONG)
    limit = ("--max-cost", "0.03", "--json")
    ended = batch([WRONG], "--queue", "--retake", "5", *limit)
    assert (ended.code, sandbox.books.queue.creates) == (7, 2), ended
    assert summary(ended)["cost"] == "0.03"


@pytest.mark.parametrize("sandbox", [600.0], indirect=True)
def test_a_direct_run_counts_the_take_that_waited_and_its_own(
    batch: Batch, sandbox: SandboxThread
) -> None:
    assert batch([WRONG], "--queue", "--retake", "3").code == 75
    sandbox.skip(LONG)
    assert batch([WRONG], "--queue", "--retake", "3").code == 75
    sandbox.skip(LONG)
    ended = batch([WRONG], "--retake", "3", "--json")
    assert (ended.code, posts(sandbox), sandbox.books.queue.creates) == (3, 2, 2), ended
    assert summary(ended)["cost"] == "0.15"


def test_a_direct_run_that_waits_for_a_take_counts_its_own(
    batch: Batch, sandbox: SandboxThread
) -> None:
    sandbox._box._queue._latency = (1.5, 1.5)
    assert batch([WRONG], "--check-text").code == 3
    assert batch([WRONG], "--queue", "--retake", "2").code == 75
    ended = batch([WRONG], "--wait", "--poll", "0.1", "--retake", "2", "--json")
    assert (ended.code, posts(sandbox), sandbox.books.queue.creates) == (3, 2, 1), ended
    assert (image_lines(ended)[0]["cost"], summary(ended)["cost"]) == ("0.09", "0.09")


def test_a_picture_that_was_made_directly_is_asked_for_again_in_the_queue(
    batch: Batch, sandbox: SandboxThread
) -> None:
    batch([WRONG], "--check-text")
    dry = batch([WRONG], "--queue", "--retake", "1", "--dry-run")
    assert "0 pictures, at most 1 with retakes: 0 to 0.03 CNY" in dry.err
    ended = batch([WRONG], *WAIT, "--retake", "1")
    assert (ended.code, posts(sandbox), sandbox.books.queue.creates) == (3, 1, 1)
    assert image_lines(ended)[0]["cost"] == "0.03"


def test_max_cost_holds_between_parts(batch: Batch, sandbox: SandboxThread) -> None:
    ended = batch([WRONG], *WAIT, "--retake", "5", "--max-cost", "0.07")
    assert (ended.code, statuses(ended)) == (7, ["saved"])
    assert str(sandbox.books.cost) == "0.06"
    assert image_lines(ended)[0]["text"]["ok"] is False


def test_a_refused_take_of_the_queue_leaves_the_picture(
    batch: Batch, sandbox: SandboxThread
) -> None:
    sandbox.script(None, ["text-wrong", "1301"])
    ended = batch([RIGHT], *WAIT, "--retake", "3")
    assert (ended.code, statuses(ended)) == (3, ["saved"])
    assert ledger_column("state") == ["saved", "rejected"]
    assert takes() == {"1.png": (1, False)}


def test_a_dry_run_counts_retakes_at_both_prices(batch: Batch, sandbox: SandboxThread) -> None:
    said = summary(batch([RIGHT, "一只猫"], "--retake", "2", "--dry-run", "--json"))
    assert (said["cost_max"], said["queue_cost_max"]) == ("0.24", "0.12")
    assert (posts(sandbox), sandbox.books.queue.creates) == (0, 0)
