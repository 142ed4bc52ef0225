"""`gen --preview` and `--open`: shown where people can see it, and never a reason to fail."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cogview_cli.sandbox.thread import SandboxThread
from cogview_cli.terminal import preview
from tests.conftest import Run
from tests.processes import COMMAND, Shown, environment, on_terminal

if os.name == "nt":
    pytest.skip("terminals of POSIX", allow_module_level=True)

SMALL = ("-s", "512x512")
COLOURS = re.compile(r"\x1b\[(?:38|48);(?:2;\d+;\d+;\d+|5;\d+)m|\x1b\[0m")
BLOCK = "▀".encode()


# The drawing itself.


@given(
    st.tuples(st.integers(1, 60), st.integers(1, 60)),
    st.integers(1, 100),
    st.integers(1, 50),
    st.booleans(),
)
def test_a_picture_fits_the_room_it_has(
    size: tuple[int, int], columns: int, lines: int, true_colour: bool
) -> None:
    text = preview.half_blocks(Image.new("RGB", size), columns, lines, true_colour=true_colour)
    rows = COLOURS.sub("", text).splitlines()
    assert 1 <= len(rows) <= lines
    assert {row.strip("▀") for row in rows} == {""}
    assert len({len(row) for row in rows}) == 1 and 1 <= len(rows[0]) <= columns
    assert all(row.endswith("\x1b[0m") for row in text.splitlines())


def test_shape_is_kept() -> None:
    """A line is as high as two columns are wide."""
    assert preview.fit((1440, 720), 80, 40) == (80, 20)
    assert preview.fit((720, 1440), 80, 40) == (40, 40)


@pytest.mark.parametrize(
    ("true_colour", "expected"),
    [
        (True, "\x1b[38;2;255;0;0m\x1b[48;2;0;0;255m▀\x1b[0m\n"),
        (False, "\x1b[38;5;196m\x1b[48;5;21m▀\x1b[0m\n"),
    ],
)
def test_a_character_shows_two_pixels(true_colour: bool, expected: str) -> None:
    image = Image.new("RGB", (1, 2), (255, 0, 0))
    image.putpixel((0, 1), (0, 0, 255))
    assert preview.half_blocks(image, 1, 1, true_colour=true_colour) == expected


# Whole processes on a terminal.


def shown_by(
    box: SandboxThread, *arguments: str, out: bool = True, err: bool = True, **more: str
) -> Shown:
    """How `gen` ended whose stdout and stderr are a terminal or, if not, a pipe."""
    return on_terminal(
        *COMMAND, "gen", "cat", *SMALL, *arguments,
        env=environment(box, **{"COLUMNS": "80", **more}),
        stdout=None if out else subprocess.PIPE,
        stderr=None if err else subprocess.PIPE,
    )  # fmt: skip


def test_the_picture_is_drawn_after_its_path(sandbox: SandboxThread) -> None:
    code, seen, _ = shown_by(sandbox, "--preview", "-o", "cat.png")
    assert code == 0
    assert seen.index(b"cat.png") < seen.index(BLOCK)
    assert seen.count(BLOCK) == 40 * 20
    assert b"pip install textual-image" in seen


def test_with_stdout_in_a_pipe_it_is_drawn_on_stderr(sandbox: SandboxThread) -> None:
    """stdout carries data only."""
    code, seen, piped = shown_by(sandbox, "--preview", "-o", "cat.png", out=False)
    assert (code, piped) == (0, b"cat.png\n")
    assert BLOCK in seen


@pytest.mark.parametrize("flags", [(), ("-v",), ("--quiet",)])
def test_without_a_terminal_nothing_is_drawn(
    sandbox: SandboxThread, flags: tuple[str, ...]
) -> None:
    code, seen, piped = shown_by(sandbox, "--preview", *flags, out=False, err=False)
    assert code == 0
    assert seen == b"" and b"\x1b" not in piped
    assert (b"neither stdout nor stderr is a terminal" in piped) == (flags == ("-v",))


def test_a_dumb_terminal_is_none(sandbox: SandboxThread) -> None:
    code, seen, _ = shown_by(sandbox, "--preview", TERM="dumb")
    assert code == 0
    assert b"\x1b" not in seen


EXTRA = """
class Image:
    def __init__(self, path, width, height):
        self.text = f"DRAWN {path.rpartition('/')[2]} {width} {height}"

    def __rich_console__(self, console, options):
        yield self.text
