"""Any order of requests, crashes and reopened ledgers, against a model of what was promised."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from decimal import Decimal
from email.utils import formatdate
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
)

from cogview_cli.api.links import links_end
from cogview_cli.api.protocol import Answer
from cogview_cli.engine.budget import Budget
from cogview_cli.history.totals import totals
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.ledger import Entry, Intent, Ledger

pytestmark = pytest.mark.faults
PRICE = Decimal("0.06")
SIGNED = b'{"data":[{"url":"https://h/x.png?Signature=secret"}]}'
DAY = 86400


def answer(now: float) -> Answer:
    """An answer whose server's clock stands at `now`; its link lives 30 days from there."""
    return Answer(status=200, headers={"date": formatdate(now, usegmt=True)}, raw=SIGNED)


ANSWER = answer(1e9)
# The arrows of the ledger's documentation.
ARROWS = {
    "intent": {"not_sent", "rejected", "unknown", "pending", "answer"},
    "pending": {"not_sent", "rejected", "unknown", "answer", "resolved"},
    "not_sent": {"intent"},
    "answer": {"saved", "expired"},
    "unknown": {"resolved"},
}
Step = Callable[[Ledger, str], None]
STEPS: dict[str, Step] = {
    "not_sent": lambda ledger, key: ledger.not_sent(key, Message.said("no connection")),
    "rejected": lambda ledger, key: ledger.rejected(key, ANSWER, "1210", Message.said("no")),
    "unknown": lambda ledger, key: ledger.unknown(key, Message.said("lost"), None),
    "pending": lambda ledger, key: ledger.pending(key, f"task of {key}"),
    "intent": lambda ledger, key: ledger.intend_again(key),
    "saved": lambda ledger, key: ledger.saved(key, [{"file": "x.png"}]),
    "expired": lambda ledger, key: ledger.expired(key, Message.said("gone")),
    "resolved": lambda ledger, key: ledger.resolved(key, "drop"),
}


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Promises(RuleBasedStateMachine):
    """One user's ledger, used by one run after the other; some of them die."""

    requests: Bundle[str] = Bundle("requests")

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.temporary = tempfile.TemporaryDirectory()
        self.ledger = self._open()
        self.budget = Budget(None)
        self.state: dict[str, str] = {}
        self.orphans: set[str] = set()
        self.charged = Decimal(0)  # what the server books
        self.keys = 0
        self.server_clock = 1e9
        self.seen_clock = 0.0  # as of the server's last answer
        self.paid: dict[str, Answer] = {}

    def _open(self) -> Ledger:
        return Ledger(Path(self.temporary.name), clock=self.clock)

    def teardown(self) -> None:
        self.ledger.close()
        self.temporary.cleanup()

    def _move(self, id: str, to: str) -> None:
        assert to in ARROWS[self.state[id]]
        if to == "answer":
            self._answer(id)
        else:
            STEPS[to](self.ledger, id)
        self.state[id] = to

    def _answer(self, id: str) -> None:
        self.seen_clock = self.server_clock
        self.paid[id] = answer(self.server_clock)
        self.ledger.answer(id, self.paid[id], 1.0, links_end(self.paid[id]))

    @rule(target=requests)
    def intend(self) -> str:
        """A request is about to be sent."""
        self.keys += 1
        entry = self.ledger.intend(
            Intent(
                key=f"key-{self.keys}", body={"prompt": "猫", "model": "cogview-4"}, target={},
                price=PRICE, currency="CNY", base_url="https://h", account="a", namespace="n",
            )
        )  # fmt: skip
        assert entry.id not in self.state and self.budget.reserve(PRICE)
        self.state[entry.id] = "intent"
        return entry.id

    @rule(id=requests, end=st.sampled_from(sorted(ARROWS["intent"])), booked=st.booleans())
    def the_try_ends(self, id: str, end: str, booked: bool) -> None:
        """The server may have booked a request whose outcome is unknown."""
        if self.state[id] != "intent" or id in self.orphans:
            return
        if end == "answer" or (end == "unknown" and booked):
            self.charged += PRICE
        unsure = self.budget.mark_unknown
        money = {"answer": self.budget.charge, "unknown": unsure, "pending": unsure}
        money.get(end, self.budget.release)(PRICE)
        self._move(id, end)

    @rule(id=requests, end=st.sampled_from(sorted(ARROWS["pending"])), booked=st.booleans())
    def the_task_ends(self, id: str, end: str, booked: bool) -> None:
        """In this run or in another one; the server books what it has made."""
        if self.state[id] == "pending":
            self.charged += PRICE if end == "answer" or (end == "unknown" and booked) else 0
            self._move(id, end)

    @rule(id=requests)
    def it_is_sent_again(self, id: str) -> None:
        if self.state[id] == "not_sent":
            assert self.budget.reserve(PRICE)
            self._move(id, "intent")
            self.orphans.discard(id)

    @rule(id=requests, end=st.sampled_from(["saved", "expired", "unsaved", "some"]))
    def the_download_ends(self, id: str, end: str) -> None:
        if self.state[id] != "answer":
            return
        if end == "unsaved":
            self.ledger.unsaved(id, Message.said("the disk is full"))
        elif end == "some":
            self.ledger.files_so_far(id, [{"file": "x.png"}])
        else:
            self._move(id, end)

    @rule(id=requests)
    def the_user_decides(self, id: str) -> None:
        if self.state[id] == "unknown":
            self._move(id, "resolved")

    @rule(booked=st.booleans())
    def the_run_dies_and_another_begins(self, booked: bool) -> None:
        """Whatever was in flight may have been booked; nobody will ever know."""
        open_ = {id for id, state in self.state.items() if state == "intent"} - self.orphans
        self.orphans |= open_
        self.charged += PRICE * (len(open_) if booked else 0)
        self.ledger.close()
        self.ledger, self.budget = self._open(), Budget(None)

    @rule()
    def a_run_looks_back(self) -> None:
        """Only what has no owner becomes unknown."""
        settled = {entry.id for entry in self.ledger.settle_dead_runs()}
        assert settled == {id for id in self.orphans if self.state[id] == "intent"}
        self.state.update(dict.fromkeys(settled, "unknown"))
        waiting = {entry.id for entry in self.ledger.unfinished()}
        there = {id for id, state in self.state.items() if state in ("answer", "pending")}
        assert waiting <= there

    @rule(days=st.integers(-4000, 4000))
    def this_clock_jumps(self, days: int) -> None:
        """It decides nothing."""
        self.clock.now = max(0.0, self.clock.now + days * DAY)

    @rule(days=st.integers(1, 20))
    def time_passes(self, days: int) -> None:
        """Signed links go once their server says that they are past, and not before."""
        self.server_clock += days * DAY
        purged = {entry.id for entry in self.ledger.history() if not entry.fetchable}
        self.ledger.tidy()
        for entry in self.ledger.history():
            if entry.state in ("saved", "expired"):
                assert entry.answer is not None
                past = self.seen_clock - DAY > (links_end(self.paid[entry.id]) or 0)
                assert (b"Signature" not in entry.answer.raw) == (past or entry.id in purged)

    @invariant()
    def promises_hold(self) -> None:
        """No record disappears or changes by itself; what was paid for is kept; no sum too low."""
        entries = self.ledger.history()
        assert {entry.id: entry.state for entry in entries} == self.state
        assert all(entry.task for entry in entries if entry.state == "pending")
        assert all(
            entry.answer == self.paid[entry.id] for entry in entries if entry.state == "answer"
        )
        assert _most(entries) >= self.charged


def _most(entries: list[Entry]) -> Decimal:
    """Paid and perhaps paid, as `history` counts them."""
    doubtful = {"answer", "saved", "expired", "unknown", "intent", "pending", "resolved"}
    mine = sum((PRICE for entry in entries if entry.state in doubtful), Decimal(0))
    assert str(mine) in totals(entries) or not mine
    return mine


Promises.TestCase.settings = settings(deadline=None, max_examples=8, stateful_step_count=20)
TestPromises = Promises.TestCase
