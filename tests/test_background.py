"""A job behind another one on a terminal; what is said after Ctrl-C; and --quiet."""

from __future__ import annotations

import gettext
import os
import sys
from pathlib import Path

import pytest

from cogview_cli.i18n import LOCALES
from cogview_cli.sandbox.thread import SandboxThread
from cogview_cli.terminal.text import cell_width
from tests import processes
from tests.batch.support import prompts
from tests.conftest import Run
from tests.processes import environment

POOL = Path(__file__).parent.parent / "cogview_cli" / "engine" / "pool.py"
STOPPED = "stopped by {signal}; waiting for answers (again: at once)"
SMALL = ("-s", "512x512")
JOB = """
import subprocess, sys, termios
terminal = termios.tcgetattr(0)
terminal[3] |= termios.TOSTOP  # a job behind that writes is stopped
termios.tcsetattr(0, termios.TCSANOW, terminal)
job = subprocess.Popen(sys.argv[1:], process_group=0)
sys.exit(job.wait(60))
"""
posix = pytest.mark.skipif(os.name == "nt", reason="terminals of POSIX")


def behind(sandbox: SandboxThread, *arguments: str) -> processes.Shown:
    """As the shell starts `cogview … &`, on a terminal that stops such writers."""
    line = (sys.executable, "-c", JOB, *processes.COMMAND, *arguments)
    return processes.on_terminal(*line, env=environment(sandbox))


@posix
@pytest.mark.parametrize("more", [(), ("-n", "3"), ("--preview",)])
def test_a_job_in_the_background_neither_draws_nor_stops(
    sandbox: SandboxThread, more: tuple[str, ...]
) -> None:
    ended = behind(sandbox, "gen", "猫", *SMALL, *more)
    assert ended.code == 0, ended
    assert b"\x1b" not in ended.shown and b"drawing" not in ended.shown
    assert ended.shown.count(b".png") == (3 if "3" in more else 1)


@posix
def test_a_batch_in_the_background_draws_nothing(sandbox: SandboxThread) -> None:
    prompts("cat", "dog")
    ended = behind(sandbox, "batch", "p.txt", *SMALL)
    assert ended.code == 0 and b"\x1b" not in ended.shown, ended


@posix
def test_a_job_in_the_background_asks_nothing(sandbox: SandboxThread) -> None:
    ended = behind(sandbox, "gen", "猫", "-n", "300")
    assert ended.code == 2, ended
    assert b"--yes" in ended.shown and processes.QUESTION not in ended.shown


@posix
def test_in_front_the_same_is_drawn(sandbox: SandboxThread) -> None:
    """Or the tests above could not fail."""
    line = (*processes.COMMAND, "gen", "猫", *SMALL)
    ended = processes.on_terminal(*line, env=environment(sandbox))
    assert ended.code == 0 and b"\x1b" in ended.shown and b"drawing" in ended.shown


@pytest.mark.parametrize("chinese", [False, True])
@pytest.mark.parametrize("signal", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_what_is_said_after_ctrl_c_fits_a_narrow_terminal(signal: str, chinese: bool) -> None:
    assert STOPPED in POOL.read_text("utf-8")
    with (LOCALES / "zh" / "LC_MESSAGES" / "cogview.mo").open("rb") as file:
        translated = gettext.GNUTranslations(file).gettext(STOPPED)
    assert translated != STOPPED
    said = translated if chinese else STOPPED
    assert cell_width(said.format(signal=signal)) <= 57


# --- quiet -----------------------------------------------------------------------


def only_errors(err: str) -> bool:
    return all(line.startswith(("error: ", "hint: ", "  ")) for line in err.splitlines())


@pytest.mark.parametrize(
    "line",
    [
        ("gen", "猫", "-m", "cogview-9", "--dry-run"),
        ("gen", "猫" * 3000),
        ("gen", "猫", "-m", "cogview-3-plus", "--dry-run"),
        ("gen", "猫", "-n", "2"),
        ("gen", "猫 sandbox:lost-answer"),
        ("gen", "猫 sandbox:1301"),
        ("gen", "猫 sandbox:404-download"),
        ("gen", "猫", "--preview", "--on-exists", "skip", "-o", "p.png"),
        ("batch", "p.csv"),
        ("batch", "p.csv", "--name", "{note}"),
        ("batch", "p.csv", "--dry-run"),
        ("batch", "p.csv", "--skip-bad", "--dedupe"),
        ("batch", "p.csv", "--template", "{note}猫"),
        ("recover",),
    ],
)
def test_quiet_says_errors_alone(cogview: Run, line: tuple[str, ...]) -> None:
    prompts("prompt,seed,note,api_key,size", "cat,3,,k,", "cat,3,x,k,512x512", "dog,,,,7x7",
            file="p.csv")  # fmt: skip
    quiet, loud = cogview(*line, "--quiet"), cogview(*line)
    assert only_errors(quiet.err), quiet
    assert quiet.code == loud.code or loud.code == 0


def test_without_quiet_warnings_are_said(cogview: Run) -> None:
    """Or the test above could not fail."""
    assert "warning: " in cogview("gen", "猫", "-m", "cogview-9", "--dry-run").err
