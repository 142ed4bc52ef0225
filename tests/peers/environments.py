"""Virtual environments for the peers: made by pip in a temporary folder, removed afterwards.

`COGVIEW_PEERS=FOLDER` keeps them there for the next time; `python -m tests.peers.environments
FOLDER` makes those of the suite before, and notes which ones cannot be had.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).parents[2]
# Slower than that, the peer counts as one that cannot be had here.
INSTALL_SECONDS = 240
# 1.108.7 was run; some other releases were reported compromised.
LITELLM = ("litellm[proxy]==1.108.7",)
# torchvision and timm are not needed, and have to be of the same build as torch.
XINFERENCE = (
    "torch==2.13.0", "xinference==4.1.0", "diffusers==0.39.0", "transformers==5.17.0", "accelerate",
)  # fmt: skip
HF_SERVE = (
    "hf-serve==0.2.0", "torch==2.13.0", "diffusers==0.42.1", "transformers==5.22.2", "peft==0.21.2",
    "numpy==1.26.4",
)  # fmt: skip
# It says 3.11, but uses arguments of `reprlib.Repr` that came with 3.12; 3.13 it refuses.
HF_SERVE_PYTHON = "python3.12"
# Written last: what was asked for; or why it cannot be had.
MADE, FAILED = "requirements.txt", "unavailable.txt"
UNWANTED = ("torchvision", "timm")


class Unavailable(Exception):
    """The environment cannot be made here; the message says why."""


def clients() -> tuple[str, ...]:
    """What the group `peers` of the project names."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
    return tuple(project["dependency-groups"]["peers"])


@contextmanager
def environment(
    name: str,
    requirements: Sequence[str],
    unwanted: Sequence[str] = (),
    python: str = sys.executable,
) -> Iterator[Path]:
    """The folder of the environment's programs. Unavailable where pip or `python` cannot."""
    kept = os.environ.get("COGVIEW_PEERS")
    folder = Path(kept) / name if kept else Path(tempfile.mkdtemp(prefix=f"cogview-{name}-"))
    try:
        if (failed := folder / FAILED).exists():
            raise Unavailable(failed.read_text("utf-8"))
        if not _is_whole(folder, requirements):
            _make(folder, requirements, unwanted, python)
        yield folder / "bin"
    finally:
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)


def _make(folder: Path, requirements: Sequence[str], unwanted: Sequence[str], python: str) -> None:
    _run(python, "-m", "venv", "--clear", str(folder))
    pip = (str(folder / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check")
    _run(*pip, "install", "--no-compile", *requirements)
    if unwanted:
        _run(*pip, "uninstall", "--yes", *unwanted)
    (folder / MADE).write_text("\n".join(requirements), "utf-8")


def _is_whole(folder: Path, requirements: Sequence[str]) -> bool:
    made = folder / MADE
    return made.exists() and made.read_text("utf-8") == "\n".join(requirements)


def _run(*command: str) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(str(error)) from error
    if done.returncode:
        said = done.stderr.strip() or f"exit {done.returncode}"
        raise Unavailable(f"{command[0]}: {said.splitlines()[-1].strip()}")


def main(kept: str) -> None:
    """Makes the environments of the suite below `kept`."""
    os.environ["COGVIEW_PEERS"] = kept
    for name, requirements in (("litellm", LITELLM), ("clients", clients())):
        try:
            with environment(name, requirements):
                pass
        except Unavailable as error:
            shutil.rmtree(Path(kept) / name, ignore_errors=True)
            (Path(kept) / name).mkdir(parents=True)
            (Path(kept) / name / FAILED).write_text(str(error), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
