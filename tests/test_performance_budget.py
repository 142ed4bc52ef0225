"""What must not grow unseen: counted, not timed, so that a busy machine changes nothing."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cogview_cli.api.protocol import Answer
from cogview_cli.ledger import Intent, Ledger
from cogview_cli.pictures.download import CHECKS_AT_ONCE
from cogview_cli.sandbox.thread import SandboxThread
from tests.bench import batches, figures, growth, readme, schedule, sizes, world
from tests.bench.server import Load, picture
from tests.conftest import Run

MODULES_AT_MOST = 215
COMMITS_AN_IMAGE = 3
# The mark's name, image, its folder, sidecar, folder again; SQLite needs up to five a commit.
SYNCS_AN_IMAGE = 5
SYNCS_A_COMMIT = 5
GROWTH_MIB = 12
# A decoded picture and its file for each check, and pieces of 256 KiB of each download.
PICTURES_MIB = 20 + 6 * CHECKS_AT_ONCE
Connections = list[sqlite3.Connection]

_COUNT = """
import sys
before = len(sys.modules)
from cogview_cli.__main__ import main
sys.argv = ["cogview", *sys.argv[1:]]
try:
    main()
except SystemExit:
    pass
sys.stderr.write(f"LOADED {len(sys.modules) - before}")
"""
_DATACLASSES = """
import sys
from cogview_cli.__main__ import main
sys.argv = ["cogview", *sys.argv[1:]]
try:
    main()
finally:
    ours = [vars(module) for name, module in sys.modules.items() if name.startswith("cogview_cli")]
    types = {found for names in ours for found in names.values() if isinstance(found, type)}
    built = {found.__module__ for found in types if "__dataclass_fields__" in vars(found)}
    sys.stderr.write("BUILT " + " ".join(built))
