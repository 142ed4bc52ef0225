"""`batch` as a process of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from cogview_cli.sandbox.thread import SandboxThread
from tests import processes
from tests.batch.support import SMALL
from tests.processes import PATIENCE_S, environment
from tests.processes import until as until

COMMAND = (*processes.COMMAND, "batch")
SLOW = (0.4, 0.4)


@contextmanager
def started(
    box: SandboxThread, *arguments: str, stdout: int | IO[bytes] = subprocess.PIPE, **more: str
) -> Iterator[subprocess.Popen[bytes]]:
    """`batch p.txt -o out` with more arguments; killed at the latest at the end."""
    with subprocess.Popen(
        [*COMMAND, "p.txt", *SMALL, "-o", "out", *arguments],
        env=environment(box, **more),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a process that ends by itself."""
    out, err = process.communicate(timeout=PATIENCE_S)
    assert b"Traceback" not in (err or b""), err
    return process.returncode, (out or b"").decode(), (err or b"").decode()


def run(box: SandboxThread, *arguments: str, **more: Any) -> tuple[int, str, str]:
    with started(box, *arguments, **more) as process:
        return ended(process)


def summary_of(out: str) -> dict[str, Any]:
    *_, last = out.splitlines()
    found: dict[str, Any] = json.loads(last)
    return found


def many(count: int) -> list[str]:
    return [f"cat {number}" for number in range(count)]
