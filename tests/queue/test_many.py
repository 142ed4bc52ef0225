"""A thousand prompts through the queue; two transports; signals; two processes."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from cogview_cli.ledger import Ledger
from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.support import (
    Batch,
    edit_ledger,
    ledger_column,
    lines,
    pictures,
    posts,
    prompts,
    statuses,
)
from tests.conftest import Run
from tests.processes import COMMAND, PATIENCE_S, environment, until

WAIT = ("--queue", "--wait", "--poll", "0.1", "--json")
ARGUMENTS = ["batch", "p.txt", "-s", "512x512", "-o", "out", "--queue", "--wait", "--poll", "0.2"]
MANY = 1000


@pytest.mark.usefixtures("both_transports")
@pytest.mark.parametrize("fault", ["", "lost-createx1", "cut-resultsx1", "lost-uploadx1"])
def test_over_both_transports(fault: str, batch: Batch, sandbox: SandboxThread) -> None:
    if fault:
        sandbox.queue_fault(fault)
    prompts("cat", "dog")
    ended = batch(*WAIT)
    assert ended.code == 0, ended
    assert sandbox.books.queue.creates == 1
    assert set(sandbox.books.charges.values()) == {1}


def a_thousand() -> list[str]:
    """Prompts with a refusal, something missing, something that expires in every hundred."""
    faults = {7: " sandbox:1301", 13: " sandbox:queue-missingx1", 29: " sandbox:queue-expiredx1"}
    return [f"picture {n}{faults.get(n % 100, '')}" for n in range(MANY)]


def test_a_thousand_with_refusals_a_lost_create_and_an_expired_batch(
    batch: Batch, sandbox: SandboxThread
) -> None:
    prompts(*a_thousand())
    sandbox.queue_fault("lost-createx2")
    sandbox._box._queue._latency = (1000.0, 1000.0)
    first = batch("--queue", "--queue-size", "300", "--yes", "--json")
    assert first.code == 75, first.err
    assert Counter(statuses(first)) == {"queued": MANY}
    assert sandbox.books.queue.creates == 4
    sandbox.skip(800)  # some are done
    assert batch("--queue", "--yes", "--json").code == 75
    sandbox.skip(100_000)
    second = batch("--queue", "--yes", "--json")
    assert second.code == 75, second.err
    assert Counter(statuses(second)) == {"saved": 970, "refused": 10, "queued": 20}
    assert lines(second)[-1]["cost"] == "29.10"
    sandbox.skip(100_000)
    third = batch("--queue", "--yes", "--json")
    assert third.code == 3, third.err
    assert Counter(statuses(third)) == {"skipped": 970, "refused": 10, "saved": 20}
    assert len(pictures()) == 990
    assert Counter(sandbox.books.charges.values()) == {1: 990}
    assert str(sandbox.books.cost) == "29.70"
    assert not sandbox._box._queue.files
    assert posts(sandbox) == 0


@contextmanager
def started(box: SandboxThread, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """`batch --queue`, killed at the latest at the end."""
    command = (*COMMAND, "batch", "p.txt", "-s", "512x512", "-o", "out", "--queue")
    with subprocess.Popen(
        [*command, *arguments],
        env=environment(box, COGVIEW_API_KEY="test-key.canary"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_ctrl_c_leaves_it_in_the_queue(batch: Batch, sandbox: SandboxThread) -> None:
    sandbox._box._queue._latency = (1000.0, 1000.0)
    prompts("cat", "dog")
    with started(sandbox, "--wait") as process:
        until(lambda: sandbox.books.queue.creates)
        until(lambda: ledger_column("state") == ["pending", "pending"])
        until(lambda: _batch_known())
        process.send_signal(signal.SIGINT)
        _out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130, err
    assert ledger_column("state") == ["pending", "pending"]
    sandbox.skip(3600)
    ended = batch("--queue")
    assert ended.code == 0, ended
    assert sandbox.books.queue.creates == 1


def _batch_known() -> bool:
    with closing(sqlite3.connect("../state/ledger.db")) as ledger:
        return bool(ledger.execute("select count(batch) from parts").fetchone()[0])


def test_recover_beside_a_run_that_waits(
    cogview: Run, batch: Batch, sandbox: SandboxThread
) -> None:
    sandbox._box._queue._latency = (1000.0, 1000.0)
    prompts("cat", "dog")
    with started(sandbox, "--wait", "--poll", "0.2") as process:
        until(lambda: sandbox.books.queue.creates)
        until(_batch_known)
        assert cogview("recover").code == 75
        sandbox.skip(3600)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    assert len(out.splitlines()) == 2
    assert len(pictures()) == 2
    assert set(sandbox.books.charges.values()) == {1}


def test_another_key_of_the_account_or_not(
    batch: Batch, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another key sees nothing of it: that says nothing of what was made."""
    prompts("cat")
    batch("--queue")
    sandbox.skip(3600)
    monkeypatch.setenv("COGVIEW_API_KEY", "another.canary")
    ended = batch(*WAIT)
    assert ended.code == 75, ended
    assert "another base URL or key" in ended.err
    assert ledger_column("state") == ["pending"]
    monkeypatch.setenv("COGVIEW_API_KEY", "test-key.canary")
    assert batch(*WAIT).code == 0


def test_another_server_is_not_waited_for(
    batch: Batch, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts("cat")
    batch("--queue")
    with SandboxThread(queue_latency=(0.2, 0.2)) as other:
        monkeypatch.setenv("COGVIEW_BASE_URL", other.base_url)
        ended = batch(*WAIT)
    assert ended.code == 75, ended
    assert sandbox.base_url in ended.err
    assert not other.books.queue.uploads


def test_a_batch_that_the_vendor_forgot(batch: Batch, sandbox: SandboxThread) -> None:
    prompts("cat")
    batch("--queue")
    sandbox._box._queue.batches.clear()
    ended = batch(*WAIT)
    assert ended.code == 5, ended
    assert ledger_column("state") == ["unknown"]


def test_chinese_and_no_escape_off_a_terminal(batch: Batch, sandbox: SandboxThread) -> None:
    prompts("水墨山水", "云雾缭绕")
    done = subprocess.run(
        [
            *COMMAND,
            *["batch", "p.txt", "-s", "512x512", "-o", "out", "--queue", "--wait", "--poll", "0.2"],
        ],
        env=environment(sandbox, COGVIEW_LANG="zh"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b"\x1b" not in done.stdout + done.stderr
    assert all(os.path.exists(line) for line in done.stdout.decode().splitlines())


def test_what_another_process_has_in_hand_is_left_to_it(
    batch: Batch, sandbox: SandboxThread
) -> None:
    """Its answer is not on disk yet: the queue neither asks for it again nor tries for ever."""
    prompts("cat", "dog")
    assert batch("--limit", "1").code == 0
    for path in Path("out").iterdir():
        path.unlink()
    with Ledger(Path("../state")) as other:
        edit_ledger("update requests set state = 'answer', run = ?", other.run)
        ended = batch("--queue", "--json")
    assert ended.code == 75, ended
    assert statuses(ended) == ["not_sent", "queued"]
    assert sandbox.books.queue.creates == 1
