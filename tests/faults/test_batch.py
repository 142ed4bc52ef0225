"""The cases of the catalogue that need many rows, two runs, or a prompt file."""

from __future__ import annotations

import json
import random
import shutil
import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from cogview_cli.ledger import Claimed, Ledger
from cogview_cli.sandbox.thread import SandboxThread
from tests.conftest import Ended, Run
from tests.faults.case import check_streams
from tests.faults.world import (
    KEY,
    SMALL,
    images,
    run,
    running,
    state_folder,
    states,
    until,
)
from tests.test_ledger import intent

pytestmark = pytest.mark.faults


def many(count: int, *extra: str) -> list[str]:
    return [*(f"第{number}张图" for number in range(count)), *extra]


def write(*prompts: str) -> None:
    Path("p.txt").write_text("".join(f"{prompt}\n" for prompt in prompts), "utf-8")


def batch(cogview: Run, *more: str, source: str = "p.txt") -> Ended:
    ended = cogview("batch", source, *SMALL, "-o", "out", *more)
    check_streams(ended)
    return ended


@pytest.fixture
def keys(sandbox: SandboxThread) -> dict[str, str]:
    """The environment of a process that uses the sandbox."""
    return {"COGVIEW_BASE_URL": sandbox.base_url, "COGVIEW_API_KEY": KEY}


# --- S: answers that concern more than one request ---------------------------


@pytest.mark.parametrize(
    ("fault", "code"),
    [("1113", 4), ("1304", 7), ("1308", 7), ("1310", 7)],
    ids=["S3 no balance", "S6 1304", "S6 1308", "S6 1310 weekly cap"],
)
def test_what_ends_the_run(fault: str, code: int, cogview: Run, sandbox: SandboxThread) -> None:
    """What is in flight is kept, nothing new is sent, nothing is repeated."""
    prompts = many(50)
    prompts[20] += f" sandbox:{fault}"
    write(*prompts)
    ended = batch(cogview)
    assert ended.code == code, ended
    assert 20 <= sandbox.books.charges.total() == len(images()) <= 30
    assert sandbox.books.posts.total() <= 30 and set(sandbox.books.posts.values()) == {1}
    assert "not sent" in ended.err


@pytest.mark.parametrize("fault", ["1301", "1210"], ids=["S8 policy", "S9 bad request"])
def test_a_refused_row_costs_only_itself(fault: str, cogview: Run, sandbox: SandboxThread) -> None:
    write("一", "二", f"三 sandbox:{fault}", "四", "五")
    ended = batch(cogview)
    assert ended.code == 3, ended
    assert len(images()) == sandbox.books.charges.total() == 4
    assert sandbox.books.posts[f"三 sandbox:{fault}"] == 1
    assert "p.txt:3" in ended.err


# --- N11: the network goes away in the middle ---------------------------------


