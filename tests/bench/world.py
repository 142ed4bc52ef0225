"""Where the measured programs live: a folder of their own, a local server, no other settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench.server import Load, Stats

HERE = Path(__file__).parent
KEY = "bench-id.bench-secret-of-some-length"
_SCRIPT = Path(sys.executable).parent / "cogview"
COGVIEW = [str(_SCRIPT)] if _SCRIPT.exists() else [sys.executable, "-m", "cogview_cli"]


class Failed(Exception):
    """A measured program ended badly: its figures would mean nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One run of a program: seconds, peak MiB of its largest process, `began` monotonic."""

    wall: float
    cpu: float
    peak: float
    code: int
    began: float


@dataclass(frozen=True, slots=True)
class World:
    """A folder and the environment of the programs that run in it."""

    folder: Path

    def environment(self, **more: str) -> dict[str, str]:
        """Only what a program needs: nothing of the user's reaches it."""
        folders = {
            "HOME": str(self.folder),
            "COGVIEW_STATE_DIR": str(self.folder / "state"),
            "COGVIEW_CONFIG_DIR": str(self.folder / "config"),
            "COGVIEW_API_KEY": KEY,
        }
        path = os.environ.get("PATH", os.defpath)
        root = str(HERE.parent.parent)
        return {"PATH": path, "LC_ALL": "C.UTF-8", "PYTHONPATH": root, **folders, **more}

    def run(self, command: Sequence[str], **more: str) -> Cost:
        """Runs a program to its end; raises Failed unless it ends well."""
        launcher = [sys.executable, "-S", "-E", str(HERE / "launcher.py"), *command]
        done = subprocess.run(
            launcher,
            env=self.environment(**more),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Failed(f"{command[0]}: {done.stderr[-500:]}")
        cost = Cost(**json.loads(done.stdout))
        if cost.code:
            raise Failed(f"{' '.join(command)}: exit {cost.code}: {done.stderr[-500:]}")
        return cost

    def prompts(self, count: int) -> Path:
        """A file of so many different prompts."""
        path = self.folder / f"prompts-{count}.txt"
        lines = (f"水墨山水 第{number}幅 云雾缭绕\n" for number in range(1, count + 1))
        path.write_text("".join(lines), "utf-8")
        return path


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs."""

    port: int

    @property
    def base_url(self) -> str:
        """Without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def books(self) -> Stats:
        """What it has seen so far."""
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(f"{self.base_url}/books") as answer:
            return Stats(**json.load(answer))


@contextmanager
def server(load: Load) -> Iterator[Running]:
    """A server in a process of its own, as long as the block."""
    command = [sys.executable, str(HERE / "server.py"), json.dumps(asdict(load))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        try:
            yield Running(int(process.stdout.readline()))
        finally:
            process.stdin.close()
