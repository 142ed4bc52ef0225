"""The disk is full at one step of the queue: the next run goes on, nothing is paid twice."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest

from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.support import pictures, prompts
from tests.conftest import Ended
from tests.faults.world import ran, small_disk
from tests.processes import COMMAND
from tests.queue.killed import STEPS

pytestmark = pytest.mark.skipif(os.name == "nt", reason="disks as POSIX knows them")
ROOT = Path(__file__).parents[2]
BATCH = ("batch", "p.txt", "-s", "512x512", "--queue", "--wait", "--poll", "0.1", "--quiet")
MACHINE, UNSAVED, LATER = 9, 6, 75
# Runs until the disk is full, then makes room and runs again, at most three times.
SCRIPT = """\
"$@"; first=$?
rm {folder}/fill || exit 1
for _ in 1 2 3; do {again}; last=$?; [ $last = 75 ] || break; done
find {folder} -name '*.png' -o -name '*.jpg' | wc -l >pictures
find {folder} -name '*.jsonl' -o -name '*.results' -o -name '.cogview*' >left
echo $first $last"""


def full_at(step: str, box: SandboxThread, folder: Path) -> tuple[int, int, Ended]:
    """The exit codes of a run whose disk fills up at `step`, and of the last one after it."""
    folder.mkdir()
    batch = (*BATCH, "-o", str(folder / "out"))
    again = shlex.join([*COMMAND, *batch])
    script = SCRIPT.format(folder=shlex.quote(str(folder)), again=again)
    command = (sys.executable, "-m", "tests.queue.filled", step, str(folder), "--", *batch)
    ended = ran(
        *small_disk("size=12m", folder, script), *command,
        PYTHONPATH=str(ROOT), COGVIEW_BASE_URL=box.base_url, COGVIEW_API_KEY="test-key.canary",
        COGVIEW_STATE_DIR=str(folder / "state"),
    )  # fmt: skip
    assert ended.code == 0, ended
    first, last = map(int, ended.out.split()[-2:])
    return first, last, ended


# Steps before which each kind of record is written; the others are tried in the long form.
OFTEN = (
    "begin:before:1", "intend:after:1", "upload:after:1", "create:after:1", "content:after:1",
    "settle:before:1", "settle_rest:before:1", "saved:before:1", "saved:after:2",
    "delete:before:1",
)  # fmt: skip
EACH = [pytest.param(step, marks=() if step in OFTEN else pytest.mark.torture) for step in STEPS]


@pytest.mark.parametrize("step", EACH)
def test_full_at_a_step(step: str, sandbox: SandboxThread, tmp_path: Path) -> None:
    prompts("cat", "dog", "cow")
    first, last, ended = full_at(step, sandbox, tmp_path / "disk")
    assert first in (MACHINE, UNSAVED, LATER), ended
    assert "Traceback" not in ended.err, ended
    assert last == 0, ended
    assert sorted(sandbox.books.charges.values()) == [1, 1, 1]
    assert sandbox.books.queue.creates == 1
    assert Path("pictures").read_text().strip() == "3"
    assert Path("left").read_text() == ""


# The folder of the files on their way is a disk of its own; after the first run it is larger.
SPOOL_SCRIPT = """\
"$@"; first=$?
ls {folder} >left
umount {folder}
for _ in 1 2 3; do {again}; last=$?; [ $last = 75 ] || break; done
echo codes $first $last"""


@pytest.mark.parametrize(
    ("room", "kind"),
    [("8k", "jsonl"), ("28k", "results")],
    ids=["no room for requests", "nor for results"],
)
def test_no_room_for_files_on_their_way(
    room: str, kind: str, sandbox: SandboxThread, tmp_path: Path
) -> None:
    prompts(*(f"picture {n}" for n in range(100)))
    folder = tmp_path / "state" / "queue"
    folder.mkdir(parents=True, mode=0o700)
    batch = (*COMMAND, *BATCH, "-o", "out", "--yes")
    script = SPOOL_SCRIPT.format(folder=shlex.quote(str(folder)), again=shlex.join(batch))
    ended = ran(
        *small_disk(f"size={room}", folder, script), *batch, COGVIEW_BASE_URL=sandbox.base_url,
        COGVIEW_API_KEY="test-key.canary", COGVIEW_STATE_DIR=str(folder.parent),
    )  # fmt: skip
    assert "codes 9 0" in ended.out, ended
    assert (
        f".{kind}': No space left on device" in ended.err and "hint: free some space" in ended.err
    )
    assert Path("left").read_text() == ""
    assert len(pictures()) == 100
    assert set(sandbox.books.charges.values()) == {1}
    assert sandbox.books.queue.creates == 1