def nobody() -> str:
    """A base URL on a port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/v4"


def test_n11_the_network_goes_away(cogview: Run, sandbox: SandboxThread) -> None:
    """What was in flight is unknown, the rest never left this machine."""
    prompts = many(100)
    prompts[40] += " sandbox:reset"
    write(*prompts)
    assert batch(cogview, "--fail-fast").code == 5
    sent = sandbox.books.posts.total()
    assert states().count("unknown") == 1 and 41 <= sent <= 50
    ended = batch(cogview, "--retries", "0", "--base-url", nobody())
    assert ended.code == 5, ended
    assert len(images()) == states().count("saved") == sent - 1
    assert 0 < states().count("not_sent") <= 30  # the allowance, not sixty tries


def test_n11_a_dead_network_is_given_up(cogview: Run) -> None:
    write(*many(200))
    ended = batch(cogview, "--retries", "0", "--base-url", nobody(), "--yes")
    assert ended.code == 75, ended
    assert 0 < states().count("not_sent") <= 30
    assert "too many requests failed" in ended.err


# --- P7, P8: kills and signals -------------------------------------------------


def reached(box: SandboxThread, goal: int, process: subprocess.Popen[bytes]) -> bool:
    return box.books.posts.total() >= goal or process.poll() is not None


def kill_a_batch(rounds: int, seed: int, rows: int) -> None:
    """Each row is POSTed at most once, and images + unknowns are what was charged."""
    print(f"seed {seed}")
    dice = random.Random(seed)
    write(*many(rows))
    with SandboxThread(latency=(0.02, 0.08)) as box:
        keys = {"COGVIEW_BASE_URL": box.base_url, "COGVIEW_API_KEY": KEY}
        line = ("batch", "p.txt", *SMALL, "-o", "out", "--quiet")
        for _ in range(rounds):
            before, goal = states().count("unknown"), box.books.posts.total() + dice.randint(0, 9)
            with running(*line, **keys) as process:
                until(partial(reached, box, goal, process))
                process.kill()
                process.wait()
            with Ledger(state_folder()) as ledger:
                ledger.settle_dead_runs()
            assert states().count("unknown") - before <= 5
        ended = run(*line, **keys)
        lost = states().count("unknown")
        assert ended.code == (5 if lost else 0), ended
        assert len(images()) + lost == rows
        assert set(box.books.posts.values()) == {1}
        assert len(images()) <= box.books.charges.total() <= rows
        assert not list(Path("out").rglob(".cogview-*"))


def test_p7_a_batch_killed_at_random_moments(sandbox: SandboxThread) -> None:
    kill_a_batch(rounds=6, seed=random.randrange(10**6), rows=40)


@pytest.mark.torture
def test_p7_a_batch_killed_at_many_random_moments() -> None:
    for _ in range(10):
        shutil.rmtree("out", ignore_errors=True)
        shutil.rmtree(state_folder(), ignore_errors=True)
        kill_a_batch(rounds=20, seed=random.randrange(10**6), rows=150)


# --- C: several processes ------------------------------------------------------


def test_c1_the_same_batch_twice_at_once() -> None:
    """One does it, the other leaves with 75; with --wait it finds it done."""
    write(*many(12))
    with SandboxThread(latency=(0.2, 0.2)) as box:
        keys = {"COGVIEW_BASE_URL": box.base_url, "COGVIEW_API_KEY": KEY}
        line = ("batch", "p.txt", *SMALL, "-o", "out")
        with running(*line, **keys) as first:
            until(lambda: box.books.in_flight)
            first.send_signal(signal.SIGSTOP)
            second = run(*line, **keys)
            first.send_signal(signal.SIGCONT)
            assert second.code == 75 and "--wait" in second.err, second
            third = run(*line, "--wait", **keys)
            assert third.code == first.wait() == 0, third
        assert box.books.posts.total() == len(images()) == 12


def test_c2_three_batches_stay_within_the_tier_and_keep_it_busy() -> None:
    for number in range(3):
        Path(f"p{number}.txt").write_text("".join(f"{number} {p}\n" for p in many(12)), "utf-8")
    with SandboxThread(latency=(0.15, 0.2)) as box, ExitStack() as stack:
        keys = {"COGVIEW_BASE_URL": box.base_url, "COGVIEW_API_KEY": KEY}
        batches = [
            stack.enter_context(
                running("batch", f"p{n}.txt", *SMALL, "-o", f"out{n}", "--quiet", **keys)
            )
            for n in range(3)
        ]
        assert [process.wait() for process in batches] == [0, 0, 0]
        assert box.books.max_in_flight == 5
        assert box.books.posts.total() == box.books.charges.total() == len(images()) == 36


def test_c3_the_slots_of_a_killed_one_are_free_at_once() -> None:
    """What the server still counts of it is waited for."""
    write(*many(30))
    Path("q.txt").write_text("一\n二\n", "utf-8")
    with SandboxThread(latency=(1.0, 1.0)) as box:
        keys = {"COGVIEW_BASE_URL": box.base_url, "COGVIEW_API_KEY": KEY}
        with running("batch", "p.txt", *SMALL, "-o", "out", **keys) as hog:
            until(lambda: box.books.in_flight == 5)
            hog.kill()
            hog.wait()
        ended = run("batch", "q.txt", *SMALL, "-o", "q", "--max-wait", "20", **keys)
        assert ended.code == 0, ended
        assert box.books.max_in_flight == 5


def test_c5_one_item_claimed_by_eight_at_once(tmp_path: Path) -> None:
    """One may send it, the others learn that it is taken."""
    ledgers = [Ledger(tmp_path / "claims") for _ in range(8)]

    def claim(ledger: Ledger) -> bool:
        try:
            ledger.intend(intent("same"))
        except Claimed:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(claim, ledgers)) == 1
    for ledger in ledgers:
        ledger.close()


def test_c9_a_line_inserted_at_the_top(cogview: Run, sandbox: SandboxThread) -> None:
    write(*many(5))
    batch(cogview)
    write("新的一行", *many(5))
    ended = batch(cogview)
    assert ended.code == 0, ended
    assert sandbox.books.posts.total() == len(images()) == 6


def test_c10_two_identical_lines_are_two_images(cogview: Run, sandbox: SandboxThread) -> None:
    write("一只猫", "一只猫")
    for _ in range(2):
        assert batch(cogview).code == 0
    assert sandbox.books.posts["一只猫"] == len(images()) == 2


# --- D18: the ledger is gone ---------------------------------------------------


def test_d18_without_the_ledger_the_sidecars_say_what_is_done(
    cogview: Run, sandbox: SandboxThread
) -> None:
    write(*many(4))
    batch(cogview)
    shutil.rmtree(state_folder())
    ended = batch(cogview)
    assert ended.code == 0 and len(ended.out.splitlines()) == 4, ended
    assert sandbox.books.posts.total() == 4


# --- I: prompt files -----------------------------------------------------------

GOOD = {
    "I3 BOM and CRLF": (b"\xef\xbb\xbfcat\r\ndog\r\n", 2),
    "I3 UTF-16": ("cat\ndog".encode("utf-16"), 2),
    "I3 no final newline": (b"cat\ndog", 2),
    "I4 U+2028, U+0085 and VT inside a line": ("a\u2028b\u0085c\x0bd\n".encode(), 1),
}
BAD = {
    "I3 NUL": ("p.txt", b"cat\nd\0g\n", "p.txt:2"),
    "I3 a line of 3 MB": ("p.txt", b"cat\n" + b"x" * 3_000_000 + b"\n", "p.txt:2"),
    "I5 line 37 of 100": (
        "p.jsonl",
        b"".join(
            b'{"prompt": "p%d"}\n' % n if n != 37 else b'{"prompt": \n' for n in range(1, 101)
        ),
        "p.jsonl:37",
    ),
    "I6 NaN": ("p.jsonl", b'{"prompt": "a"}\n{"prompt": "b", "n": NaN}\n', "p.jsonl:2"),
    "I6 a key twice": (
        "p.jsonl",
        b'{"prompt": "a", "prompt": "b"}\n{"prompt": "c"}\n',
        "p.jsonl:1",
    ),
    "I6 an array": ("p.jsonl", b'{"prompt": "a"}\n["b"]\n', "p.jsonl:2"),
    "I6 a mistyped field": ("p.jsonl", b'{"prompt": "a", "n": "four"}\n', "p.jsonl:1"),
    "I7 a quote that never ends": ("p.csv", b'prompt,n\ncat,1\n"dog,2\nfish,3\n', "p.csv:3"),
    "I10 a size that is none": ("p.jsonl", b'{"prompt": "a", "size": "10e9x1"}\n', "p.jsonl:1"),
}


@pytest.mark.parametrize(("data", "count"), GOOD.values(), ids=GOOD)
def test_a_file_is_read_as_it_comes(
    data: bytes, count: int, cogview: Run, sandbox: SandboxThread
) -> None:
    Path("p.txt").write_bytes(data)
    ended = batch(cogview)
    assert ended.code == 0, ended
    assert sandbox.books.posts.total() == len(images()) == count


@pytest.mark.parametrize(("name", "data", "place"), BAD.values(), ids=BAD)
def test_a_bad_row_is_named_before_anything_is_sent(
    name: str, data: bytes, place: str, cogview: Run, sandbox: SandboxThread
) -> None:
    Path(name).write_bytes(data)
    ended = cogview("batch", name, "-o", "out")
    assert ended.code == 2 and f"error: {place}: " in ended.err, ended
    assert not sandbox.books.posts and not Path("out").exists()


def test_i8_a_cell_of_the_report_is_no_formula(cogview: Run) -> None:
    write("=1+1", "+猫", "-猫", "@SUM(A1)")
    assert batch(cogview, "--report", "r.csv").code == 0
    report = Path("r.csv").read_text("utf-8-sig")
    for prompt in ("=1+1", "+猫", "-猫", "@SUM(A1)"):
        assert f",'{prompt}," in report


def test_i11_five_thousand_rows_need_a_word(cogview: Run, sandbox: SandboxThread) -> None:
    write(*many(5000))
    ended = batch(cogview)
    assert ended.code == 2 and "300.00 CNY" in ended.err and "--yes" in ended.err, ended
    assert not sandbox.books.posts


def test_i12_max_cost_is_never_crossed(cogview: Run, sandbox: SandboxThread) -> None:
    write(*many(3))
    ended = batch(cogview, "--max-cost", "0.10")
    assert ended.code == 7, ended
    assert sandbox.books.posts.total() == len(images()) == 1


HOSTILE_NAMES = (
    "../x",
    "/etc/x",
    "a\0b",
    "猫" * 90,
    "CON",
    "x.",
    "-rf",
    "a\nb\x1b[2J",
    "~root",
    "..",
)


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=lambda name: f"I13 {name[:8]!r}")
def test_a_column_in_a_name_stays_in_the_folder(name: str, cogview: Run) -> None:
    rows = [{"prompt": "cat", "sku": name}]
    Path("p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    ended = batch(cogview, "--name", "{sku}", source="p.jsonl")
    if "\0" in name:
        assert ended.code in (0, 2), ended
        return
    assert ended.code == 0, ended
    (path,) = images()
    assert path.parent == Path("out").absolute()
    assert not path.name.startswith(("-", ".", "~")) and "\n" not in path.name
