"""`python -m tests.bench.lettering` measures how well text is read; prints a table in Markdown.

300 pictures, half of them with one character wrong, and 100 more with one that is none at all.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from cogview_cli.textcheck.checker import TextChecker
from cogview_cli.textcheck.compare import TextResult
from cogview_cli.textcheck.reader import Reader
from tests.bench import drawn
from tests.bench.drawn import Drawn

_NONE = Image.new("L", (1, 1))


class Judged(NamedTuple):
    """A picture, how its text was judged, and in how many seconds."""

    picture: Drawn
    result: TextResult
    seconds: float


def pictures(count: int, seed: int, *, broken: bool = False) -> Iterator[Drawn]:
    """Pictures that are the same for the same seed, every other one right."""
    rng = random.Random(seed)
    for at in range(count):
        yield drawn.picture(rng, right=at % 2 == 0, broken=broken)


class Cost(NamedTuple):
    """What the reader took: peak memory in MiB, seconds of CPU in all."""

    memory: int
    cpu: float


async def judge(found: Iterable[Drawn], folder: Path) -> tuple[list[Judged], Cost]:
    """All pictures judged, and what it took."""
    reader = Reader()
    judged: list[Judged] = []
    async with TextChecker(reader=reader) as checker:
        for picture in found:
            path = folder / "picture.png"
            picture.image.save(path, compress_level=1)
            begun = time.perf_counter()
            result = await checker.check(path, [picture.wanted])
            seconds = time.perf_counter() - begun
            judged.append(Judged(picture._replace(image=_NONE), result, seconds))
        return judged, _cost(reader.pid)


def _cost(pid: int | None) -> Cost:
    """What a process has taken up to now."""
    peak = re.search(r"VmHWM:\s+([0-9]+) kB", Path(f"/proc/{pid}/status").read_text())
    times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    cpu = sum(map(int, times)) / os.sysconf("SC_CLK_TCK")
    return Cost(int(peak[1]) // 1024 if peak else 0, cpu)


def table(judged: Sequence[Judged], cost: Cost) -> str:
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
        (
            "seconds of CPU a picture, loading the models included",
            f"{cost.cpu / len(judged):.2f}",
            "",
        ),
        ("peak memory of the reader, MiB", str(cost.memory), "≤ 500"),
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
    found = chain(
        pictures(wanted.pictures, wanted.seed),
        pictures(wanted.broken, wanted.seed + 1, broken=True),
    )
    with tempfile.TemporaryDirectory(prefix="cogview-bench-") as folder:
        judged, cost = asyncio.run(judge(found, Path(folder)))
    for each in judged:
        if each.picture.broken is None and each.result.ok != each.picture.right:
            print(told(each))
    print(table(judged, cost))


if __name__ == "__main__":
    main()
