"""What is counted, asked and said about money: days, unknown prices, repeats, earlier runs."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest

from cogview_cli.config.settings import load
from cogview_cli.engine.confirm import UNPRICED_UNASKED, Price, confirm, price_of
from cogview_cli.errors import BudgetReached, UsageError
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.ledger import SANDBOX_ACCOUNT, Ledger
from cogview_cli.ledger.daily import day_began
from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.support import edit_ledger, lines, posts, prompts, rows
from tests.conftest import Ended, Run
from tests.faults.peers import Scripted, inline
from tests.faults.world import COMMAND, KEY, SMALL, environment, images, run
from tests.processes import on_terminal
from tests.test_ledger import intent

# --- a day ----------------------------------------------------------------------------


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    opened = Ledger(tmp_path / "other")
    opened.daily_limit = Decimal("0.12")
    return opened


def test_a_day_takes_what_the_limit_allows(ledger: Ledger) -> None:
    with ledger:
        first = ledger.intend(intent("1"))
        ledger.unknown(first.id, Message.said("lost"), None)
        ledger.intend(intent("2"))
        with pytest.raises(BudgetReached, match=r"daily-limit 0\.12 .*0\.12 CNY"):
            ledger.intend(intent("3"))
        assert len(ledger.history()) == 2


def test_what_cost_nothing_makes_room_again(ledger: Ledger) -> None:
    with ledger:
        ids = [ledger.intend(intent(key)).id for key in "12"]
        ledger.not_sent(ids[0], Message.said("busy"))
        third = ledger.intend(intent("3"))
        with pytest.raises(BudgetReached):
            ledger.intend_again(ids[0])
        ledger.not_sent(third.id, Message.said("busy"))
        ledger.intend_again(ids[0])


def test_yesterday_and_other_currencies_and_sandboxes_do_not_count(tmp_path: Path) -> None:
    began = day_began(time.time())
    for at, more in ((began - 1, {}), (began + 1, {"currency": "USD"})):
        with Ledger(tmp_path / "l", clock=lambda at=at: at) as opened:  # type: ignore[misc]
            opened.intend(intent(str(at), **more))
    with Ledger(tmp_path / "l") as opened:
        opened.daily_limit = Decimal("0.06")
        opened.intend(intent("box", account=SANDBOX_ACCOUNT))
        opened.intend(intent("box 2", account=SANDBOX_ACCOUNT))
        opened.intend(intent("now"))
        with pytest.raises(BudgetReached):
            opened.intend(intent("more"))


def test_the_day_is_that_of_local_time(monkeypatch: pytest.MonkeyPatch) -> None:
    noon = 1_764_072_000.0  # 2025-11-25 12:00 UTC
    try:
        for zone, began in (("UTC0", 12), ("CST-8", 20), ("XXX11", 1)):
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            assert (noon - day_began(noon)) / 3600 == began
    finally:
        monkeypatch.undo()
        time.tzset()


def test_daily_limit_ends_a_run_with_7(
    cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COGVIEW_DAILY_LIMIT", "0.18")
    assert cogview("gen", "cat", *SMALL, "-n", "2").code == 0
    prompts(*"abcd")
    ended = cogview("batch", "p.txt", *SMALL, "-o", "out", "--json")
    assert (ended.code, lines(ended)[-1]["saved"], lines(ended)[-1]["not_sent"]) == (7, 1, 3)
    assert posts(sandbox) == 3 and "daily-limit" in ended.err
    assert "hint: go on tomorrow, or raise it: cogview config set daily-limit VALUE" in ended.err
    assert cogview("gen", "cat", "--sandbox", *SMALL).code == 0
    assert cogview("gen", "more", *SMALL).code == 7
    assert posts(sandbox) == 3


def test_processes_cannot_cross_the_daily_limit_together() -> None:
    with SandboxThread(latency=(0.1, 0.2), tier="V3") as box:
        place = {
            "COGVIEW_BASE_URL": box.base_url, "COGVIEW_API_KEY": KEY,
            "COGVIEW_DAILY_LIMIT": "0.30", "COGVIEW_TIER": "V3",
        }  # fmt: skip
        with ThreadPoolExecutor(3) as pool:
            ends = [
                pool.submit(run, "gen", f"cat {n}", *SMALL, "-n", "4", **place) for n in range(3)
            ]
            codes = [end.result().code for end in ends]
        assert 7 in codes and set(codes) <= {0, 7}
        assert posts(box) == len(images()) == 5


def test_daily_limit_needs_a_known_price(cogview: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COGVIEW_DAILY_LIMIT", "1")
    ended = cogview("gen", "cat", "-m", "other-1")
    assert ended.code == 2 and "daily-limit needs a model whose price is known" in ended.err


# --- what is asked ----------------------------------------------------------------------


def test_gen_asks_above_confirm_above(cogview: Run, sandbox: SandboxThread) -> None:
    ended = cogview("gen", "cat", *SMALL, "-n", "200")
    assert (ended.code, ended.out, posts(sandbox)) == (2, "", 0)
    assert "200 images cost 12.00 CNY" in ended.err and "--yes" in ended.err


@pytest.mark.parametrize("allowed", [("--yes",), ("-y",), ("--max-cost", "9")])
def test_gen_takes_a_word_or_a_limit(
    cogview: Run, monkeypatch: pytest.MonkeyPatch, allowed: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COGVIEW_CONFIRM_ABOVE", "0.1")
    assert cogview("gen", "cat", *SMALL, "-n", "2").code == 2
    assert cogview("gen", "cat", *SMALL, "-n", "2", *allowed).code == 0


@pytest.mark.skipif(os.name == "nt", reason="terminals as POSIX knows them")
@pytest.mark.parametrize(("typed", "code", "made"), [(b"y\n", 0, 2), (b"n\n", 2, 0), (b"\n", 2, 0)])
def test_gen_asks_on_a_terminal(sandbox: SandboxThread, typed: bytes, code: int, made: int) -> None:
    env = environment(
        COGVIEW_BASE_URL=sandbox.base_url, COGVIEW_API_KEY=KEY, COGVIEW_CONFIRM_ABOVE="0.1"
    )
    ended, shown, *_ = on_terminal(*COMMAND, "gen", "cat", *SMALL, "-n", "2", env=env, typed=typed)
    assert (ended, posts(sandbox)) == (code, made), shown
    assert b"2 images cost 0.12 CNY. Go on? [y/N]" in shown


def test_what_is_paid_already_is_not_asked_about(
    cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.script(None, ["403-downloadx2"] * 2)
    assert cogview("gen", "cat", *SMALL, "-n", "2").code == 6
    monkeypatch.setenv("COGVIEW_CONFIRM_ABOVE", "0.06")
    assert cogview("gen", "cat", *SMALL, "-n", "3").code == 0
    assert posts(sandbox) == 3


@pytest.mark.parametrize("command", ["gen", "batch"])
def test_many_of_unknown_price_are_asked_about(
    cogview: Run, sandbox: SandboxThread, command: str
) -> None:
    def ask(count: int, *more: str) -> Ended:
        if command == "gen":
            return cogview("gen", "cat", "-m", "other-1", "-n", str(count), *more)
        rows(*({"prompt": f"cat {n}", "model": "other-1"} for n in range(count)))
        return cogview("batch", "p.jsonl", "-o", "out", *more)

    few, many = UNPRICED_UNASKED, UNPRICED_UNASKED + 1
    ended = ask(many)
    assert (ended.code, posts(sandbox)) == (2, 0)
    assert f"nothing says what {many} images cost" in ended.err and "--yes" in ended.err
    ask(few)
    assert posts(sandbox) > 0


@pytest.mark.parametrize(
    ("price", "above", "asked"),
    [
        (Price(1, Decimal(10)), "10", False),
        (Price(1, Decimal("10.01")), "10", True),
        (Price(1, Decimal(6), repeats=Decimal(6)), "10", True),
        (Price(10, Decimal(0), unpriced=10), "10", False),
        (Price(11, Decimal(0), unpriced=11), "1000", True),
    ],
)
def test_what_is_asked_about(price: Price, above: str, asked: bool) -> None:
    settings = load({}, {"COGVIEW_CONFIRM_ABOVE": above})
    confirm(price, settings, yes=True, hint="")
    if not asked:
        confirm(price, settings, yes=False, hint="")
        return
    with pytest.raises(UsageError):
        confirm(price, settings, yes=False, hint="")


def test_a_price_in_words() -> None:
    both = {"cogview-4": 2, "other-1": 3}
    assert str(price_of({"cogview-4": 2}, {}, retry=False)) == "0.12 CNY"
    assert str(price_of({"cogview-3-flash": 2}, {}, retry=False)) == "0 CNY"
    assert str(price_of(both, {}, retry=False)) == "0.12 CNY, ? CNY for 3 of unknown price"
    assert str(price_of({"other-1": 3}, {}, retry=False)) == "? CNY for 3 of unknown price"
    again = price_of({"cogview-4": 2}, {"cogview-4": 1}, retry=True)
    assert str(again) == "0.12 CNY, up to 0.18 CNY if lost answers are asked for again"
    assert again.most == Decimal("0.18") and price_of(both, {}, retry=False).most is None


# --- repeats -----------------------------------------------------------------------------


def test_retry_sends_one_more_and_counts_both(cogview: Run, sandbox: SandboxThread) -> None:
    prompts("cat sandbox:lost-answer", "dog")
    ended = cogview("batch", "p.txt", *SMALL, "-o", "out", "--on-unknown", "retry", "--json")
    assert ended.code == 5
    assert sandbox.books.posts["cat sandbox:lost-answer"] == 2
    summary = lines(ended)[-1]
    assert (summary["cost"], summary["cost_max"]) == ("0.06", "0.18")
    again = cogview("batch", "p.txt", *SMALL, "-o", "out", "--on-unknown", "retry", "--json")
    assert sandbox.books.posts["cat sandbox:lost-answer"] == 3
    assert lines(again)[-1]["cost_max"] == "0.06"


def test_a_picture_after_a_lost_answer_may_have_cost_twice(
    cogview: Run, sandbox: SandboxThread
) -> None:
    ended = cogview("gen", "cat sandbox:lost-answerx1", *SMALL, "--on-unknown", "retry", "--json")
    assert (ended.code, posts(sandbox)) == (0, 2)
    assert (lines(ended)[-1]["cost"], lines(ended)[-1]["cost_max"]) == ("0.06", "0.12")


def test_the_price_before_says_up_to(cogview: Run) -> None:
    prompts("cat", "dog")
    flags = ("-o", "out", "--on-unknown", "retry", "--dry-run")
    assert "price 0.12 CNY, up to 0.24 CNY" in cogview("batch", "p.txt", *flags).err
    assert lines(cogview("batch", "p.txt", *flags, "--json"))[-1]["cost_max"] == "0.24"
    ended = cogview("gen", "cat", "--on-unknown", "retry", "--dry-run", "--json")
    assert lines(ended)[-1]["cost_max"] == "0.12"


def test_what_was_asked_for_before_is_repeated_once(cogview: Run) -> None:
    prompts("cat sandbox:lost-answer")
    cogview("batch", "p.txt", "-o", "out")
    flags = ("-o", "out", "--on-unknown", "retry", "--dry-run", "--json")
    assert lines(cogview("batch", "p.txt", *flags))[-1]["cost_max"] == "0.06"


def test_the_repeats_need_the_users_word(cogview: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COGVIEW_CONFIRM_ABOVE", "0.1")
    assert cogview("gen", "cat", *SMALL).code == 0
    ended = cogview("gen", "cat", *SMALL, "--on-unknown", "retry")
    assert ended.code == 2 and "up to 0.12 CNY" in ended.err


# --- what nobody knows --------------------------------------------------------------------


def test_an_unknown_price_is_never_0(cogview: Run) -> None:
    rows({"prompt": "cat", "model": "other-1"}, {"prompt": "dog"})
    with Scripted([inline()]) as server:
        place = ("--base-url", server.base_url)
        ended = cogview("batch", "p.jsonl", *place, "-o", "out", "--json")
        alone = cogview("gen", "cat", "-m", "other-1", "-n", "2", *place)
    assert alone.code == 0 and "paid ? CNY" in alone.err
    saved = [line for line in lines(ended)[:-1] if line["status"] == "saved"]
    assert [line.get("cost") for line in saved].count(None) == 1
    assert (lines(ended)[-1]["cost"], lines(ended)[-1]["cost_max"]) == (None, None)
    assert "paid 0.06 + ? CNY" in ended.err
    assert "paid 0.06 + ? CNY" in cogview("history").err


def test_a_dry_run_does_not_know_it_either(cogview: Run) -> None:
    rows({"prompt": "cat", "model": "other-1"}, {"prompt": "dog"})
    ended = cogview("batch", "p.jsonl", "-o", "out", "--dry-run", "--json")
    assert lines(ended)[-1]["cost_max"] is None
    assert "0.06 CNY, ? CNY for 1 of unknown price" in ended.err


# --- what was paid before -------------------------------------------------------------------


def test_recover_pays_nothing_now(
    cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.script(None, ["403-downloadx2"] * 2)
    assert cogview("gen", "cat", *SMALL, "-n", "2").code == 6
    edit_ledger("update requests set state = 'intent', run = 'dead' where rowid = 1")
    ended = cogview("recover", "--json")
    *found, summary = lines(ended)
    assert (summary["cost"], summary["cost_max"], summary["unknown"]) == ("0", "0", 1)
    assert [line["cost"] for line in found if line["status"] == "saved"] == ["0.06"]
    assert "nothing paid now" in ended.err and "up to" not in ended.err
