"""Clocks that jump between the runs of one batch: the queue does not care."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import pytest

from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.support import pictures, prompts
from tests.faults.test_clocks import at

BATCH = ("batch", "p.txt", "-s", "512x512", "-o", "out", "--queue")
LONG = 3600.0
# The clocks of every other run, in days, and what else happens.
JUMPS = [
    ((-400, 3650), "lost-createx1"),
    ((3650, -400), "late-outputx1"),
    ((0, -400), "queue-fullx1"),
    ((400, 8), ""),
]


@pytest.mark.parametrize(("days", "fault"), JUMPS)
def test_clocks_that_jump_between_runs(
    days: tuple[int, int], fault: str, tmp_path: Path, sandbox: SandboxThread
) -> None:
    """Sent under one clock, looked at under the other, and so on until all is here."""
    if fault:
        sandbox.queue_fault(fault)
    sandbox._box._queue._latency = (1000.0, 1000.0)
    prompts("cat sandbox:queue-early", "dog", "cow sandbox:404-downloadx2")
    clock, codes = cycle(days), list[int]()
    for skipped in (600.0, LONG, LONG, LONG, LONG):
        ended = at(next(clock), tmp_path, sandbox, *BATCH)
        assert ended.code in (0, 6, 75), ended
        codes.append(ended.code)
        if ended.code == 0:
            break
        sandbox.skip(skipped)
    assert codes[-1] == 0, ended
    assert len(pictures()) == 3
    assert sorted(sandbox.books.charges.values()) == [1, 1, 1]
    # A queue that is full for three alone may have room for one.
    assert sandbox.books.queue.creates == (3 if "full" in fault else 1)


@pytest.mark.parametrize("days", [-400, 3650])
def test_progress_and_list_under_a_clock_that_jumped(
    days: int, tmp_path: Path, sandbox: SandboxThread
) -> None:
    sandbox._box._queue._latency = (1000.0, 1000.0)
    prompts("cat")
    assert at(0, tmp_path, sandbox, *BATCH).code == 75
    shown = at(days, tmp_path, sandbox, "queue", "list")
    assert shown.code == 0 and " 0 failed of 1 " in shown.out, shown
    assert at(days, tmp_path, sandbox, "recover").code == 75
    sandbox.skip(LONG)
    assert at(days, tmp_path, sandbox, "recover").code == 0
    assert len(pictures()) == 1 and list(sandbox.books.charges.values()) == [1]
