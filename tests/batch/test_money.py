"""What a `batch` may spend, who is asked, and what ends it."""

from __future__ import annotations

import os
import socket
import sqlite3
import threading
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.processes import many
from tests.batch.support import Batch, edit_ledger, lines, pictures, posts, prompts, rows, statuses
from tests.conftest import Run
from tests.faults.peers import Scripted, inline

# At most so many are worked on at once at tier V0.
SLOTS = 5


# --- dry run --------------------------------------------------------------------


def test_dry_run_prints_requests_and_price_and_creates_nothing(
    batch: Batch, sandbox: SandboxThread, tmp_path: Path
) -> None:
    prompts("猫", "dog")
    ended = batch("--dry-run", "-n", "2")
    assert ended.code == 0
    request = {"model": "cogview-4-250304", "size": "512x512"}
    assert lines(ended) == [{**request, "prompt": text} for text in ("猫", "猫", "dog", "dog")]
    assert "4 requests, price 0.24 CNY; nothing was sent" in ended.err
    assert "rows: 2" in ended.err
    assert os.listdir() == ["p.txt"]
    assert not (tmp_path / "state").exists()
    assert not posts(sandbox)


def test_dry_run_json_lines(batch: Batch) -> None:
    prompts("猫", "dog")
    *requests, summary = lines(batch("--dry-run", "--json", "--quiet"))
    assert [(line["type"], line["index"], line["n"], line["cost"]) for line in requests] == [
        ("request", 1, 1, "0.06"),
        ("request", 2, 1, "0.06"),
    ]
    assert (summary["cost"], summary["cost_max"], summary["exit_code"]) == ("0", "0.12", 0)


