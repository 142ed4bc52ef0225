"""One system call after the other made to fail, or to be the last one: `gen` under strace.

Everything is imported before strace looks, so call number 1 is the first of the work
itself. strace counts the calls of each thread apart: with when=K, the first thread that
makes its K-th call dies, or meets the error, and for errors other threads do so too.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from cogview_cli.history.lines import record
from cogview_cli.pictures.verify import check
from tests.conftest import Ended, Run
from tests.faults.world import COMMAND, PATIENCE_S, environment, history, images, temporaries, until

KILL = "signal=SIGKILL"
# Errors that each call may meet; sendto has none: the event loop wakes itself up with it
# over a socketpair, and an error there stops the loop, which no kernel would do.
ERRORS = {
    "openat": ("ENOSPC", "EMFILE", "EIO"),
    "write": ("ENOSPC", "EIO"),
    "pwrite64": ("ENOSPC", "EIO"),
    "fsync": ("EIO", "ENOSPC"),
    "fdatasync": ("EIO", "ENOSPC"),
    "link": ("ENOSPC", "EPERM", "EIO"),
    "rename": ("ENOSPC", "EIO"),
    "unlink": ("EIO",),
    "connect": ("ECONNREFUSED", "ENETUNREACH", "ETIMEDOUT"),
    "sendto": (),
    "recvfrom": ("ECONNRESET",),
}
CALLS = tuple(ERRORS)
# asyncio says so when reading its own wake-up byte fails, which no kernel would let happen.
_LOOP = "_read_from_self"
_PR_SET_PTRACER = 0x59616D61
_LOADED = """
import importlib, sys
for name in (
    "app engine.session engine.pool engine.job_runner pictures.saver pictures.sidecar"
    " ledger.fallback ledger.open gen.run gen.progress"
).split():
    importlib.import_module(f"cogview_cli.{name}")
for name in "h11 certifi encodings.idna".split():
    importlib.import_module(name)
from PIL import Image
Image.init()
from cogview_cli.cli.lazy_group import COMMANDS, load
for name in COMMANDS:
    load(name)
from cogview_cli.app import main
main(["history"])
sys.stdin.buffer.read(1)
sys.exit(main(sys.argv[1:]))
"""


def unmeasured(variables: dict[str, str]) -> dict[str, str]:
    """Without coverage's measuring, which writes files of its own."""
    return {name: value for name, value in variables.items() if not name.startswith("COVERAGE")}


class Loaded:
    """`cogview` with all modules imported, waiting for `go`."""

    def __init__(self, *arguments: str, **more: str) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-c", _LOADED, *arguments],
            # An import path of this folder would be read again, and fail, under way.
            env=unmeasured(environment(PYTHONSAFEPATH="1", **more)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=_let_anyone_trace if sys.platform == "linux" else None,
        )
        assert self.popen.stderr
        self.popen.stderr.readline()  # what `history` says: the imports are done

    def go(self) -> None:
        """Let it run."""
        assert self.popen.stdin
        self.popen.stdin.write(b".")
        self.popen.stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.popen.kill()
        self.popen.communicate()


def _let_anyone_trace() -> None:
    """Lets a process that is no ancestor trace this one, where the kernel asks for that."""
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(-1), 0, 0, 0)


def why_not() -> str:
    """Why there can be no torture here; empty if there can."""
    if sys.platform != "linux" or not shutil.which("strace"):
        return "there is no strace here"
    with Loaded("--version") as process, watched(process, "unlink", "error=EIO", 1) as tracer:
        return "" if tracer.poll() is None else "strace may not trace here"


@contextmanager
def watched(process: Loaded, call: str, how: str, when: int) -> Iterator[subprocess.Popen[bytes]]:
    """strace on the process: call number `when` of each thread fails or kills."""
    rule = f"inject={call}:{how}:when={when}"
    with subprocess.Popen(
        ["strace", "-f", "-o", "strace.log", "-p", str(process.popen.pid),
         "-e", f"trace={call}", "-e", rule],
        stderr=subprocess.PIPE,
    ) as tracer:  # fmt: skip
        status = Path(f"/proc/{process.popen.pid}/status")
        until(lambda: tracer.poll() is not None or "TracerPid:\t0" not in status.read_text())
        try:
            yield tracer
        finally:
            process.popen.kill()
            tracer.communicate()


