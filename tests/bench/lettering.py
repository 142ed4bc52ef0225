"""`python -m tests.bench.lettering` measures how well text is read; prints a table in Markdown.

300 pictures, half of them with one character wrong, and 100 more with one that is none at all.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cogview_cli.textcheck.checker import TextChecker
from cogview_cli.textcheck.compare import TextResult
from cogview_cli.textcheck.reader import Reader
from tests.bench import drawn
from tests.bench.drawn import Drawn


class Judged(NamedTuple):
    """A picture, how its text was judged, and in how many seconds."""

    picture: Drawn
    result: TextResult
    seconds: float


def pictures(count: int, seed: int, *, broken: bool = False) -> list[Drawn]:
    """Pictures that are the same for the same seed, every other one right."""
    rng = random.Random(seed)
    return [drawn.picture(rng, right=at % 2 == 0, broken=broken) for at in range(count)]


async def judge(found: Sequence[Drawn], folder: Path) -> tuple[list[Judged], int]:
    """All pictures judged, and the reader's peak memory in MiB."""
    reader = Reader()
    judged: list[Judged] = []
    async with TextChecker(reader=reader) as checker:
        for picture in found:
            path = folder / "picture.png"
            picture.image.save(path, compress_level=1)
            begun = time.perf_counter()
            result = await checker.check(path, [picture.wanted])
            judged.append(Judged(picture, result, time.perf_counter() - begun))
        return judged, _peak(reader.pid)


def _peak(pid: int | None) -> int:
    """The most memory a process has had, in MiB."""
    found = re.search(r"VmHWM:\s+([0-9]+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) // 1024 if found else 0


def table(judged: Sequence[Judged], memory: int) -> str:
    """What was found and what was not, as a table."""
    wrong = [each for each in judged if each.picture.drawn != each.picture.wanted]
    right = [each for each in judged if each.picture.right]
    broken = [each for each in judged if each.picture.broken is not None]
    alarms = [each for each in right if not each.result.ok]
    passed = [each for each in broken if each.result.ok]
    # The first picture waits for the models.
    seconds = sorted(each.seconds for each in judged[1:])
    rows = [
        (
            "one character wrong: found",
            _share(sum(not e.result.ok for e in wrong), wrong),
            "≥ 99 %",
        ),
        ("right ones called wrong", _share(len(alarms), right), "≤ 1.5 %"),
        ("right ones with a doubtful character", _share(_doubtful(right), right), ""),
        ("a character that is none: found", _share(len(broken) - len(passed), broken), ""),
        (
            "the same, with --strict-text",
            _share(len(broken) - len(passed) + _doubtful(passed), broken),
            "",
        ),
        ("seconds a picture, mean", f"{sum(seconds) / len(seconds):.2f}", "≤ 0.40"),
        ("the slowest of 20", f"{seconds[len(seconds) * 19 // 20]:.2f}", ""),
        ("peak memory of the reader, MiB", str(memory), "≤ 500"),
    ]
    lines = [f"| {name} | {value} | {aim} |" for name, value, aim in rows]
    return "\n".join(["| measured | result | aim |", "| --- | --- | --- |", *lines])


def _doubtful(judged: Sequence[Judged]) -> int:
    return sum(bool(each.result.doubtful) for each in judged)


def _share(count: int, of: Sequence[Judged]) -> str:
    return f"{count} of {len(of)} ({100 * count / max(1, len(of)):.1f} %)"


def told(each: Judged) -> str:
    """A picture that was judged wrongly, in a line."""
    picture, result = each.picture, each.result
    return f"{picture.kind} {picture.height} px: {picture.wanted} as {picture.drawn}: {result}"


def main() -> None:
    """Draws, judges, prints."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.lettering", description=__doc__)
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--broken", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    found = pictures(wanted.pictures, wanted.seed)
    found += pictures(wanted.broken, wanted.seed + 1, broken=True)
    with tempfile.TemporaryDirectory(prefix="cogview-bench-") as folder:
        judged, memory = asyncio.run(judge(found, Path(folder)))
    for each in judged:
        if each.picture.broken is None and each.result.ok != each.picture.right:
            print(told(each))
    print(table(judged, memory))


if __name__ == "__main__":
    main()
