"""What more prompts, and a longer ledger, cost: time an item, memory, a second run."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from tests.bench.batches import cogview
from tests.bench.figures import Figure, number
from tests.bench.server import Load
from tests.bench.world import COGVIEW, Cost, World, server

SLOTS = 20
_FAST = Load(slots=SLOTS, generation=0.02, picture_bytes=20_000)
_GROWTH_GOAL_MIB, _TIME_GOAL, _LEDGER_GOAL = 40, 1.25, 1.25
# For the longest of the full sizes.
_AGAIN_GOAL, _AGAIN_PROMPTS, _FIRST_LINE_GOAL = 2.0, 10_000, 0.3
SMALL = 40


def figures(world: World, counts: Sequence[int]) -> Iterator[Figure]:
    """Batches of growing length (two at least), and the last of them a second time."""
    runs = {count: _fresh(world, count) for count in counts}
    least, before, most = counts[0], counts[-2], counts[-1]
    for count, cost in runs.items():
        yield Figure(what=f"{count:,} prompts: ms an item", ours=_each(cost, count), unit=number)
    yield Figure(
        what=f"time an item, {most:,} prompts / {before:,}",
        ours=_each(runs[most], most) / _each(runs[before], before),
        goal=_TIME_GOAL,
    )
    yield Figure(
        what=f"peak memory, {most:,} prompts - {least:,}, MiB",
        ours=runs[most].peak - runs[least].peak,
        goal=_GROWTH_GOAL_MIB,
        unit=number,
    )
    again = _batch(world, most)
    goal = _AGAIN_GOAL if most == _AGAIN_PROMPTS else None
    what = f"{most:,} finished prompts again: s"
    yield Figure(what=what, ours=again.wall, goal=goal, unit=number)


def _each(cost: Cost, count: int) -> float:
    return cost.wall * 1000 / count


def _fresh(world: World, count: int) -> Cost:
    """A batch in a folder and with a ledger of its own."""
    for name in ("out", "state"):
        shutil.rmtree(world.folder / name, ignore_errors=True)
    return _batch(world, count)


def _batch(world: World, count: int, folder: str = "out") -> Cost:
    with server(_FAST) as running:
        line = cogview(running.base_url, world.prompts(count), world.folder / folder, SLOTS)
        return world.run(line)


def long_ledger(world: World, rows: int) -> Iterator[Figure]:
    """A small batch with a ledger of many rows, beside one with an empty ledger."""
    empty = _fresh(world, SMALL)
    lengthen(world.folder / "state" / "ledger.db", rows)
    os.sync()  # or the run would wait for the disk to take those rows
    full = _batch(world, SMALL, "elsewhere")
    yield Figure(
        what=f"{SMALL} prompts with {rows:,} rows in the ledger / with none",
        ours=full.wall / empty.wall,
        goal=_LEDGER_GOAL,
    )
    yield Figure(what="the same in seconds", ours=full.wall)
    yield Figure(
        what=f"`history` of {rows:,} rows: s to its first line",
        ours=_first_line(world),
        goal=_FIRST_LINE_GOAL,
    )


def _first_line(world: World) -> float:
    """Seconds until `history` has written a line into a pipe; the best of a few."""
    found = []
    for _ in range(5):
        began = time.monotonic()
        with subprocess.Popen(
            [*COGVIEW, "history"],
            env=world.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            found.append(time.monotonic() - began)
            process.kill()
    return min(found)


def lengthen(path: Path, rows: int) -> None:
    """Copies the rows of a ledger under new ids and keys until there are so many."""
    with closing(sqlite3.connect(path)) as db, db:
        names = [row[1] for row in db.execute("PRAGMA table_info(requests)")]
        names.remove("seq")
        values = [f"hex(randomblob(16)) AS {n}" if n in ("id", "key") else n for n in names]
        copy = f"INSERT INTO requests ({', '.join(names)}) SELECT {', '.join(values)} FROM requests"
        while (there := db.execute("SELECT count(*) FROM requests").fetchone()[0]) < rows:
            db.execute(f"{copy} LIMIT ?", (rows - there,))
        db.execute("UPDATE requests SET seq = NULL")
        db.execute("UPDATE requests SET seq = rowid")
