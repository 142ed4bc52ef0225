"""`cogview queue`, `recover` and `history` beside a queue that is at work."""

from __future__ import annotations

import json
import os

import pytest

from cogview_cli.sandbox.thread import SandboxThread
from cogview_cli.terminal.text import cell_width
from tests.batch.support import Batch, ledger_column, lines, pictures, prompts, statuses
from tests.conftest import Run
from tests.processes import COMMAND, environment, on_terminal

LONG = 3600.0


@pytest.fixture
def slow(sandbox: SandboxThread) -> None:
    """A batch takes until somebody lets time pass."""
    sandbox._box._queue._latency = (1000.0, 1000.0)


@pytest.mark.usefixtures("slow")
def test_list(batch: Batch, cogview: Run, sandbox: SandboxThread) -> None:
    assert "nothing waits" in cogview("queue").err
    prompts("cat", "dog")
    batch("--queue")
    shown = cogview("queue", "list", "--json")
    assert shown.code == 0, shown
    (record,) = lines(shown)
    assert record["type"] == "batch"
    assert record["state"] == "validating"
    assert (record["done"], record["failed"], record["total"]) == (0, 0, 2)
    assert record["cost_max"] == "0.06"
    assert record["folder"].endswith("/out")
    sandbox.skip(500)
    (record,) = lines(cogview("queue", "--json"))
    assert record["state"] == "in_progress"
    assert record["done"] == 1
    assert record["id"] in cogview("queue").out
    # It only looks.
    assert ledger_column("state") == ["pending", "pending"]


@pytest.mark.usefixtures("slow")
def test_cancel_keeps_what_is_done(batch: Batch, cogview: Run, sandbox: SandboxThread) -> None:
    prompts("cat", "dog")
    batch("--queue")
    sandbox.skip(500)
    (record,) = lines(cogview("queue", "--json"))
    ended = cogview("queue", "cancel", record["id"])
    assert ended.code == 0, ended
    sandbox.skip(LONG)
    left = batch("--json")
    assert left.code == 0, left
    assert statuses(left) == ["saved", "saved"]
    assert sum(sandbox.books.queue.charges.values()) == 1
    assert set(sandbox.books.charges.values()) == {1}
    assert "nothing waits" in cogview("queue").err


