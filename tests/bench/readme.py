"""The table in README.md beside this: written by the command, never typed."""

from __future__ import annotations

import datetime
import os
import platform
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.bench.figures import Figure, line
from tests.bench.sizes import Sizes

README = Path(__file__).with_name("README.md")
_BLOCK = re.compile(r"<!-- bench -->\n.*?<!-- /bench -->", re.DOTALL)
_HEAD = "| measured | cogview | goal | others |\n| --- | --- | --- | --- |"


def conditions(sizes: Sizes, runs: int) -> str:
    """Where, with what and how often it was measured."""
    version = platform.python_version()
    machine = f"{os.cpu_count()} CPUs, Python {version}, {platform.system()}"
    day = datetime.date.today().isoformat()
    times = f"; {runs} runs: ours each, others their median" if runs > 1 else ""
    return f"{day}, {machine}; {sizes.words}{times}. Who beats cogview is **bold**."


def table(runs: Sequence[Sequence[Figure]], notes: Iterable[str], sizes: Sizes) -> str:
    """The whole block of Markdown, from all figures of each run."""
    rows = "\n".join(line(same) for same in zip(*runs, strict=True))
    said = "".join(f"\n{note}" for note in notes)
    return f"{conditions(sizes, len(runs))}{said}\n\n{_HEAD}\n{rows}\n"


def write(block: str, path: Path = README) -> None:
    """Puts the block between its markers; ValueError if the file has none."""
    text = path.read_text("utf-8")
    if not _BLOCK.search(text):
        raise ValueError(f"{path.name} has no <!-- bench --> … <!-- /bench -->")
    new = f"<!-- bench -->\n{block}<!-- /bench -->"
    path.write_text(_BLOCK.sub(lambda _: new, text), "utf-8")
