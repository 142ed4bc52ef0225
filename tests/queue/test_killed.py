"""A run killed at any step: the next same command finds what is there, pays nothing twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.support import Batch, ledger_column, pictures, prompts
from tests.processes import PATIENCE_S, environment
from tests.queue.killed import STEPS

ROUNDS = 50
ROOT = Path(__file__).parents[2]
# What more may happen in a round of the long form.
_FAULTS = ("", "lost-createx1", "create-502x1", "lost-uploadx1", "no-metadata", "page-20")
_PROMPTS = ("", " sandbox:queue-doubled", " sandbox:queue-early", " sandbox:queue-odd")


def killed(box: SandboxThread, step: str, *arguments: str) -> int:
    """The exit code of a `batch --queue` that dies at `step`."""
    command = ("-m", "tests.queue.killed", step, "--", "batch", "p.txt", "-s", "512x512")
    done = subprocess.run(
        [sys.executable, *command, "-o", "out", "--queue", "--quiet", *arguments],
        env=environment(box, PYTHONPATH=str(ROOT), COGVIEW_API_KEY="test-key.canary"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done.returncode


def finish(batch: Batch, sandbox: SandboxThread) -> None:
    """The same command again until there is nothing left to do."""
    for _ in range(4):
        sandbox.skip(3600)
        ended = batch("--queue", "--wait", "--poll", "0.1")
        if ended.code == 0:
            break
        assert ended.code == 75, ended
    # All may be here before the batch has ended; the next run removes what the vendor keeps.
    sandbox.skip(3600)
    assert batch("--queue").code == 0, ended


def check(sandbox: SandboxThread, count: int) -> None:
    """A picture each, each paid once at half price, nothing left of it anywhere."""
    books = sandbox.books
    assert len(pictures()) == count
    assert sorted(books.charges.values()) == [1] * count
    assert books.queue.cost == books.cost
    assert not books.posts
    assert set(ledger_column("state")) <= {"saved", "not_sent"}
    assert not [name for name in os.listdir("out") if name.startswith(".cogview")]
    assert not sandbox._box._queue.files
    assert not os.listdir("../state/queue")


@pytest.mark.parametrize("step", STEPS)
def test_killed_once(step: str, batch: Batch, sandbox: SandboxThread) -> None:
    prompts("cat", "dog", "cow")
    assert killed(sandbox, step, "--wait", "--poll", "0.1") == -signal.SIGKILL
    finish(batch, sandbox)
    check(sandbox, 3)
    assert sandbox.books.queue.creates == 1


@pytest.mark.torture
@pytest.mark.parametrize("step", STEPS)
def test_killed_fifty_times(step: str, batch: Batch, sandbox: SandboxThread) -> None:
    """Every round with prompts, faults and a second death of its own; one ledger for all."""
    dice = random.Random(step)
    for round in range(ROUNDS):
        fault = dice.choice(_FAULTS)
        if fault:
            sandbox.queue_fault(fault)
        prompts(*(f"{step} {round} {n}{dice.choice(_PROMPTS)}" for n in range(3)))
        size = ("--queue-size", str(dice.choice((1, 2, 3))), "--wait", "--poll", "0.1")
        killed(sandbox, step, *size)
        killed(sandbox, dice.choice(STEPS), *size)
        finish(batch, sandbox)
        check(sandbox, 3 * (round + 1))
