"""`python -m tests.bench` measures everything and prints the table; `--write` keeps it."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench import batches, growth, queued, readme, startup
from tests.bench.figures import Figure, line
from tests.bench.sizes import FULL, QUICK, Sizes
from tests.bench.world import World

Part = Callable[[World, Sizes], Iterator[Figure]]
PARTS: dict[str, Part] = {
    "startup": lambda world, sizes: startup.figures(world, sizes.rounds),
    "batch": lambda world, sizes: batches.figures(world, sizes.batches),
    "many": lambda world, sizes: batches.many(world, sizes.many_slots, sizes.many_images),
    "growth": lambda world, sizes: growth.figures(world, sizes.growth),
    "queue": lambda world, sizes: queued.figures(world, sizes.queue_lines, sizes.queue_results),
    "ledger": lambda world, sizes: growth.long_ledger(world, sizes.ledger_rows),
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes: a look, not a result")
    parser.add_argument("--runs", type=int, default=1, help="measure it so often; show each")
    parser.add_argument("--write", action="store_true", help="write the table into its README.md")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all")
    found = parser.parse_args()
    if unknown := set(found.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    if found.write and (found.quick or found.parts):
        parser.error("--write takes the whole of it")
    return found


def _measured(names: list[str], sizes: Sizes) -> Iterator[Figure]:
    for name in names:
        with tempfile.TemporaryDirectory(prefix="cogview-bench-") as folder:
            for figure in PARTS[name](World(Path(folder)), sizes):
                print(line([figure]), file=sys.stderr, flush=True)
                yield figure


def _allow_files() -> None:
    """Server and clients may open as many files as the system permits: hundreds of connections."""
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = hard if hard != resource.RLIM_INFINITY else 10_000
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def main() -> None:
    """Runs what is asked for."""
    wanted = _arguments()
    _allow_files()
    sizes = QUICK if wanted.quick else FULL
    parts = wanted.parts or list(PARTS)
    runs = [list(_measured(parts, sizes)) for _ in range(wanted.runs)]
    notes = [f"Not measured, for want of {name}: xargs + curl + jq." for name in batches.missing()]
    block = readme.table(runs, notes, sizes)
    print(block)
    if wanted.write:
        readme.write(block)


if __name__ == "__main__":
    main()