@pytest.mark.usefixtures("slow")
def test_cancel_of_what_has_ended_meanwhile(
    batch: Batch, cogview: Run, sandbox: SandboxThread
) -> None:
    """The vendor calls that a wrong parameter; for the user it is what was wanted."""
    prompts("cat")
    batch("--queue")
    sandbox.skip(LONG)
    ended = cogview("queue", "cancel", sandbox_batch(cogview), "--json")
    (record,) = lines(ended)
    assert (ended.code, record["state"]) == (0, "completed"), ended
    assert "the same batch, or cogview recover, collects it" in ended.err
    assert statuses(batch("--json")) == ["saved"]


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize("what", ["list", "cancel"])
def test_what_is_in_the_way_is_an_error_with_a_hint(
    what: str, batch: Batch, cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts("cat")
    batch("--queue")
    id = sandbox_batch(cogview)
    monkeypatch.setenv("COGVIEW_API_KEY", "another.canary")
    ended = cogview("queue", what, *([id] if what == "cancel" else []), "--json")
    told = lines(ended)[-1]
    assert (told["type"], told["exit_code"]) == ("error", ended.code) == ("error", 3), ended
    assert f"hint: {told['hint']}" in ended.err and "error: " in ended.err, ended
    part = json.loads(cogview("queue", "--json").out.splitlines()[0])["part"]
    assert told["hint"].endswith(f"lost it: cogview queue cancel --forget {part}")


def sandbox_batch(cogview: Run) -> str:
    (record,) = lines(cogview("queue", "--json"))
    return str(record["id"])


def test_cancel_of_nothing(batch: Batch, cogview: Run) -> None:
    ended = cogview("queue", "cancel", "batch_1")
    assert ended.code == 2, ended
    assert "nothing was done" in ended.err


def test_cancel_before_there_is_a_batch(batch: Batch, cogview: Run, sandbox: SandboxThread) -> None:
    sandbox.queue_fault("queue-full")
    prompts("cat")
    assert batch("--queue").code == 75
    (record,) = lines(cogview("queue", "--json"))
    assert record["state"] == "uploaded"
    assert cogview("queue", "cancel", record["id"]).code == 0
    assert ledger_column("state") == ["not_sent"]
    assert not sandbox._box._queue.files


def test_forget(batch: Batch, cogview: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts("cat")
    batch("--queue")
    (record,) = lines(cogview("queue", "--json"))
    assert cogview("queue", "cancel", "--forget", record["part"]).code == 0
    assert ledger_column("state") == ["unknown"]
    assert batch().code == 5


@pytest.mark.usefixtures("slow")
def test_recover_tells_programs_too_what_is_in_the_way(
    batch: Batch, cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts("cat")
    batch("--queue")
    monkeypatch.setenv("COGVIEW_API_KEY", "another.canary")
    ended = cogview("recover", "--json")
    told, summary = lines(ended)
    assert (told["type"], told["code"], told["exit_code"]) == ("error", "temporary", 75), ended
    assert "another base URL or key" in told["message"]
    assert ended.code == summary["exit_code"] == 75


@pytest.mark.usefixtures("slow")
def test_recover_collects_and_creates_nothing(
    batch: Batch, cogview: Run, sandbox: SandboxThread
) -> None:
    prompts("cat", "dog")
    batch("--queue")
    waits = cogview("recover", "--json")
    assert waits.code == 75, waits
    assert lines(waits)[-1]["queued"] == 2
    sandbox.skip(LONG)
    ended = cogview("recover", "--json")
    assert ended.code == 0, ended
    assert statuses(ended) == ["saved", "saved"]
    assert len(pictures()) == 2
    assert not sandbox._box._queue.files
    assert batch("--queue").code == 0
    assert sandbox.books.queue.creates == 1


def test_recover_leaves_what_was_not_created(
    batch: Batch, cogview: Run, sandbox: SandboxThread
) -> None:
    sandbox.queue_fault("queue-full")
    prompts("cat")
    batch("--queue")
    assert cogview("recover").code == 75
    assert sandbox.books.queue.creates == 0


def test_history_shows_what_waits(batch: Batch, cogview: Run) -> None:
    prompts("cat")
    batch("--queue")
    (record,) = [json.loads(line) for line in cogview("history", "--json").out.splitlines()]
    assert record["status"] == "pending"
    assert (record["cost"], record["cost_max"]) == ("0", "0.03")


def test_what_is_not_sent_yet_does_not_wait_at_the_vendor(
    batch: Batch, cogview: Run, sandbox: SandboxThread
) -> None:
    sandbox.queue_fault("queue-fullx1")
    prompts("cat")
    words = {True: "not sent yet", False: "it waits in the vendor's queue"}
    for before in (True, False):
        if not before:
            sandbox._box._queue._latency = (1000.0, 1000.0)
        waits, _summary = lines(batch("--queue", "--json"))
        assert (waits["status"], waits["error"]["message"]) == ("queued", words[before])
        (found,) = lines(cogview("history", "--json"))
        assert found.get("unsent", False) is before
        assert (found["status"], found["cost_max"]) == ("pending", "0" if before else "0.03")
        assert ("pending (not sent yet)" in cogview("history").out) is before
        assert ("1 not sent yet" in cogview("history").err) is before
        assert ("1 waiting at the vendor" in cogview("history").err) is not before
        (part,) = lines(cogview("queue", "--json"))
        assert part.get("unsent", False) is before
        assert (part["state"] == "uploaded") is before


@pytest.mark.skipif(os.name == "nt", reason="a terminal of POSIX")
@pytest.mark.parametrize(("lang", "words"), [("en", "not sent yet"), ("zh", "尚未发送")])
def test_a_terminal_tells_what_is_not_sent_yet(
    lang: str, words: str, batch: Batch, sandbox: SandboxThread
) -> None:
    sandbox.queue_fault("queue-full")
    prompts("cat")
    batch("--queue")
    for command in ("history", "queue"):
        seen = on_terminal(*COMMAND, command, env=environment(sandbox, COGVIEW_LANG=lang))
        assert words in seen.shown.decode(), seen


def test_a_dearer_direct_batch_hears_of_the_queue(batch: Batch) -> None:
    prompts(*(f"cat {n}" for n in range(167)))
    ended = batch("--max-cost", "0.03")
    assert ended.err.count("with --queue it costs 5.01 CNY") == 1, ended


def test_the_price_of_the_queue_is_a_setting(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COGVIEW_QUEUE_PRICE", "0.04")
    prompts("cat")
    ended = batch("--queue", "--wait", "--poll", "0.1", "--json")
    assert lines(ended)[-1]["cost"] == "0.04"


@pytest.mark.skipif(os.name == "nt", reason="a terminal of POSIX")
@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.usefixtures("slow")
def test_a_line_that_is_too_wide_is_two(lang: str, batch: Batch, sandbox: SandboxThread) -> None:
    """Nothing is broken in the middle of a price."""
    prompts("cat")
    batch("--queue")
    for columns, count in (("60", 2), ("300", 1)):
        key = "test-key.canary"
        more = {"COGVIEW_LANG": lang, "COLUMNS": columns, "COGVIEW_API_KEY": key}
        env = environment(sandbox, **more)
        shown = on_terminal(*COMMAND, "queue", env=env).shown.decode().splitlines()
        assert len(shown) == count, shown
        assert shown[0].startswith("batch_") and "0.03 CNY" in shown[-1]
        assert cell_width(shown[0]) <= int(columns)
