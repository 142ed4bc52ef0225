"""B1–B10: money that buys nothing stops, with one reason and the exit code of what was lost."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from cogview_cli.sandbox.thread import SandboxThread
from tests.conftest import Ended, Run
from tests.faults.case import check_streams
from tests.faults.world import (
    COMMAND,
    KEY,
    SMALL,
    images,
    said,
    small_disk,
    started,
    states,
    until,
)

pytestmark = pytest.mark.faults

WANTED = 120
# Five in slots and as many on their way to the disk at tier V0; ten beyond those.
MOST = 20


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cogview_cli.engine.gate.PROBE_PAUSE", 0.01)


def prompts(fault: str, count: int = WANTED) -> None:
    mark = f" sandbox:{fault}" if fault else ""
    Path("p.txt").write_text("".join(f"cat {n}{mark}\n" for n in range(count)))


def batch(cogview: Run, *more: str) -> Ended:
    ended = cogview("batch", "p.txt", *SMALL, "-o", "out", "--json", *more)
    check_streams(ended)
    return ended


def summary(ended: Ended) -> dict[str, int]:
    found: dict[str, int] = json.loads(ended.out.splitlines()[-1])
    return found


@pytest.mark.usefixtures("both_transports")
@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        ("403-download", 6, "pictures are paid and cannot be saved"),
        ("html-download", 6, "pictures are paid and cannot be saved"),
        ("private-url", 6, "pictures are paid and cannot be saved"),
        ("bomb-download", 6, "pictures are paid and cannot be saved"),
        ("lost-answer", 5, "requests may be paid and bring no picture"),
        ("reset", 5, "requests may be paid and bring no picture"),
        ("html-200", 5, "requests may be paid and bring no picture"),
        ("cut-early", 5, "requests may be paid and bring no picture"),
        ("no-data", 5, "requests may be paid and bring no picture"),
        ("html-502-charged", 5, "requests may be paid and bring no picture"),
    ],
)
def test_b1_what_brings_no_picture_ends_the_run(
    cogview: Run, sandbox: SandboxThread, fault: str, code: int, words: str
) -> None:
    prompts(fault)
    ended = batch(cogview)
    told = summary(ended)
    assert (ended.code, told["exit_code"]) == (code, code), ended
    assert sandbox.books.posts.total() <= MOST
    assert told["not_sent"] == WANTED - sandbox.books.posts.total()
    assert ended.err.count(f"error: not sent: {words}") == 1, ended
    posts = sandbox.books.posts.total()
    cogview("recover")
    assert sandbox.books.posts.total() == posts


@pytest.mark.parametrize("fault", ["403-download", "lost-answer"])
def test_b2_gen_stops_as_well(cogview: Run, sandbox: SandboxThread, fault: str) -> None:
    ended = cogview("gen", f"cat sandbox:{fault}", *SMALL, "-n", "60")
    assert ended.code in (5, 6), ended
    assert sandbox.books.posts.total() <= MOST
    assert ended.err.count("error: not sent:") == 1


@pytest.mark.parametrize("tier", ["V1", "V3"])
def test_b3_the_bound_counts_from_those_in_flight(
    cogview: Run, sandbox: SandboxThread, tier: str
) -> None:
    prompts("lost-answer")
    ended = batch(cogview, "--tier", tier)
    assert ended.code == 5
    assert sandbox.books.posts.total() <= {"V1": 10, "V3": 20}[tier] * 2 + 10


@pytest.mark.parametrize("fault", ["403-download", "lost-answer", "html-200", "1301", "no-data"])
def test_b4_a_mixed_run_goes_on(cogview: Run, sandbox: SandboxThread, fault: str) -> None:
    """Every third picture fails."""
    lines = (f"cat {n}{f' sandbox:{fault}' if n % 3 == 0 else ''}\n" for n in range(30))
    Path("p.txt").write_text("".join(lines))
    ended = batch(cogview)
    assert sandbox.books.posts.total() == 30
    assert (summary(ended)["saved"], summary(ended)["not_sent"]) == (20, 0)


@pytest.mark.parametrize("fault", ["1301", "filtered"])
def test_b5_refusals_are_no_reason_to_stop(
    cogview: Run, sandbox: SandboxThread, fault: str
) -> None:
    prompts(fault, 30)
    assert batch(cogview).code == 3
    assert sandbox.books.posts.total() == 30


def test_b6_trouble_that_passes_is_waited_for(cogview: Run, sandbox: SandboxThread) -> None:
    """All that are in flight at once lose their answers; the next one finds it well again."""
    prompts("", 40)
    sandbox.script(None, ["lost-answer"] * 6 + ["ok"] * 34)
    ended = batch(cogview)
    assert ended.code == 5
    assert (summary(ended)["saved"], summary(ended)["unknown"]) == (34, 6), ended
    assert "sending waits for one" in ended.err


def test_b7_earlier_pictures_that_cannot_be_fetched_do_not_count(
    cogview: Run, sandbox: SandboxThread
) -> None:
    """They are no sends: what is new is sent all the same."""
    prompts("403-download", 4)
    batch(cogview)
    prompts("403-download", 4)
    with Path("p.txt").open("a") as file:
        file.writelines(f"dog {n}\n" for n in range(12))
    ended = batch(cogview)
    assert (ended.code, summary(ended)["saved"], summary(ended)["not_sent"]) == (6, 12, 0)
    assert sandbox.books.posts.total() == 16


# Runs the batch, fills the disk when eleven pictures are there.
FILL = """\
"$@" & batch=$!
until [ "$(ls '{folder}' 2>/dev/null | grep -c 'png$')" -ge 11 ]; do sleep 0.01; done
cat /dev/zero > '{folder}/fill' 2>/dev/null
wait $batch; echo code $?
rm '{folder}/fill'
{python} -m cogview_cli recover; echo recovered $?
ls '{folder}' | grep -c 'png$'"""


@pytest.mark.skipif(os.name == "nt", reason="disks as POSIX knows them")
def test_b8_a_disk_full_at_eleven_of_120_stops_at_once() -> None:
    prompts("")
    folder = Path("out").absolute()
    folder.mkdir(mode=0o700)
    script = FILL.format(folder=folder, python=sys.executable)
    with SandboxThread(latency=(0.05, 0.1), download_latency=(0.05, 0.1)) as box:
        keys = {"COGVIEW_BASE_URL": box.base_url, "COGVIEW_API_KEY": KEY}
        command = (*COMMAND, "batch", "p.txt", *SMALL, "-o", "out")
        with (
            Path("shown.txt").open("wb") as shown,
            started(
                *small_disk("size=24m", folder, script), *command, stdout=shown.fileno(), **keys
            ) as process,
        ):
            process.wait(90)
        posts = box.books.posts.total()
        assert box.books.charges.total() == posts <= 11 + MOST, (posts, said())
    out = Path("shown.txt").read_text()
    assert "code 6\n" in out and f"recovered 0\n{posts}\n" in out, (out, said())
    # What met the full disk first ends the run: a picture, or the mark of the next request.
    reason = re.compile("^error: (?:not sent|nothing can be noted).*No space left.*$", re.MULTILINE)
    reasons = reason.findall(said())
    assert len(reasons) == 1 and "'None'" not in reasons[0], said()


@pytest.mark.skipif(os.name == "nt", reason="an open folder cannot be removed there")
def test_b9_a_folder_that_is_gone_stops_at_once() -> None:
    prompts("")
    with SandboxThread(latency=(0.05, 0.1), download_latency=(0.05, 0.1)) as box:
        keys = {"COGVIEW_BASE_URL": box.base_url, "COGVIEW_API_KEY": KEY}
        command = (*COMMAND, "batch", "p.txt", *SMALL, "-o", "out")
        with started(*command, **keys) as process:
            until(lambda: len(images()) >= 11)
            Path("out").rename("gone")
            assert process.wait(60) == 6, said()
        posts = box.books.posts.total()
        assert posts <= 11 + 2 * MOST
        # Whatever noticed first: a picture without a folder, or the mark of the next request.
        reasons = ("error: not sent: ", "error: nothing can be noted beside the pictures")
        assert sum(said().count(reason) for reason in reasons) == 1, said()
        assert not Path("out").exists()
        shutil.rmtree("gone")
    # An intent whose mark found no folder any more was taken back.
    assert {"saved", "answer"} <= {*states()} <= {"saved", "answer", "not_sent"}


def test_b10_sidecars_that_cannot_be_written(
    cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(image: Path, content: object) -> Path:
        raise PermissionError(13, "Permission denied", f"{image}.json")

    monkeypatch.setattr("cogview_cli.pictures.sidecar.write", refused)
    prompts("")
    ended = batch(cogview)
    assert ended.code == 6 and sandbox.books.posts.total() <= MOST, ended