"""
_LIMIT = """
import resource, sys
from pathlib import Path
from cogview_cli.engine.slots import Slots
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
Slots(Path(sys.argv[1]), 100)
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], hard)
"""


def _prompts(count: int) -> Path:
    path = Path(f"prompts-{count}.txt")
    path.write_text("".join(f"猫 {number}\n" for number in range(count)), "utf-8")
    return path


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Connections:
    """Every connection to a SQLite file that is opened from now on."""
    opened: Connections = []
    _on_connecting(monkeypatch, opened.append)
    return opened


def _on_connecting(patch: pytest.MonkeyPatch, note: Callable[[sqlite3.Connection], object]) -> None:
    connect = sqlite3.connect

    def noting(path: Any, *more: Any, **options: Any) -> sqlite3.Connection:
        db: sqlite3.Connection = connect(path, *more, **options)
        if path:  # the plan of a batch has no name
            note(db)
        return db

    patch.setattr(sqlite3, "connect", noting)


def _intent(key: str) -> Intent:
    return Intent(
        key=key,
        body={"prompt": "猫", "model": "cogview-4-250304"},
        target={},
        price=Decimal("0.06"),
        currency="CNY",
        base_url="https://h",
        account="a",
        namespace="n",
    )


# Start-up.


@pytest.mark.parametrize("line", ["--help", "sizes", "config get model", "TAB"])
def test_a_local_command_loads_no_more_modules_than_it_did(line: str) -> None:
    tab = {"_COGVIEW_COMPLETE": "complete_bash", "COMP_WORDS": "cogview gen --s", "COMP_CWORD": "2"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    done = subprocess.run(
        [sys.executable, "-c", _COUNT, *([] if line == "TAB" else line.split())],
        env={**kept, **(tab if line == "TAB" else {})},
        capture_output=True,
        text=True,
        check=True,
    )
    assert 20 < int(done.stderr.rpartition("LOADED ")[2]) <= MODULES_AT_MOST


def test_a_generation_builds_no_dataclass(sandbox: SandboxThread) -> None:
    """Values on its way are NamedTuples: a dataclass takes 0.8 ms to build, one of them 0.08."""
    server = {"COGVIEW_BASE_URL": sandbox.base_url, "COGVIEW_API_KEY": "test-key.canary"}
    line = ["gen", "cat", "-s", "512x512", "-o", "cat.png"]
    command = [sys.executable, "-c", _DATACLASSES, *line]
    done = subprocess.run(
        command, env={**os.environ, **server}, capture_output=True, text=True, check=True
    )
    built = done.stderr.rpartition("BUILT ")[2].split()
    assert Path("cat.png").exists()
    assert [name for name in built if name.startswith("cogview_cli")] == []


def test_a_picture_is_fetched_without_httpx(sandbox: SandboxThread) -> None:
    """It takes 40 ms and 4 MB, and a direct way needs nothing of it."""
    server = {"COGVIEW_BASE_URL": sandbox.base_url, "COGVIEW_API_KEY": "test-key.canary"}
    code = f"{_COUNT}\nsys.stderr.write(' '.join(['ALL', *sys.modules]))"
    command = [sys.executable, "-c", code, "gen", "cat", "-s", "512x512", "-o", "cat.png"]
    done = subprocess.run(
        command, env={**os.environ, **server}, capture_output=True, text=True, check=True
    )
    loaded = done.stderr.rpartition("ALL ")[2].split()
    assert Path("cat.png").exists() and "PIL" in loaded
    assert "httpx" not in loaded


# The ledger.


def _commits(run: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> int:
    """How many commits `run` makes in the files it opens."""
    seen: list[str] = []
    with monkeypatch.context() as patch:
        _on_connecting(patch, lambda db: db.set_trace_callback(seen.append))
        run()
    return seen.count("COMMIT")


@pytest.mark.parametrize("jobs", [1, 5])
def test_an_image_of_a_batch_costs_three_commits_at_most(
    cogview: Run, monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    """Intent, answer, saved."""

    def commits(count: int) -> int:
        line = ["batch", str(_prompts(count)), "-o", f"out-{count}", "-s", "512x512"]
        return _commits(lambda: cogview(*line, "--jobs", str(jobs)), monkeypatch)

    commits(1)  # makes the ledger
    assert 0 < commits(8) - commits(2) <= 6 * COMMITS_AN_IMAGE


def test_calls_that_wait_together_are_one_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()

    async def crowd() -> None:
        with Ledger(tmp_path) as ledger:
            first = asyncio.create_task(ledger.call(gate.wait))
            others = [ledger.call(ledger.intend, _intent(str(number))) for number in range(20)]
            waiting = [asyncio.create_task(other) for other in others]
            await asyncio.sleep(0)  # all of them have been handed over
            gate.set()
            await asyncio.gather(first, *waiting)

    opening = _commits(lambda: Ledger(tmp_path / "other").close(), monkeypatch)
    assert _commits(lambda: asyncio.run(crowd()), monkeypatch) - opening <= 2


def test_a_call_waits_a_moment_for_the_one_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer and the next intent of its slot are one commit; alone, it is not held up."""

    async def pair() -> None:
        with Ledger(tmp_path) as ledger:
            first = ledger.call_with_next(ledger.intend, _intent("answer"))
            held = asyncio.create_task(first)
            await asyncio.sleep(0)
            assert not held.done()
            await asyncio.gather(held, ledger.call(ledger.intend, _intent("next")))
            await ledger.call_with_next(ledger.intend, _intent("alone"))

    opening = _commits(lambda: Ledger(tmp_path / "other").close(), monkeypatch)
    assert _commits(lambda: asyncio.run(pair()), monkeypatch) - opening == 2


def test_what_waits_for_company_is_written_before_the_ledger_closes(tmp_path: Path) -> None:
    async def leave() -> None:
        with Ledger(tmp_path) as ledger:
            held = asyncio.create_task(ledger.call_with_next(ledger.intend, _intent("last")))
            await asyncio.sleep(0)
            held.cancel()

    asyncio.run(leave())
    with Ledger(tmp_path) as ledger:
        assert [*ledger.by_key("n", ["last"])] == ["last"]


def _ledger_of(folder: Path, rows: int) -> None:
    """A ledger of `rows` saved requests, one abandoned intent and one abandoned answer."""
    answer = Answer(status=200, headers={}, raw=b'{"data":[{"url":"https://h/x.png"}]}')
    with Ledger(folder) as ledger:
        saved = ledger.intend(_intent("saved"))
        ledger.answer(saved.id, answer, 1.0, expires=4e9)
        ledger.saved(saved.id, [])
    growth.lengthen(folder / "ledger.db", rows)
    with Ledger(folder) as ledger:
        ledger.intend(_intent("open"))
        ledger.answer(ledger.intend(_intent("waiting")).id, answer, 1.0)


