"""Whole processes of `cogview`, with and without a terminal of their own."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, NamedTuple

from cogview_cli.sandbox.thread import SandboxThread

COMMAND = (sys.executable, "-m", "cogview_cli")
PATIENCE_S = 60
QUESTION = b"[y/N]"


def environment(box: SandboxThread, **more: str) -> dict[str, str]:
    """The environment of a process that uses the sandbox."""
    return {
        **os.environ, "COGVIEW_BASE_URL": box.base_url, "COGVIEW_API_KEY": "k.canary", **more,
    }  # fmt: skip


def until(true: Callable[[], object]) -> None:
    """Polls; what never happens fails the test."""
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


@contextmanager
def child(*command: str) -> Iterator[subprocess.Popen[str]]:
    """A process to talk with over its stdin and stdout; killed at the latest at the end."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


class Shown(NamedTuple):
    """How a process on a terminal ended, what was shown there, and what went into pipes."""

    code: int
    shown: bytes
    piped: bytes


def on_terminal(
    *command: str,
    env: Mapping[str, str],
    typed: bytes = b"",
    stdout: int | IO[bytes] | None = None,
    stderr: int | None = None,
) -> Shown:
    """Runs a command to its end on a terminal of its own, by which signals reach it too.

    `typed` answers a question. What `stdout` and `stderr` redirect is not shown.
    """
    import pty

    leader, follower = pty.openpty()
    process = subprocess.Popen(
        command,
        env={**os.environ, "TERM": "xterm-256color", "LINES": "24", **env},
        stdin=follower,
        stdout=follower if stdout is None else stdout,
        stderr=follower if stderr is None else stderr,
        start_new_session=True,
        preexec_fn=_take_terminal,
    )
    os.close(follower)
    try:
        shown = _shown(leader, typed)
        pipes = [pipe for pipe in (process.stdout, process.stderr) if pipe]
        piped = b"".join(pipe.read() for pipe in pipes)
        return Shown(process.wait(PATIENCE_S), shown, piped)
    finally:
        os.close(leader)
        process.kill()
        process.communicate()


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _shown(leader: int, typed: bytes) -> bytes:
    """Everything shown until the other end is closed; `typed` is typed at the question."""
    shown = b""
    while select.select([leader], [], [], PATIENCE_S)[0]:
        try:
            data = os.read(leader, 65536)
        except OSError:  # Linux: the other end is closed
            break
        if not data:
            break
        shown += data
        if typed and QUESTION in shown:
            os.write(leader, typed)
            typed = b""
    return shown
