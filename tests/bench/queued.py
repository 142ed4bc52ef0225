"""The vendor's queue by the ten thousand: lines, results, memory."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator

from tests.bench.figures import Figure, number
from tests.bench.world import HERE, Cost, World

_SECONDS_GOAL, _PEAK_GOAL, _GROWTH_GOAL = 60, 150, 10
_FEW = 10_000


def figures(world: World, lines: int, results: int) -> Iterator[Figure]:
    """`lines` requests to JSONL and results back; `results` matched with a plan."""
    few, _ = _work(world, "lines", min(_FEW, lines // 2))
    many, took = _work(world, "lines", lines)
    yield Figure(what=f"{lines:,} lines to JSONL and back: s", ours=took["seconds"], unit=number)
    yield Figure(
        what=f"peak memory, {lines:,} lines - {min(_FEW, lines // 2):,}, MiB",
        ours=many.peak - few.peak,
        goal=_GROWTH_GOAL,
        unit=number,
    )
    world.prompts(results).rename(world.folder / "prompts.txt")
    cost, took = _work(world, "results", results)
    yield Figure(
        what=f"{results:,} requests of the queue noted: s", ours=took["wrote"], unit=number
    )
    yield Figure(
        what=f"{results:,} results of the queue matched and planned: s",
        ours=took["seconds"],
        goal=_SECONDS_GOAL,
        unit=number,
    )
    yield Figure(what="the same: peak memory, MiB", ours=cost.peak, goal=_PEAK_GOAL, unit=number)


def _work(world: World, name: str, count: int) -> tuple[Cost, dict[str, float]]:
    for folder in ("out", "state"):
        shutil.rmtree(world.folder / folder, ignore_errors=True)
    target = world.folder / "took.json"
    script = str(HERE / "queue_work.py")
    cost = world.run([sys.executable, script, name, str(count), str(target)])
    found: dict[str, float] = json.loads(target.read_text("utf-8"))
    return cost, found
