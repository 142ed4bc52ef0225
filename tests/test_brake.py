"""When money that buys nothing stops: pure, any order of endings."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.engine.brake import BAD_IN_A_ROW, PROBES, Brake

MOST_BEYOND = 10


def sent(brake: Brake, *keys: str) -> None:
    for key in keys:
        assert brake.may_send
        brake.sent(key)


def test_five_unknown_in_a_row_leave_one_probe_at_a_time() -> None:
    brake = Brake()
    sent(brake, *"abcdef")
    for key in "abcd":
        brake.unknown(key)
    assert not brake.closed
    brake.unknown("e")
    assert brake.closed and not brake.may_send  # one is open still
    brake.unknown("f")
    sent(brake, "g")
    assert not brake.may_send


def test_probes_that_fail_end_the_run_and_bursts_alone_do_not() -> None:
    brake = Brake()
    burst = [f"in flight {number}" for number in range(20)]
    sent(brake, *burst)
    for key in burst:
        brake.unknown(key)
    assert not brake.spent
    for number in range(PROBES):
        assert not brake.spent
        sent(brake, f"probe {number}")
        brake.unknown(f"probe {number}")
    assert brake.spent


def test_five_paid_pictures_in_a_row_that_cannot_be_saved_end_the_run() -> None:
    brake = Brake()
    for number in range(BAD_IN_A_ROW):
        assert not brake.spent
        sent(brake, str(number))
        brake.unsaved_picture(str(number))
    assert brake.spent and brake.unsaved == BAD_IN_A_ROW


def test_a_download_that_failed_once_counts_at_once_and_a_picture_clears_it() -> None:
    brake = Brake()
    sent(brake, *"abcdef")
    for key in "abcde":
        brake.stalled(key)
        brake.stalled(key)
    assert brake.closed and not brake.may_send
    brake.saved("f")
    assert not brake.closed and brake.may_send
    for key in "abcd":
        brake.unsaved_picture(key)
    assert not brake.spent
    brake.saved("e")
    assert not brake.closed


def test_what_costs_nothing_says_nothing() -> None:
    brake = Brake()
    for number in range(100):
        sent(brake, str(number))
        brake.free(str(number))
    assert not brake.closed and not brake.spent


def test_an_earlier_picture_never_counts() -> None:
    """Downloads of what was paid before are no sends."""
    brake = Brake()
    for number in range(9):
        brake.stalled(str(number))
    assert not brake.closed


ENDINGS = st.sampled_from(["unknown", "unsaved_picture", "stalled", "free"])


@given(st.integers(1, 30), st.lists(st.tuples(ENDINGS, st.integers(0, 29)), max_size=300))
def test_without_a_picture_few_are_sent_beyond_those_in_flight(
    width: int, endings: list[tuple[str, int]]
) -> None:
    """However they end, in whatever order, as many at once as there are places."""
    brake, in_flight, count = Brake(), list[str](), 0
    paid = 0
    for how, which in endings:
        while brake.may_send and not brake.spent and len(in_flight) < width:
            in_flight.append(str(count))
            brake.sent(str(count))
            count += 1
        if not in_flight:
            break
        key = in_flight[which % len(in_flight)]
        getattr(brake, how)(key)
        if how != "stalled":
            in_flight.remove(key)
            paid += how != "free"
    assert paid <= width + MOST_BEYOND


@given(st.lists(st.sampled_from(["unknown", "unsaved_picture"]), max_size=60))
def test_a_mixed_run_goes_on(endings: list[str]) -> None:
    """Every third picture fails."""
    brake = Brake()
    for number, how in enumerate(endings):
        for n, end in enumerate(("saved", "saved", how)):
            sent(brake, f"{number}-{n}")
            getattr(brake, end)(f"{number}-{n}")
        assert not brake.closed and not brake.spent
