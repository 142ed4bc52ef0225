"""`batch` on a terminal: the display, the question about money."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import IO

import pytest

from cogview_cli.sandbox.thread import SandboxThread
from cogview_cli.terminal.text import cell_width
from tests.batch.processes import COMMAND, SLOW, many
from tests.batch.support import SMALL, pictures, posts, prompts
from tests.processes import environment, on_terminal

if os.name == "nt":
    pytest.skip("signals and terminals of POSIX", allow_module_level=True)


def batch_on_terminal(
    box: SandboxThread, *arguments: str, typed: bytes = b"", stdout: IO[bytes] | None = None,
    **more: str,
) -> tuple[int, bytes]:  # fmt: skip
    """Exit code and every byte shown on a terminal of its own; `typed` answers a question."""
    command = (*COMMAND, "p.txt", *SMALL, "-o", "out", *arguments)
    env = environment(box, **{"COLUMNS": "60", "LINES": "20", **more})
    return on_terminal(*command, env=env, typed=typed, stdout=stdout)[:2]


# Colours, cursor up, erase line, hide and show the cursor.
KNOWN = re.compile(r"\x1b\[(?:[0-9;]*m|[0-9]*A|2K|\?25[lh])")


def test_the_display_fits_the_window_and_stdout_has_paths_only(tmp_path: Path) -> None:
    prompts(*many(8), "一只可爱的小猫咪 sandbox:1301")
    with SandboxThread(latency=SLOW) as box, (tmp_path / "out.txt").open("wb") as file:
        code, shown = batch_on_terminal(box, stdout=file)
    assert code == 3, shown
    paths = (tmp_path / "out.txt").read_text("utf-8").splitlines()
    assert sorted(paths) == [f"out/{path}" for path in pictures()]
    text = KNOWN.sub("", shown.decode())
    assert "\x1b" not in text
    drawn = [line for line in re.split(r"[\r\n]+", text) if "━" in line or "in flight" in line]
    assert drawn
    assert all(cell_width(line) < 60 for line in drawn), drawn


def test_a_dumb_terminal_gets_no_escapes() -> None:
    prompts("cat")
    with SandboxThread(latency=SLOW) as box:
        code, shown = batch_on_terminal(box, TERM="dumb")
    assert code == 0
    assert b"\x1b" not in shown
    assert b"out/0001-cat.png" in shown


@pytest.mark.parametrize(("typed", "code", "made"), [(b"y\n", 0, 5), (b"n\n", 2, 0), (b"\n", 2, 0)])
def test_on_a_terminal_much_money_is_asked_about(
    tmp_path: Path, sandbox: SandboxThread, typed: bytes, code: int, made: int
) -> None:
    prompts(*many(5))
    with (tmp_path / "out.txt").open("wb") as file:
        found, shown = batch_on_terminal(
            sandbox, typed=typed, stdout=file, COGVIEW_CONFIRM_ABOVE="0.2"
        )
    assert found == code, shown
    assert b"5 images cost 0.30 CNY" in shown
    assert posts(sandbox) == made
    out = (tmp_path / "out.txt").read_bytes()
    assert sorted(out.decode().splitlines()) == [f"out/{path}" for path in pictures()]


def test_the_end_of_input_at_the_question_sends_nothing(sandbox: SandboxThread) -> None:
    prompts(*many(5))
    code, shown = batch_on_terminal(sandbox, typed=b"\x04", COGVIEW_CONFIRM_ABOVE="0.2")
    assert (code, posts(sandbox)) == (2, 0), shown


def test_an_interrupt_at_the_question_ends_at_once(sandbox: SandboxThread) -> None:
    prompts(*many(5))
    code, shown = batch_on_terminal(sandbox, typed=b"\x03", COGVIEW_CONFIRM_ABOVE="0.2")
    assert (code, posts(sandbox)) == (130, 0), shown
