"""The README's pictures, made by the program itself: a terminal session, and what it drew.

`python -m tests.generate` writes them. The session runs on a terminal of its own against the
sandbox; what differs from run to run (times, sizes of files) is masked, so it can be compared.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import NamedTuple

from cogview_cli.terminal.text import cell_width

ROOT = Path(__file__).parent.parent
SESSIONS = {"en": ROOT / ".github" / "terminal.svg", "zh": ROOT / ".github" / "terminal.zh.svg"}
RESULT = ROOT / ".github" / "result.webp"
PROMPT = "一只可爱的小猫咪，坐在阳光明媚的窗台上，背景是蓝天白云"
PROMPTS = "水墨山水，远山如黛\n赛博朋克城市的雨夜\n极简海报，一只纸鹤\n"
COLUMNS = 84
LINES = (
    'cogview gen "一只可爱的小猫咪" --size 16:9 -o cat.png --sandbox',
    "cat prompts.txt",
    "cogview batch prompts.txt -o out/ --max-cost 5 --jobs 1 --sandbox",
    "cogview batch prompts.txt -o out/ --max-cost 5 --jobs 1 --sandbox",
)
_MASKS = (
    (re.compile(r"\b[0-9]+ KiB"), "64 KiB"),
    (re.compile(r"\b[0-9]+\.[0-9] ?(s|秒)"), r"0.1 \1"),
)
# What terminals are told besides text: colours and a cursor that hides are of no interest here.
_CONTROL = re.compile(r"\x1b\[(\?25[lh]|[0-9;]*m|[0-9]*A|2K)|\r|\n")
_CELL, _LINE, _EDGE = 8.4, 19, 16


class Shown(NamedTuple):
    """A line of the session, typed or answered."""

    text: str
    typed: bool = False


def screen(output: str) -> list[str]:
    """What a terminal shows in the end of what was written to it."""
    lines, row, at, column = [""], 0, 0, 0
    for control in _CONTROL.finditer(output):
        lines[row], column = _over(lines[row], output[at : control.start()], column)
        at, what = control.end(), control[0]
        if what == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif what == "\r":
            column = 0
        elif what.endswith("A"):
            row = max(0, row - int(control[1][:-1] or 1))
        elif what.endswith("2K"):
            lines[row] = ""
    lines[row], column = _over(lines[row], output[at:], column)
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def _over(line: str, text: str, column: int) -> tuple[str, int]:
    """The line with `text` written at `column`, and where the cursor is then."""
    padded = line.ljust(column)
    return padded[:column] + text + padded[column + len(text) :], column + len(text)


def session(lang: str) -> list[Shown]:
    """The lines of a real session in one language."""
    from tests.processes import on_terminal

    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "prompts.txt").write_text(PROMPTS, "utf-8")
        environment = _environment(Path(folder), lang)
        shown = []
        for line in LINES:
            found = on_terminal(
                "sh", "-c", f"cd '{folder}/' && {line}", env={**os.environ, **environment}
            )
            answer = screen(found.shown.decode("utf-8"))
            shown += [Shown(line, typed=True), *(Shown(_masked(text)) for text in answer)]
    return shown


def _environment(folder: Path, lang: str) -> dict[str, str]:
    """Folders of its own, and a `cogview` in the search path."""
    program = folder / ".bin" / "cogview"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m cogview_cli "$@"\n'
    )
    program.chmod(0o755)
    return {
        "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
        "COGVIEW_LANG": lang,
        "COGVIEW_STATE_DIR": str(folder / ".state"),
        "COGVIEW_CONFIG_DIR": str(folder / ".config"),
        "COLUMNS": str(COLUMNS),
    }


def _masked(text: str) -> str:
    for pattern, same in _MASKS:
        text = pattern.sub(same, text)
    return text


def svg(lines: Iterable[Shown]) -> str:
    """The session as a picture that needs nothing from elsewhere."""
    rows = list(lines)
    width, height = COLUMNS * _CELL + 2 * _EDGE, len(rows) * _LINE + 2 * _EDGE
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img">\n'
        "<style>text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#d4d7dd;"
        "white-space:pre}.typed{fill:#fff;font-weight:bold}.sign{fill:#7ec699}</style>\n"
        f'<rect width="100%" height="100%" rx="8" fill="#1d2026"/>\n'
    )
    return head + "".join(_row(row, n) for n, row in enumerate(rows)) + "</svg>\n"


def _row(row: Shown, number: int) -> str:
    down = _EDGE + number * _LINE + 14
    if not row.typed:
        return _text(row.text, 0, down, "")
    return _text("$", 0, down, ' class="sign"') + _text(row.text, 2, down, ' class="typed"')


def _text(text: str, cell: int, down: int, more: str) -> str:
    """One run of text, as wide as on a terminal whatever the font is."""
    if not text.strip():
        return ""
    across, length = _EDGE + cell * _CELL, cell_width(text) * _CELL
    return (
        f'<text x="{across:g}" y="{down}" textLength="{length:g}"'
        f' lengthAdjust="spacingAndGlyphs"{more}>{escape(text)}</text>\n'
    )


def sessions() -> dict[Path, bytes]:
    """The picture of the session in each language, by its file."""
    return {path: svg(session(lang)).encode("utf-8") for lang, path in SESSIONS.items()}


def draw_result() -> None:
    """Writes the picture that the README's first command makes, smaller."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, RESULT.name)
        environment = {**os.environ, **_environment(Path(folder), "en")}
        command = ["cogview", "gen", PROMPT, "--size", "1024x512", "-o", str(made), "--sandbox"]
        program = Path(folder, ".bin", "cogview")
        subprocess.run([str(program), *command[1:]], env=environment, check=True)
        shutil.copyfile(made, RESULT)
