"""`batch --queue` from the command line to the pictures, against the sandbox's queue."""

from __future__ import annotations

import json
from pathlib import Path

from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.support import Batch, ledger_column, lines, pictures, posts, prompts, statuses

LONG = 3600.0


def test_submitted_then_collected_by_the_same_command(batch: Batch, sandbox: SandboxThread) -> None:
    prompts("cat", "dog")
    first = batch("--queue", "--json")
    assert first.code == 75, first
    assert statuses(first) == ["queued", "queued"]
    assert not pictures()
    assert ledger_column("state") == ["pending", "pending"]
    sandbox.skip(LONG)
    second = batch("--queue", "--json")
    assert second.code == 0, second
    assert statuses(second) == ["saved", "saved"]
    assert lines(second)[-1]["cost"] == "0.06"
    assert sandbox.books.queue.creates == 1
    assert posts(sandbox) == 0
    assert str(sandbox.books.cost) == "0.06"
    sidecar = json.loads(Path("out/0001-cat.png.json").read_text("utf-8"))
    assert sidecar["cost"] == {"amount": "0.03", "currency": "CNY"}
    assert sidecar["queue"]["batch"].startswith("batch_")
    assert sidecar["queue"]["custom_id"] == sidecar["key"]


def test_a_third_run_has_nothing_to_do(batch: Batch, sandbox: SandboxThread) -> None:
    prompts("cat")
    batch("--queue")
    sandbox.skip(LONG)
    assert batch("--queue").code == 0
    again = batch("--queue", "--json")
    assert again.code == 0, again
    assert statuses(again) == ["skipped"]
    assert sandbox.books.queue.creates == 1


def test_stays_with_wait(batch: Batch, sandbox: SandboxThread) -> None:
    prompts(*(f"cat {n}" for n in range(12)))
    ended = batch("--queue", "--wait", "--poll", "0.1", "--json")
    assert ended.code == 0, ended
    assert statuses(ended) == ["saved"] * 12
    assert lines(ended)[-1]["cost"] == "0.36"
    assert sandbox.books.queue.creates == 1


def test_nothing_is_left_at_the_vendor(batch: Batch, sandbox: SandboxThread) -> None:
    prompts("cat")
    batch("--queue", "--wait", "--poll", "0.1")
    assert not sandbox._box._queue.files
