"""What the ledger's rows mean for another take. Pure."""

from __future__ import annotations

from typing import Any

import pytest

from cogview_cli.ledger import Entry, State
from cogview_cli.ledger.takes import (
    TextRules,
    best_as_read,
    best_take,
    needs_another,
    outlook,
    takes_left,
    takes_of,
    to_fetch,
    unread,
)
from cogview_cli.textcheck.compare import TextResult
from tests.batch.support import entry

RULES = TextRules(wanted=("福",), retakes=2)


def text(score: float, *, ok: bool = False, doubtful: bool = False) -> dict[str, Any]:
    missing = () if ok or doubtful else ("福",)
    result = TextResult(("福",), ("福",), missing, ("福",) if doubtful else (), score, ok)
    return result.record()


def take(number: int, state: str = "saved", **more: Any) -> Entry:
    """The take of this number; a picture that was read as wrong, unless said otherwise."""
    if state == "saved":
        more = {"file": f"out/{number}.png", "text": text(0.5), **more}
    return entry(state, str(number), take=number, **more)


def test_a_first_take_begins_anew() -> None:
    old, new = take(1), take(1)
    assert takes_of([old, take(2), new, take(2)]) == [new, take(2)]
    assert takes_of([]) == []
    assert takes_of([take(1), take(2, "not_sent")]) == [take(1)]


def test_the_best_is_right_then_has_the_best_score_then_is_the_earliest() -> None:
    def best(*takes: Entry) -> str:
        found = best_take(takes, RULES)
        assert found is not None
        return found[0].id

    assert best(take(1), take(2)) == "1"
    assert best(take(1), take(2, text=text(0.6))) == "2"
    assert best(take(1, text=text(0.9)), take(2, text=text(0.9, ok=True))) == "2"
    assert best(take(1), take(2, text=None), take(3, "unknown")) == "1"
    assert best_take([take(1, text=None)], RULES) is None


def test_doubtful_is_wrong_where_that_is_asked() -> None:
    doubted = take(1, text=text(1.0, doubtful=True, ok=True))
    assert not needs_another([doubted], RULES)
    assert needs_another([doubted], RULES._replace(strict=True))


def test_a_reading_for_other_texts_is_none() -> None:
    other = RULES._replace(wanted=("禄",))
    assert unread([take(1)], other) == [take(1)]
    assert unread([take(1), take(2, "answer")], RULES) == []
    assert best_as_read([take(1), take(2, text=None)]) is None
    assert best_as_read([take(1), take(2, text=text(1.0, ok=True))]) == take(
        2, text=text(1.0, ok=True)
    )
    assert best_as_read([]) is None


@pytest.mark.parametrize(
    ("rows", "left"),
    [
        (("saved",), 2),
        (("saved", "saved"), 1),
        (("saved", "saved", "saved"), 0),
        (("saved", "expired"), 1),
        (("saved", "unknown"), 0),
        (("saved", "rejected"), 0),
        (("saved", "saved", "saved", "saved"), 0),
        ((), 0),
    ],
)
def test_what_was_paid_or_may_have_been_counts(rows: tuple[str, ...], left: int) -> None:
    assert takes_left([take(n, state) for n, state in enumerate(rows, 1)], RULES) == left


def test_refused_and_lost_takes_are_followed_by_others_if_the_user_says_so() -> None:
    retry = RULES._replace(retry_failed=True, retry_unknown=True)
    assert takes_left([take(1), take(2, "rejected")], retry) == 2  # it cost nothing
    assert takes_left([take(1), take(2, "unknown")], retry) == 1
    assert takes_left([take(1), take(2, "resolved", code="drop")], retry) == 0
    assert takes_left([take(1), take(2, "resolved", code="retry")], RULES) == 1


@pytest.mark.parametrize("state", ["intent", "pending", "answer"])
def test_what_is_under_way_is_waited_for(state: str) -> None:
    assert needs_another([take(1)], RULES)
    assert not needs_another([take(1), take(2, state)], RULES)
    assert not needs_another([take(1, text=None)], RULES)
    assert not needs_another([take(1, text=text(1.0, ok=True))], RULES)
    assert not needs_another([take(1)], RULES._replace(retakes=0))


def test_the_outlook_of_a_picture_that_is_there() -> None:
    assert outlook([take(1)], RULES) == (True, 2)
    assert outlook([take(1, text=text(1.0, ok=True))], RULES) == (False, 0)
    assert outlook([take(1, text=None)], RULES) == (True, 2)
    assert outlook([take(1), take(2, State.ANSWER)], RULES._replace(retakes=1)) == (True, 0)
    assert outlook([take(1)], RULES._replace(retakes=0)) == (False, 0)


def test_takes_of_a_queue_come_with_its_results() -> None:
    waiting = [take(2, "answer"), take(3, "pending", task="t"), take(4, "pending", part="p")]
    there = take(5, "answer", part="p")
    assert [entry.id for entry in to_fetch([take(1), *waiting, there])] == ["2", "3", "5"]
