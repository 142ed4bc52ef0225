"""When a download is tried again: growing waits, the server's wishes, an end. Pure."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.i18n.stored_messages import Message
from cogview_cli.pictures.failure import FIRST_WAIT, LONGEST_WAIT, DownloadFailed, next_wait


def longest(_least: float, most: float) -> float:
    return most


def failure(**how: object) -> DownloadFailed:
    return DownloadFailed(Message.of("host-read-error"), **how)  # type: ignore[arg-type]


def waits(patience: float, **how: object) -> list[float]:
    """Every wait until it gives up, if the tries themselves take no time."""
    found: list[float] = []
    while (wait := next_wait(failure(**how), len(found) + 1, patience, longest)) is not None:
        found.append(wait)
        patience -= wait
    return found


def test_waits_grow_and_use_up_all_patience() -> None:
    found = waits(60)
    assert found[:4] == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT, 8 * FIRST_WAIT]
    assert max(found) <= LONGEST_WAIT and sum(found) == pytest.approx(60)
    assert len(found) >= 8


def test_a_404_for_a_second_and_a_503_for_four_are_waited_for() -> None:
    found = waits(60)
    assert any(1 <= sum(found[:n]) < 2 for n in range(len(found)))
    assert any(4 <= sum(found[:n]) < 7 for n in range(len(found)))


@pytest.mark.parametrize("how", [{"final": True}, {"retry_after": 61.0}, {"retry_after": math.inf}])
def test_what_cannot_help_in_time_is_not_waited_for(how: dict[str, object]) -> None:
    assert waits(60, **how) == []


def test_without_patience_there_is_one_try() -> None:
    assert waits(0) == []


def test_the_server_says_how_long() -> None:
    assert waits(60, retry_after=20.0) == [20, 20, 20]
    assert waits(60, gone=True)[0] == FIRST_WAIT


@given(
    st.integers(1, 10**6),
    st.floats(0, 1e6),
    st.floats(0, 1e6) | st.none(),
    st.floats(0, 1),
)
def test_a_wait_is_never_longer_than_patience_nor_shorter_than_asked(
    tries: int, left: float, asked: float | None, share: float
) -> None:
    wait = next_wait(failure(retry_after=asked), tries, left, lambda a, b: a + (b - a) * share)
    if wait is None:
        assert left <= 0 or (asked or 0) > left
    else:
        assert (asked or 0) <= wait <= left