@contextmanager
def sandbox_process() -> Iterator[str]:
    """The base URL of a sandbox in a process of its own."""
    with subprocess.Popen(
        [*COMMAND, "sandbox", "--port", "0", "--quiet"],
        env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            assert process.stdout
            yield process.stdout.readline().decode().strip()
        finally:
            process.terminate()


def books_of(base_url: str) -> dict[str, Any]:
    """The sandbox's own records."""
    origin = base_url.partition("/api/")[0]
    with urllib.request.urlopen(f"{origin}/sandbox/books", timeout=PATIENCE_S) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


@dataclass(slots=True)
class Torture:
    """Rounds of `gen` under one call's failures, in one world, with one ledger."""

    cogview: Run
    base_url: str
    key: str
    codes: Counter[int] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    _known: list[str] = field(default_factory=list)

    def loop(self, call: str, how: str, most: int = 1000) -> int:
        """Rounds with when = 1, 2, … until it no longer fires; how many fired."""
        for when in range(1, most + 1):
            if not self.round(call, how, when):
                return when - 1
        return most

    def round(self, call: str, how: str, when: int) -> bool:
        """One `gen`, one `recover`, one `history`, the invariants; whether it fired."""
        prompt = f"cat {call} {how} {when}"
        before = set(images())
        ended, fired = self._gen(prompt, call, how, when)
        self.codes.update([ended.code] * fired)
        posts = books_of(self.base_url)["posts"].get(prompt, 0)
        saved_at_once = set(images()) - before
        recovered = self.cogview("recover")
        rows = self._history()
        books = books_of(self.base_url)
        mine = [row for row in rows if row["prompt"] == prompt]
        found = set(images()) - before
        self._check(
            f"{call} {how} when={when}: {ended}\n{recovered}",
            {
                "1 at most one POST": books["posts"].get(prompt, 0) == posts <= 1,
                "2 every answer is accounted for": _accounted(
                    books["charges"].get(prompt, 0), mine, found
                ),
                "3 every final name is whole": all(map(_whole, found)),
                "4 no record disappears": [row["id"] for row in rows][: len(self._known)]
                == self._known,
                "5 never below the real spend": _spent_at_most() >= Decimal(books["cost"]),
                "6 exit 0 only with the picture": ended.code != 0 or len(saved_at_once) == 1,
                "an exit code that is known": ended.code in (0, 5, 6, 9, 75, -9),
                "recover ends well": recovered.code in (0, 5),
                "no temporary file": not temporaries(),
                "no traceback": _LOOP in ended.err or "Traceback" not in ended.err + recovered.err,
            },
        )
        self._known = [row["id"] for row in rows]
        return fired

    def _gen(self, prompt: str, call: str, how: str, when: int) -> tuple[Ended, bool]:
        more = ("--size", "512x512", "-o", "out/", "--timeout", "10", "--max-wait", "2")
        keys = {"COGVIEW_BASE_URL": self.base_url, "COGVIEW_API_KEY": self.key}
        with Loaded("gen", prompt, *more, **keys) as process:
            with watched(process, call, how, when):
                process.go()
                out, err = process.popen.communicate(timeout=PATIENCE_S)
            code = process.popen.returncode
        log = Path("strace.log").read_text("utf-8", "replace")
        fired = "(INJECTED)" in log or "+++ killed by SIGKILL" in log
        return Ended(code, out.decode(), err.decode("utf-8", "replace")), fired

    def _history(self) -> list[dict[str, Any]]:
        ended = self.cogview("history", "--json")
        assert ended.code == 0, ended
        return [json.loads(line) for line in ended.out.splitlines()]

    def _check(self, round: str, rules: dict[str, bool]) -> None:
        self.broken += [f"{rule}: {round}" for rule, holds in rules.items() if not holds]


def _spent_at_most() -> Decimal:
    """What `history` would tell of these requests if it did not know that a sandbox was asked."""
    rows = [record(entry._replace(account="somebody's")) for entry in history()]
    return sum((Decimal(row["cost_max"]) for row in rows), Decimal(0))


def _accounted(charged: int, rows: list[dict[str, Any]], found: set[Path]) -> bool:
    """A charge is a picture or an unknown; nothing else is a picture."""
    statuses = [row["status"] for row in rows]
    if statuses == ["saved"]:
        return charged == len(found) == 1
    return not found and (not charged or statuses == ["unknown"])


def _whole(path: Path) -> bool:
    check(path)
    return Path(f"{path}.json").is_file()


def seconds_since(began: float) -> str:
    return f"{time.monotonic() - began:.0f} s on {os.cpu_count()} cores"