def _start(ledger: Ledger) -> None:
    """What every run asks its ledger first."""
    assert len(ledger.settle_dead_runs()) == 1
    assert len(ledger.unfinished()) == 1
    ledger.tidy()
    assert len(ledger.by_key("n", ["saved", "new"])) == 1


def test_every_question_at_the_start_uses_an_index(
    tmp_path: Path, connections: Connections
) -> None:
    _ledger_of(tmp_path, 50)
    asked: list[str] = []
    with Ledger(tmp_path) as ledger:
        connections[-1].set_trace_callback(asked.append)
        _start(ledger)
        connections[-1].set_trace_callback(None)
        questions = [text for text in asked if re.match("SELECT|UPDATE", text)]
        plans = [
            f"{row['detail']}: {text}"
            for text in questions
            for row in connections[-1].execute(f"EXPLAIN QUERY PLAN {text}")
        ]
    assert len(questions) >= 5
    # A row a server, a row a part of a queue run; and an index of large answers to be trimmed,
    # which is soon empty.
    small = {"SCAN servers", "SCAN parts", "SCAN requests USING INDEX by_size"}
    assert {plan.split(":")[0] for plan in plans if plan.startswith("SCAN")} <= small


def test_the_start_does_not_read_the_whole_ledger(tmp_path: Path, connections: Connections) -> None:
    """Counted in steps of SQLite's machine: the same for a hundred rows and for ten thousand."""

    def steps(rows: int) -> int:
        counted = 0

        def step() -> None:
            nonlocal counted
            counted += 1

        folder = tmp_path / str(rows)
        _ledger_of(folder, rows)
        with Ledger(folder) as ledger:
            connections[-1].set_progress_handler(step, 10)
            _start(ledger)
            connections[-1].set_progress_handler(None, 0)
        return counted

    few, many = steps(100), steps(10_000)
    assert 0 < many <= 1.5 * few


# The disk.


def test_an_image_costs_five_syncs_of_our_own(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    fsync = os.fsync

    def noting(number: int) -> None:
        synced.append(number)
        fsync(number)

    monkeypatch.setattr(os, "fsync", noting)

    def syncs(count: int) -> int:
        synced.clear()
        cogview("batch", str(_prompts(count)), "-o", f"out-{count}", "-s", "512x512")
        return len(synced)

    assert 0 < syncs(7) - syncs(2) <= 5 * SYNCS_AN_IMAGE


def _traces() -> bool:
    """Whether strace is here and may be used."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True).returncode == 0


def test_an_image_costs_few_syncs_in_all(sandbox: SandboxThread) -> None:
    """SQLite's own included, which only the system sees."""
    if not _traces():
        pytest.skip("no strace, or not allowed")
    environment = {
        **os.environ,
        "COGVIEW_BASE_URL": sandbox.base_url,
        "COGVIEW_API_KEY": "test-key.canary",
    }

    def syncs(count: int) -> int:
        line = ["batch", str(_prompts(count)), "-o", f"out-{count}", "-s", "512x512"]
        trace = ["strace", "-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", f"trace-{count}"]
        command = [*trace, sys.executable, "-m", "cogview_cli", *line, "--jobs", "1"]
        subprocess.run(command, env=environment, check=True, capture_output=True)
        return len(re.findall(r"\bf(?:data)?sync\(", Path(f"trace-{count}").read_text()))

    syncs(1)  # makes the ledger
    most = SYNCS_AN_IMAGE + COMMITS_AN_IMAGE * SYNCS_A_COMMIT
    assert 0 < syncs(5) - syncs(2) <= 3 * most


# Memory and open files.


def _peak(place: world.World, load: Load, count: int) -> float:
    """MiB that a batch of so many pictures takes at most."""
    with world.server(load) as running:
        folder = place.folder / f"out-{count}-{load.picture_bytes}"
        line = batches.cogview(running.base_url, place.prompts(count), folder, load.slots)
        cost = place.run(line)
        assert running.books().fetched == count
    return cost.peak


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="no peak of memory to ask for")
def test_memory_does_not_grow_with_the_prompts(tmp_path: Path) -> None:
    """Kept pictures would show: 200 of them are 20 MB."""
    place, load = world.World(tmp_path), Load(slots=10, picture_bytes=100_000)
    assert _peak(place, load, 240) - _peak(place, load, 40) <= GROWTH_MIB


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="no peak of memory to ask for")
def test_few_pictures_are_in_memory_at_once(tmp_path: Path) -> None:
    """Twenty that come at once are written as they come; one a CPU is decoded."""
    place = world.World(tmp_path)
    small, large = (Load(slots=20, picture_bytes=size) for size in (2000, 1_500_000))
    assert _peak(place, large, 60) - _peak(place, small, 60) <= PICTURES_MIB