def test_dry_run_needs_no_key(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts("cat")
    monkeypatch.delenv("COGVIEW_API_KEY")
    assert batch("--dry-run").code == 0


def test_dry_run_of_a_partly_done_batch_shows_the_missing(batch: Batch) -> None:
    prompts("cat", "dog sandbox:lost-answer", "owl sandbox:1301")
    assert batch().code == 5
    prompts("cat", "dog sandbox:lost-answer", "owl sandbox:1301", "new", "cat")
    ended = batch("--dry-run")
    assert [line["prompt"] for line in lines(ended)] == ["new", "cat"]
    assert "price 0.12 CNY" in ended.err
    assert len(lines(batch("--dry-run", "--retry-failed", "--on-unknown", "retry"))) == 4


def test_dry_run_knows_what_a_killed_run_may_have_paid(batch: Batch) -> None:
    prompts("cat")
    batch("--no-sidecar")
    edit_ledger("update requests set state = 'intent', run = 'dead', files = null")
    assert lines(batch("--dry-run")) == []


# --- --max-cost -----------------------------------------------------------------


@pytest.mark.parametrize(("limit", "made"), [("0.29", 4), ("0.30", 5), ("0.05", 0), ("0", 0)])
def test_max_cost_is_never_crossed(
    batch: Batch, sandbox: SandboxThread, limit: str, made: int
) -> None:
    prompts(*many(12))
    ended = batch("--max-cost", limit, "--json")
    assert ended.code == 7
    assert posts(sandbox) == made
    assert sandbox.books.cost == Decimal("0.06") * made <= Decimal(limit)
    assert (lines(ended)[-1]["saved"], lines(ended)[-1]["not_sent"]) == (made, 12 - made)


def test_enough_max_cost_is_0(batch: Batch) -> None:
    prompts(*many(3))
    assert batch("--max-cost", "0.18").code == 0


def test_unknown_outcomes_count_against_max_cost(batch: Batch, sandbox: SandboxThread) -> None:
    prompts(*(f"cat {n} sandbox:lost-answer" for n in range(6)))
    assert batch("--max-cost", "0.12").code == 5
    assert posts(sandbox) == 2


def test_refusals_do_not_count_against_max_cost(batch: Batch, sandbox: SandboxThread) -> None:
    prompts(*(f"cat {n} sandbox:1301" for n in range(6)), "dog")
    assert batch("--max-cost", "0.06", "--jobs", "1").code == 3
    assert sandbox.books.charges["dog"] == 1


def test_what_is_there_needs_no_money(batch: Batch) -> None:
    prompts("cat", "dog")
    batch()
    assert batch("--max-cost", "0").code == 0


def test_max_cost_needs_a_known_price(batch: Batch, sandbox: SandboxThread) -> None:
    rows({"prompt": "cat"}, {"prompt": "dog", "model": "cogview-99"})
    ended = batch("--max-cost", "5", source="p.jsonl")
    assert (ended.code, posts(sandbox)) == (2, 0)
    assert "cogview-99" in ended.err


def test_a_rerun_finishes_what_max_cost_left(batch: Batch, sandbox: SandboxThread) -> None:
    prompts(*many(5))
    assert batch("--max-cost", "0.18").code == 7
    assert batch("--max-cost", "0.12").code == 0
    assert posts(sandbox) == len(pictures()) == 5


# --- confirm-above ---------------------------------------------------------------


@pytest.fixture
def dear(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> Batch:
    """Five images, where more than 0.2 CNY needs the user's word."""
    monkeypatch.setenv("COGVIEW_CONFIRM_ABOVE", "0.2")
    prompts(*many(5))
    return batch


def test_much_money_needs_yes_off_a_terminal(dear: Batch, sandbox: SandboxThread) -> None:
    ended = dear()
    assert (ended.code, ended.out, posts(sandbox)) == (2, "", 0)
    for word in ("5 images", "0.30 CNY", "--yes", "--max-cost"):
        assert word in ended.err, ended
    assert not Path("out").exists()


@pytest.mark.parametrize("allowed", [("--yes",), ("-y",), ("--max-cost", "9")])
def test_yes_or_a_limit_allows_it(
    dear: Batch, sandbox: SandboxThread, allowed: tuple[str, ...]
) -> None:
    assert dear(*allowed).code == 0
    assert posts(sandbox) == 5


def test_little_money_needs_nothing(dear: Batch) -> None:
    assert dear("--limit", "3").code == 0


def test_only_what_is_missing_is_asked_about(dear: Batch) -> None:
    assert dear("--limit", "3").code == 0
    assert dear().code == 0


def test_the_sandbox_asks_nobody(dear: Batch) -> None:
    assert dear("--sandbox").code == 0


# --- account and quota -------------------------------------------------------------


@pytest.mark.parametrize(("code", "exit_code"), [("1113", 4), ("1308", 7)])
def test_an_account_error_in_the_middle_stops_the_launch(
    batch: Batch, sandbox: SandboxThread, code: str, exit_code: int
) -> None:
    texts = many(50)
    texts[25] += f" sandbox:{code}"
    prompts(*texts)
    ended = batch("--json")
    summary = lines(ended)[-1]
    assert ended.code == summary["exit_code"] == exit_code
    assert posts(sandbox) <= summary["saved"] + SLOTS
    assert summary["saved"] == sum(sandbox.books.charges.values()) >= 20
    assert summary["saved"] + summary["failed"] + summary["not_sent"] == 50
    assert len(statuses(ended)) == 50


def test_all_slots_meet_the_account_error(batch: Batch, sandbox: SandboxThread) -> None:
    prompts(*(f"cat {n} sandbox:1113" for n in range(30)))
    assert batch().code == 4
    assert posts(sandbox) <= SLOTS


def test_a_refused_prompt_costs_only_itself(batch: Batch, sandbox: SandboxThread) -> None:
    texts = many(12)
    texts[3] += " sandbox:1301"
    prompts(*texts)
    ended = batch()
    assert (ended.code, len(pictures())) == (3, 11)
    assert sandbox.books.cost == Decimal("0.66")


def test_a_mistake_in_every_request_stops_early(batch: Batch, sandbox: SandboxThread) -> None:
    prompts(*(f"cat {n} sandbox:1214" for n in range(30)))
    assert batch().code == 3
    assert posts(sandbox) <= 3 + SLOTS


def test_a_busy_account_is_waited_for(batch: Batch, sandbox: SandboxThread) -> None:
    prompts("cat sandbox:1302x1", "dog")
    assert batch().code == 0
    assert sum(sandbox.books.charges.values()) == 2


# --- fail-fast ---------------------------------------------------------------------


@pytest.mark.parametrize(("fault", "code"), [("1301", 3), ("lost-answer", 5), ("404-download", 6)])
def test_fail_fast_sends_nothing_more(
    batch: Batch, sandbox: SandboxThread, fault: str, code: int
) -> None:
    prompts(f"cat sandbox:{fault}", *many(20))
    ended = batch("--fail-fast", "--json", "--jobs", "1")
    assert (ended.code, posts(sandbox)) == (code, 1)
    assert lines(ended)[-1]["not_sent"] == 20


def test_fail_fast_takes_no_offence_at_earlier_failures(batch: Batch) -> None:
    prompts("cat sandbox:1301")
    batch()
    prompts("cat sandbox:1301", "dog")
    ended = batch("--fail-fast", "--json")
    assert (ended.code, statuses(ended)) == (3, ["refused", "saved"])


# --- the worst code wins --------------------------------------------------------------


@pytest.mark.parametrize(
    ("faults", "code"),
    [
        (["lost-answer", "404-download"], 5),
        (["404-download", "1301"], 6),
        (["lost-answer", "1301", "1113"], 5),
        (["404-download", "1113"], 6),
        (["1301", "1113"], 4),
        (["1301", "1308"], 7),
    ],
)
def test_the_worst_code_wins(batch: Batch, faults: list[str], code: int) -> None:
    prompts(*(f"cat sandbox:{fault}" for fault in faults))
    ended = batch("--json", "--jobs", "1")
    assert ended.code == lines(ended)[-1]["exit_code"] == code


def test_no_key_is_4_and_names_the_ways(
    cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COGVIEW_API_KEY")
    prompts("cat")
    ended = cogview("batch", "p.txt", "-o", "out")
    assert (ended.code, posts(sandbox)) == (4, 0)
    assert "--sandbox" in ended.err


def test_a_network_that_is_not_there_is_told(batch: Batch) -> None:
    """Also where the run is too short to be given up as a whole."""
    prompts("cat", "dog")
    ended = batch("--base-url", "http://127.0.0.1:9/v4", "--retries", "0")
    assert ended.code == 75, ended
    assert "error: p.txt:1: not sent: cannot connect" in ended.err
    assert "not sent 2: cannot connect" in ended.err and "hint: check the network" in ended.err


def test_a_request_leaves_when_the_answer_before_it_is_on_the_disk(
    batch: Batch, tmp_path: Path
) -> None:
    """Its slot may be passed on earlier; with two slots two answers at most are ever at risk."""
    at_risk: list[int] = []
    lock = threading.Lock()

    def answer(link: socket.socket) -> None:
        with lock, closing(sqlite3.connect(tmp_path / "state" / "ledger.db")) as db:
            question = "SELECT count(*) FROM requests WHERE state = 'intent'"
            at_risk.append(db.execute(question).fetchone()[0])
        link.sendall(inline())

    prompts(*(f"cat {number}" for number in range(24)))
    with Scripted(posts=[answer]) as server:
        assert batch("--base-url", server.base_url, "--jobs", "2").code == 0
    assert len(at_risk) == 24
    assert max(at_risk) <= 2


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ("0.12", "--max-cost 0.12 ends it before p.csv:4: 2 of 4 pictures, 0.12 CNY"),
        ("0.17", "--max-cost 0.17 ends it before p.csv:4: 2 of 4 pictures, 0.12 CNY"),
        ("0.05", "--max-cost 0.05 ends it before p.csv:2: 0 of 4 pictures, 0 CNY"),
        ("0.22", None),
        ("1", None),
    ],
)
def test_a_dry_run_says_where_the_limit_ends_it(cogview: Run, limit: str, told: str | None) -> None:
    """The free one in between takes nothing."""
    prompts("prompt,model,n", "cat,cogview-4,1", "dog,cogview-4,1", "cow,glm-image,1",
            "hen,cogview-3-flash,1", file="p.csv")  # fmt: skip
    ended = cogview("batch", "p.csv", "--max-cost", limit, "--dry-run")
    assert ended.code == 0
    assert (told in ended.err.splitlines()) if told else "ends it" not in ended.err, ended


def test_gen_says_how_many_the_limit_allows(cogview: Run) -> None:
    line = ("gen", "cat", "-n", "40", "--dry-run", "--max-cost")
    assert "--max-cost 1 ends it after 16 of 40 pictures" in cogview(*line, "1").err
    assert "ends it" not in cogview(*line, "2.4").err
