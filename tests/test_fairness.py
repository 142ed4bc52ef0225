"""How many slots a process may hold and when it may take one: rules without clock or disk."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogview_cli.engine.fairness import (
    GROW_AFTER,
    LOOK_SECONDS,
    PAUSED_SECONDS,
    YIELD_SECONDS,
    ConcurrencyLimit,
    Patience,
    Turns,
)


@given(st.integers(1, 30), st.lists(st.booleans() | st.integers(-2, 0), max_size=150))
@settings(deadline=None)
def test_the_share_stays_between_one_and_the_ceiling(
    ceiling: int, events: list[bool | int]
) -> None:
    share = ConcurrencyLimit(ceiling)
    for event in events:
        before = share.limit
        if event is True:
            share.answered()
            assert share.limit - before in (0, 1)
        else:
            share.throttled(share.epoch + int(event))
            assert share.limit <= before
        assert 1 <= share.limit <= ceiling


def test_a_throttle_shrinks_the_share_by_three_tenths() -> None:
    share = ConcurrencyLimit(20)
    share.throttled(share.epoch)
    assert share.limit == 14


def test_throttles_of_requests_begun_before_the_cut_do_not_cut_again() -> None:
    share, epoch = ConcurrencyLimit(20), 0
    for _ in range(20):
        share.throttled(epoch)
    assert share.limit == 14
    share.throttled(share.epoch)
    assert share.limit == 9


def test_clean_answers_grow_it_back_one_by_one_and_not_beyond() -> None:
    share = ConcurrencyLimit(5)
    share.throttled(0)
    assert share.limit == 3
    for _ in range(GROW_AFTER):
        share.answered()
    assert share.limit == 4
    for _ in range(10 * GROW_AFTER):
        share.answered()
    assert share.limit == 5


def test_a_throttle_starts_the_count_of_clean_answers_anew() -> None:
    share = ConcurrencyLimit(10)
    for _ in range(GROW_AFTER - 1):
        share.answered()
    share.throttled(0)
    share.answered()
    assert share.limit == 7


# Turns: pauses, and slots that are left to others.


def someone() -> bool:
    return True


def nobody() -> bool:
    return False


def not_asked() -> bool:
    raise AssertionError("looking for others costs a look at the disk")


def test_a_slot_may_be_taken_at_once_where_nothing_stands_against_it() -> None:
    assert Turns().delay(1000.0, not_asked) == 0


@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0, 200))
def test_the_longest_pause_counts(pauses: list[float], later: float) -> None:
    turns = Turns()
    for seconds in pauses:
        turns.pause(seconds, 1000.0)
    now = 1000.0 + later
    assert turns.paused(now) == (now < 1000.0 + max(pauses))
    assert (turns.delay(now, not_asked) > 0) == turns.paused(now)


def test_a_pause_is_looked_at_again_when_it_ends_or_soon() -> None:
    turns = Turns()
    turns.pause(1.0, 0.0)
    assert turns.delay(0.0, not_asked) == PAUSED_SECONDS
    assert turns.delay(0.99, not_asked) == pytest.approx(0.01)


def test_a_freed_slot_is_left_to_a_process_that_has_none_but_not_for_ever() -> None:
    turns = Turns()
    turns.freed(10.0)
    assert turns.delay(10.0, someone) == LOOK_SECONDS
    assert turns.delay(10.0, nobody) == 0
    assert turns.delay(10.0 + YIELD_SECONDS, not_asked) == 0


@pytest.mark.parametrize(
    ("held", "paused", "others", "kept"),
    [
        (3, False, nobody, True),
        (4, False, not_asked, False),
        (3, True, not_asked, False),
        (3, False, someone, False),
    ],
    ids=["may", "the limit shrank", "a pause", "another process has none"],
)
def test_a_slot_stays_with_this_process_only_where_that_is_fair(
    held: int, paused: bool, others: object, kept: bool
) -> None:
    turns = Turns()
    turns.pause(1.0 if paused else 0.0, 0.0)
    assert turns.may_keep(0.5, held, 3, others) is kept  # type: ignore[arg-type]


# Patience.


def test_patience_ends_where_others_hold_every_slot() -> None:
    patience = Patience(10.0, 100.0)
    assert not patience.spent(110.0, 0)
    assert patience.spent(110.1, 0)


def test_patience_begins_anew_with_every_slot_of_ones_own() -> None:
    patience = Patience(10.0, 100.0)
    assert not patience.spent(150.0, 1)
    assert not patience.spent(160.0, 0)
    assert patience.spent(160.1, 0)