def test_many_slots_raise_the_limit_of_open_files(tmp_path: Path) -> None:
    """Often 1024 or 256: too few for a hundred locks, requests, downloads and their files."""
    pytest.importorskip("resource")
    command = [sys.executable, "-c", _LIMIT, str(tmp_path / "slots")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    soft, hard = map(int, done.stdout.split())
    assert soft == (500 if hard < 0 else min(500, hard))


# The benchmarks themselves.


@pytest.mark.parametrize(
    ("latencies", "slots", "seconds"),
    [([], 2, 0.0), ([1, 1, 1], 1, 3.0), ([3, 1, 1, 1], 2, 3.0), ([1, 1, 3], 2, 4.0)],
)
def test_the_best_schedule_starts_each_as_soon_as_a_slot_is_free(
    latencies: list[float], slots: int, seconds: float
) -> None:
    assert schedule.greedy(latencies, slots) == seconds


def test_who_beats_us_is_bold_and_a_missed_goal_is_said() -> None:
    figure = figures.Figure(what="w", ours=2.0, goal=1.5, others={"a": 1.0, "b": 2.0, "c": 3.0})
    assert figures.line([figure]) == "| w | 2.00 (missed) | ≤ 1.50 | **a 1.00**, b 2.00, c 3.00 |"
    more = figures.Figure(what="w", ours=0.9, goal=0.9, others={"a": 0.95, "b": 0.5}, more=True)
    assert figures.line([more]) == "| w | 0.90 | ≥ 0.90 | **a 0.95**, b 0.50 |"


def test_of_several_runs_each_is_shown_and_one_that_misses_is_said() -> None:
    runs = [
        figures.Figure(what="w", ours=ours, goal=goal, others={"a": other})
        for ours, goal, other in ((1.0, 2.0, 1.1), (3.0, 4.0, 5.0), (2.0, 1.9, 0.5))
    ]
    assert (
        figures.line(runs) == "| w | 1.00, 3.00, 2.00 (missed) | ≤ 2.00, 4.00, 1.90 | **a 1.10** |"
    )
    assert figures.line(runs[:2]) == "| w | 1.00, 3.00 | ≤ 2.00, 4.00 | a 3.05 |"


def test_the_table_replaces_what_is_between_its_markers(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text("a\n<!-- bench -->\nold\n<!-- /bench -->\nb\n", "utf-8")
    readme.write(readme.table([[figures.Figure(what="w", ours=1.0)]], [], sizes.QUICK), path)
    text = path.read_text("utf-8")
    assert text.startswith("a\n<!-- bench -->\n20")
    assert text.endswith("| w | 1.00 |  |  |\n<!-- /bench -->\nb\n")
    assert "\nold\n" not in text


def test_a_readme_without_markers_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text("a", "utf-8")
    with pytest.raises(ValueError, match="bench"):
        readme.write("x", path)
    assert path.read_text("utf-8") == "a"


def test_the_servers_picture_is_a_whole_one_of_about_the_wanted_size(tmp_path: Path) -> None:
    from cogview_cli.pictures.verify import check

    path = tmp_path / "x.png"
    path.write_bytes(picture(100_000))
    assert check(path).format == "png"
    assert 80_000 < path.stat().st_size < 150_000


def test_a_longer_ledger_has_the_rows_asked_for(tmp_path: Path) -> None:
    _ledger_of(tmp_path, 77)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as db:
        assert db.execute("SELECT count(*), count(DISTINCT key) FROM requests").fetchone() == (
            79,
            79,
        )
