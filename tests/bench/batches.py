"""Batches beside what others use: wall time over the best schedule, slot use, CPU, memory."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench.figures import Figure, number
from tests.bench.schedule import greedy, slot_use
from tests.bench.server import Load
from tests.bench.world import COGVIEW, HERE, Failed, World, server

Command = Callable[[str, Path, Path, int], list[str]]
LOOP, FAIR, BEST = "httpx loop", "httpx loop that decodes", "best schedule"
_GOALS = {5: (1.03, 0.96), 20: (1.05, 0.94)}
_PEAK_GOAL, _CPU_GOAL, _MANY_GOAL = 60, 3, 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One client's run: wall over greedy, share of the slots used, CPU ms an image, MiB.

    `best` is the share that the best schedule uses: at the end some slots run dry.
    """

    over: float
    use: float
    best: float
    cpu: float
    peak: float


def cogview(base_url: str, prompts: Path, folder: Path, slots: int) -> list[str]:
    """Our own command line for a batch."""
    flags = ["--base-url", base_url, "--jobs", str(slots), "--yes", "--quiet"]
    return [*COGVIEW, "batch", str(prompts), "-o", str(folder), *flags]


def _script(*start: str) -> Command:
    def command(base_url: str, prompts: Path, folder: Path, slots: int) -> list[str]:
        return [*start, base_url, str(prompts), str(folder), str(slots)]

    return command


def peers() -> dict[str, Command]:
    """Who is measured beside us, as far as the programs are there."""
    scripts = HERE / "peers"
    found = {
        LOOP: _script(sys.executable, str(scripts / "httpx_loop.py")),
        FAIR: _script(sys.executable, str(scripts / "httpx_decoding.py")),
        "zai-sdk + threads": _script(sys.executable, str(scripts / "zai_threads.py")),
    }
    if not missing():
        found["xargs + curl + jq"] = _script("sh", str(scripts / "curl.sh"))
    return found


def missing() -> list[str]:
    """The programs that a peer needs and this machine has not."""
    return [name for name in ("xargs", "curl", "jq") if shutil.which(name) is None]


def measure(world: World, name: str, command: Command, load: Load, images: int) -> Result:
    """One client through one batch, with a server of its own."""
    prompts = world.prompts(images)
    folder = world.folder / "out"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(world.folder / "state", ignore_errors=True)
    folder.mkdir()
    with server(load) as running:
        cost = world.run(command(running.base_url, prompts, folder, load.slots))
        books = running.books()
    if books.fetched < images or books.throttled:
        raise Failed(f"{name}: {books.fetched} of {images} images, {books.throttled} times 1302")
    shortest = greedy(books.drawn, load.slots)
    return Result(
        over=cost.wall / shortest,
        use=slot_use(books, load.slots),
        best=sum(books.drawn) / load.slots / shortest,
        cpu=cost.cpu * 1000 / images,
        peak=cost.peak,
    )


def figures(world: World, sizes: Mapping[int, int]) -> Iterator[Figure]:
    """Every client at every number of slots."""
    for slots, images in sizes.items():
        load = Load(slots=slots, generation=0.5, spread=0.4, download=0.2)
        ours = measure(world, "cogview", cogview, load, images)
        others = {
            name: measure(world, name, command, load, images) for name, command in peers().items()
        }
        yield from _lines(slots, ours, others)


def _lines(slots: int, ours: Result, others: Mapping[str, Result]) -> Iterator[Figure]:
    over, use = _GOALS.get(slots, (None, None))
    where = f"batch, {slots} slots"
    yield Figure(
        what=f"{where}: wall time / best schedule",
        ours=ours.over,
        goal=over,
        others={name: result.over for name, result in others.items()},
    )
    yield Figure(
        what=f"{where}: share of slots in use",
        ours=ours.use,
        goal=use,
        more=True,
        others={BEST: ours.best, **{name: result.use for name, result in others.items()}},
    )
    yield Figure(
        what=f"{where}: CPU ms an image",
        ours=ours.cpu,
        goal=_CPU_GOAL * others[FAIR].cpu,
        others={name: result.cpu for name, result in others.items()},
        unit=number,
    )
    yield Figure(
        what=f"{where}: peak memory, MiB",
        ours=ours.peak,
        goal=_PEAK_GOAL,
        # xargs runs many small processes: the largest of them says nothing.
        others={name: result.peak for name, result in others.items() if "xargs" not in name},
        unit=number,
    )


def many(world: World, slots: int, images: int) -> Iterator[Figure]:
    """Far more slots than any tier has, as on one's own servers."""
    load = Load(slots=slots, generation=5.0, spread=0.4, picture_bytes=20_000)
    ours = measure(world, "cogview", cogview, load, images)
    loop = measure(world, LOOP, peers()[LOOP], load, images)
    yield Figure(
        what=f"batch, {slots} slots: wall time / best schedule",
        ours=ours.over,
        others={LOOP: loop.over},
    )
    yield Figure(
        what=f"batch, {slots} slots: share of slots in use",
        ours=ours.use,
        goal=_MANY_GOAL * ours.best,
        more=True,
        others={BEST: ours.best, LOOP: loop.use},
    )
