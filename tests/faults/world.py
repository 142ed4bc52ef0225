"""What a run left behind: ledger, files, and whole processes to start and kill."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cogview_cli.disk.names import SAVED_SUFFIXES
from cogview_cli.ledger import Entry, Ledger
from tests.conftest import Ended
from tests.processes import COMMAND, PATIENCE_S, on_terminal
from tests.processes import until as until

KEY = "test-key.canary"
SMALL = ("--size", "512x512")
PROJECT = Path(__file__).parents[2]
# No control or bidi character but the line feed.
UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def state_folder() -> Path:
    return Path(os.environ["COGVIEW_STATE_DIR"])


def history() -> list[Entry]:
    with Ledger(state_folder()) as ledger:
        return ledger.history()


def states() -> list[str]:
    return [entry.state for entry in history()]


def files() -> list[Path]:
    """Every file of the working folder."""
    return sorted(path for path in Path.cwd().rglob("*") if path.is_file())


def images() -> list[Path]:
    return [path for path in files() if path.suffix in SAVED_SUFFIXES.values()]


def temporaries() -> list[Path]:
    """What a killed run may leave and a finished one must not."""
    return [path for path in files() if path.name.startswith(".cogview-")]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(PROJECT), **more}


@contextmanager
def started(
    *command: str, stdout: int = subprocess.DEVNULL, **more: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of its own, its stderr in `said`; killed at the latest at the end."""
    said = state_folder().parent / "stderr.txt"
    with (
        said.open("ab") as stderr,
        subprocess.Popen(
            command, env=environment(**more), stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def running(
    *arguments: str, stdout: int = subprocess.DEVNULL, **more: str
) -> subprocess._ContextManager[subprocess.Popen[bytes]]:  # type: ignore[name-defined]
    """`cogview` with these arguments, as `started`."""
    return started(*COMMAND, *arguments, stdout=stdout, **more)


def said() -> str:
    """What processes of `started` said on stderr so far."""
    path = state_folder().parent / "stderr.txt"
    return path.read_text("utf-8") if path.exists() else ""


def ran(*command: str, data: bytes | None = None, **more: str) -> Ended:
    """A whole process to its end."""
    done = subprocess.run(
        command,
        env=environment(**more),
        input=data,
        stdin=subprocess.DEVNULL if data is None else None,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


def run(*arguments: str, data: bytes | None = None, **more: str) -> Ended:
    """`cogview` with these arguments in a process of its own, to its end."""
    return ran(*COMMAND, *arguments, data=data, **more)


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL, and the end seen."""
    process.kill()
    assert process.wait(PATIENCE_S) == -signal.SIGKILL


def as_plain_user() -> tuple[str, ...]:
    """What to put before a command so that file permissions hold for root too."""
    if os.geteuid() != 0:
        return ()
    if not shutil.which("setpriv"):
        pytest.skip("root may write anywhere, and there is no setpriv to take that away")
    return ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--")


def small_disk(options: str, folder: Path, script: str) -> tuple[str, ...]:
    """A shell script that sees a tmpfs of its own at `folder`; "$@" is what follows."""
    probe = ("unshare", "-rm", "mount", "-t", "tmpfs", "none", str(folder))
    if not shutil.which("unshare") or subprocess.run(probe, capture_output=True).returncode:
        pytest.skip("no tmpfs without root here: unshare -rm is missing or not allowed")
    mount = f"mount -t tmpfs -o {options} none '{folder}' && {{ {script}; }}"
    return ("unshare", "-rm", "sh", "-c", mount, "sh")


def terminal(*arguments: str, **more: str) -> tuple[int, bytes]:
    """Exit code and every byte `cogview` shows on a terminal of its own."""
    env = environment(**{"COLUMNS": "100", **more})
    return on_terminal(*COMMAND, *arguments, env=env)[:2]
