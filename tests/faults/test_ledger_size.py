"""W1-W5: many answers, large ones, and numbers that no run can do."""

from __future__ import annotations

import base64
import json
import os
import resource
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from cogview_cli.api.protocol import Answer, Reply, decode
from cogview_cli.ledger import Ledger
from cogview_cli.sandbox.thread import SandboxThread
from tests.conftest import Run
from tests.faults.world import KEY, SMALL, history, images, ran, state_folder
from tests.test_ledger import intent
from tests.test_ledger_versions import old_ledger

pytestmark = pytest.mark.faults
MIB = 2**20
PICTURE = base64.b64encode(os.urandom(MIB)).decode()
RAW = json.dumps({"created": 1, "data": [{"b64_json": PICTURE}], "id": "r-1"}).encode()


def file_size() -> int:
    return (state_folder() / "ledger.db").stat().st_size


HIGH_WATER = """
import re, sys
from cogview_cli.app import main
code = main(sys.argv[1:])
print(code, re.search("VmHWM: *([0-9]+)", open("/proc/self/status").read().replace("\\t", ""))[1])
"""


def peak(*arguments: str) -> tuple[int, float]:
    """Exit code and peak memory in MiB of a process of its own.

    By its own count: that of its parent includes the parent's size at the fork.
    """
    if not Path("/proc/self/status").exists():
        pytest.skip("no peak of memory to ask for")
    ended = ran(sys.executable, "-c", HIGH_WATER, *arguments, COGVIEW_API_KEY=KEY)
    code, kib = ended.out.splitlines()[-1].split()
    return int(code), int(kib) / 1024


def test_w1_a_saved_answer_keeps_everything_but_the_picture(
    cogview: Run, sandbox: SandboxThread
) -> None:
    assert cogview("gen", "cat sandbox:b64", "-n", "3", *SMALL).code == 0
    for entry in history():
        assert entry.answer is not None and len(entry.answer.raw) < 500
        assert isinstance(decode(entry.answer), Reply) and not entry.fetchable
    assert len(images()) == 3


def test_w1_an_answer_that_is_not_on_disk_keeps_its_picture(tmp_path: Path) -> None:
    with Ledger(tmp_path / "s") as ledger:
        id = ledger.intend(intent()).id
        ledger.answer(id, Answer(status=200, headers={}, raw=RAW), 1.0)
        ledger.tidy()
        whole = ledger.get(id).answer
        assert whole is not None and whole.raw == RAW


def test_w1_links_beside_a_picture_stay(tmp_path: Path) -> None:
    raw = RAW.replace(b'"}]', b'","url":"https://h/x.png?Signature=s"}]')
    with Ledger(tmp_path / "s") as ledger:
        id = ledger.intend(intent()).id
        ledger.answer(id, Answer(status=200, headers={}, raw=raw), 1.0)
        ledger.saved(id, [])
        kept = ledger.get(id)
        assert kept.fetchable and kept.answer is not None
        assert b"Signature=s" in kept.answer.raw and len(kept.answer.raw) < 500


def test_w2_the_file_of_many_large_answers_stays_small() -> None:
    with Ledger(state_folder()) as ledger:
        for number in range(60):
            id = ledger.intend(intent(str(number))).id
            ledger.answer(id, Answer(status=200, headers={}, raw=RAW), 1.0)
            ledger.saved(id, [])
    assert file_size() < 5 * MIB


def test_w3_an_old_ledger_of_large_answers_shrinks_and_history_needs_little_memory(
    tmp_path: Path,
) -> None:
    """As 0.3.0 left it: every picture in it."""
    answer = {"status": 200, "headers": "{}", "answer": RAW, "whole": 1, "files": "[]"}
    rows = [(f"{number:03}", "saved", answer) for number in range(100)]
    waiting = [(f"x{number}", "answer", answer) for number in range(20)]
    old_ledger(state_folder(), *rows, *waiting)
    assert file_size() > 120 * MIB
    code, most = peak("history")
    assert code == 0 and most < 90, most
    assert file_size() < 20 * 1.5 * MIB + 5 * MIB
    found = history()
    assert len(found) == 120
    assert [entry.id for entry in found if entry.fetchable] == [id for id, *_ in waiting]


def test_w3_room_that_another_process_keeps_busy_is_given_back_next_time(tmp_path: Path) -> None:
    answer = {"status": 200, "headers": "{}", "answer": RAW, "whole": 1, "files": "[]"}
    old_ledger(state_folder(), *((str(n), "saved", answer) for n in range(20)))
    with Ledger(state_folder()) as ledger:
        ledger.tidy()
    small = file_size()
    assert small < 2 * MIB
    with Ledger(state_folder()) as ledger:
        for number in range(6):
            id = ledger.intend(intent(f"n{number}")).id
            ledger.answer(id, Answer(status=200, headers={}, raw=RAW), 1.0)
        for entry in ledger.history(longest=0)[-6:]:
            ledger.saved(entry.id, [])
        with closing(sqlite3.connect(ledger.path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM requests").fetchone()
            ledger.tidy()
            assert file_size() > 4 * MIB
    assert file_size() < 2 * MIB
    assert len(history()) == 26


def test_w4_a_number_no_run_can_do_is_refused_at_once(
    sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COGVIEW_BASE_URL", sandbox.base_url)
    Path("p.txt").write_text("cat\n")
    for count in (10**7 + 1, 10**9, 10**30):
        for consent in (("--yes",), ("--max-cost", "0.06"), ()):
            code, most = peak("batch", "p.txt", *SMALL, "-n", str(count), *consent)
            assert code == 2 and most < 150, (count, consent, most)
    assert not sandbox.books.posts


@pytest.mark.parametrize("jobs", ["999999", "1001"])
def test_w5_jobs_have_an_upper_bound(jobs: str, cogview: Run, sandbox: SandboxThread) -> None:
    for command in (("gen", "cat"), ("batch", "p.txt")):
        Path("p.txt").write_text("cat\n")
        ended = cogview(*command, *SMALL, "--jobs", jobs)
        assert ended.code == 2 and "1000" in ended.err, ended
    assert not sandbox.books.posts


def test_w5_the_most_jobs_work(cogview: Run, sandbox: SandboxThread) -> None:
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    Path("p.txt").write_text("cat\ndog\n")
    assert cogview("batch", "p.txt", *SMALL, "-o", "out", "--jobs", "1000").code == 0
    assert soft and len(images()) == 2