"""


def test_the_extra_draws_where_it_is_installed(sandbox: SandboxThread, tmp_path: Path) -> None:
    package = tmp_path / "extra" / "textual_image"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "renderable.py").write_text(EXTRA)
    places = [str(package.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    more = {"PYTHONPATH": os.pathsep.join(places)}
    code, seen, _ = shown_by(sandbox, "--preview", "-o", "cat.png", **more)
    assert code == 0
    assert b"DRAWN cat.png auto auto" in seen
    assert b"pip install" not in seen
    (package / "renderable.py").write_text("raise ValueError('no such terminal')")
    code, seen, _ = shown_by(sandbox, "--preview", "-o", "dog.png", **more)
    assert code == 0
    assert b"/dog.png' cannot be drawn: no such terminal" in seen


# Nothing to show, and viewers.


@pytest.mark.parametrize("flag", ["--preview", "--open"])
@pytest.mark.parametrize(
    ("line", "code"),
    [(("cat sandbox:1301",), 8), (("cat", "--dry-run"), 0), (("cat sandbox:404-download",), 6)],
)
def test_nothing_to_show_is_a_warning(
    cogview: Run, flag: str, line: tuple[str, ...], code: int
) -> None:
    ended = cogview("gen", *line, *SMALL, flag)
    assert ended.code == code
    assert f"warning: {flag}: there is no picture to show" in ended.err


def test_image_bytes_on_stdout_leave_nothing_to_show() -> None:
    done = subprocess.run(
        [*COMMAND, "gen", "cat", *SMALL, "-o", "-", "--open", "--sandbox"],
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout[:4]) == (0, b"\x89PNG")
    assert b"warning: --open: there is no picture to show" in done.stderr


@pytest.fixture
def viewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only program of the search path: the system's viewer, to be written by the test."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder / ("open" if sys.platform == "darwin" else "xdg-open")


def _script(viewer: Path, text: str) -> None:
    viewer.write_text(f"#!/bin/sh\n{text}\n")
    viewer.chmod(0o755)


def test_open_hands_the_file_to_the_viewer(cogview: Run, viewer: Path, tmp_path: Path) -> None:
    _script(viewer, f'printf "%s\\n" "$1" >> "{tmp_path}/opened"; echo noise; echo noise >&2')
    ended = cogview("gen", "cat", *SMALL, "-n", "2", "-o", "猫-{n}.png", "--open")
    assert (ended.code, ended.err) == (0, "saved 2 of 2; nothing paid: sandbox (else 0.12 CNY)\n")
    opened = (tmp_path / "opened").read_text().splitlines()
    assert sorted(opened) == [str(Path(f"猫-{n}.png").absolute()) for n in (1, 2)]


@pytest.mark.parametrize("text", [None, "exit 3"])
def test_a_viewer_that_fails_is_a_warning(cogview: Run, viewer: Path, text: str | None) -> None:
    if text:
        _script(viewer, text)
    ended = cogview("gen", "cat", *SMALL, "-o", "cat.png", "--open")
    assert ended.code == 0
    assert "warning: --open: no program opens '" in ended.err


def test_a_viewer_that_stays_open_holds_no_pipe(viewer: Path, tmp_path: Path) -> None:
    """The reader of our stdout gets its end of file while people still look."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    _script(viewer, f'read line < "{gate}"')
    done = subprocess.run(
        [*COMMAND, "gen", "cat", *SMALL, "-o", "cat.png", "--open", "--sandbox"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "cat.png\n", "")
    gate.write_text("closed\n")  # blocks until the viewer reads: it was there all the time
