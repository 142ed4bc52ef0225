"""A run killed before any step on the disk: the same command again finishes what was begun."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cogview_cli.disk.atomic import clear_left
from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.support import posts
from tests.batch.test_grid import pixels, tiles
from tests.conftest import Run
from tests.faults.world import history, states
from tests.processes import PATIENCE_S, environment
from tests.takes import standin
from tests.takes.conftest import Batch
from tests.takes.test_takes import RIGHT, agrees_with_ledger, on_disk, takes

ROOT = Path(__file__).parents[2]
PROMPT = f"{RIGHT} sandbox:text-wrongx2"
BATCH = (
    "batch", "p.txt", "-s", "512x512", "-o", "out", "--name", "{index}", "--retake", "2",
    "--on-unknown", "retry",
)  # fmt: skip
# Where the best take and the first one change places.
PLACES = (
    "link takes/1-take1.png",
    "link takes/1-take1.png:1",
    "rename takes/1-take1.png.json:1",
    "rename out/1.png",
    "rename out/1.png:1",
    "remove takes/1-take3.png.json:1",
    "remove takes/1-take3.png.json:2",
)
# A run has some 170; the first ones open the ledger.
EVERY = range(5, 200)


def killed(box: SandboxThread, table: Path, step: str, *arguments: str) -> int:
    """The exit code of a run that dies at `step`."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.takes.killed", step, "--", *arguments],
        env=environment(box, PYTHONPATH=str(ROOT), **{standin.TABLE: str(table)}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done.returncode


def written(table: Path) -> None:
    standin.write_table(table, [PROMPT])
    Path("p.txt").write_text(f"{PROMPT}\n", "utf-8")


def tree(folder: str = "out") -> dict[str, tuple[int, bytes]]:
    """Every file below `folder`; one that is written again differs."""
    files = (path for path in Path(folder).rglob("*") if path.is_file())
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def finish(box: SandboxThread, cogview: Run) -> None:
    """The same command again: all is as if nobody had been killed, then nothing is left to do."""
    assert cogview(*BATCH).code == 0
    assert takes()["1.png"][1] is True
    agrees_with_ledger()
    before, asked = tree(), posts(box)
    assert cogview(*BATCH).code == 0
    assert (tree(), posts(box)) == (before, asked)


@pytest.mark.parametrize("step", PLACES)
def test_killed_while_takes_change_places(
    step: str, table: Path, sandbox: SandboxThread, cogview: Run
) -> None:
    written(table)
    assert killed(sandbox, table, step, *BATCH) == -signal.SIGKILL
    finish(sandbox, cogview)
    assert posts(sandbox) == 3
    assert takes() == {
        "1.png": (3, True), "takes/1-take1.png": (1, False), "takes/1-take2.png": (2, False),
    }  # fmt: skip


@pytest.mark.torture
@pytest.mark.parametrize("number", EVERY)
def test_killed_at_every_step(
    number: int, table: Path, sandbox: SandboxThread, cogview: Run
) -> None:
    """Nothing is paid that is not on the disk, but where the answer was under way."""
    written(table)
    if killed(sandbox, table, str(number), *BATCH) != -signal.SIGKILL:
        pytest.skip("a run has no more steps")
    finish(sandbox, cogview)
    lost = [entry for entry in history() if entry.state == "unknown"]
    assert len(lost) <= 1
    saved = states().count("saved")
    assert saved == len(takes())
    assert saved <= posts(sandbox) <= saved + len(lost)
    assert posts(sandbox) <= 3 + sum(entry.take == 1 for entry in lost)


def test_killed_before_the_grid_of_the_new_takes_is_there(
    table: Path, plain_batch: Batch, sandbox: SandboxThread, cogview: Run
) -> None:
    prompt = f"{RIGHT} sandbox:text-wrongx2"
    standin.write_table(table, [prompt])
    grid = ("--grid", "2x1")
    assert plain_batch([prompt], *grid).code == 0
    before = Path("out/grid/1.png").read_bytes()
    assert killed(sandbox, table, "rename grid/1.png", *BATCH, *grid) == -signal.SIGKILL
    assert Path("out/grid/1.png").read_bytes() == before
    assert cogview(*BATCH, *grid).code == 0
    assert [file.name for file in Path("out/grid").iterdir()] == ["1.png"]
    assert tiles("out/grid/1.png", 2) == [pixels("out/1-1.png"), pixels("out/1-2.png")]
    made = tree()
    assert cogview(*BATCH, *grid).code == 0
    assert tree() == made


# check-text


@pytest.mark.parametrize(
    ("step", "noted"),
    [
        ("open .unfinished:1", 0),
        ("rename 1.png.json", 0),
        ("rename 2.png.json", 1),
        ("rename 2.png.json:1", 2),
    ],
)
def test_check_text_killed_while_it_notes_what_it_has_read(
    step: str, noted: int, table: Path, gen: Batch, sandbox: SandboxThread, cogview: Run
) -> None:
    """What was noted is not read again, and nothing is left of what was not."""
    for number in (1, 2, 3):
        gen(RIGHT, "-o", f"out/{number}.png")
    assert killed(sandbox, table, step, "check-text", "out") == -signal.SIGKILL
    before = {name: file for name, file in tree().items() if b'"found"' in file[1]}
    before = {name: file for name, file in before.items() if name.endswith(".png.json")}
    assert len(before) == noted
    ended = cogview("check-text", "out")
    assert (ended.code, "text right on 3" in ended.err) == (0, True)
    assert {name: tree()[name] for name in before} == before
    on_disk()


def test_a_check_leaves_the_file_alone_that_another_one_writes(
    table: Path, gen: Batch, cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    gen(RIGHT, "-o", "out/1.png")
    replace, cleared = os.replace, list[Path]()

    def late(source: Path, target: Path) -> None:
        clear_left(Path("out"))
        cleared.append(Path(source))
        replace(source, target)

    monkeypatch.setattr(os, "replace", late)
    ended = cogview("check-text", "out")
    assert (ended.code, len(cleared), "cannot write" in ended.err) == (0, 1, False)
    assert takes() == {"1.png": (1, True)}
