"""When a run should go on: retries never make an outage worse."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.api.error_codes import ErrorClass
from cogview_cli.engine.breaker import ALLOWANCE, CircuitBreaker


def test_five_unsent_requests_in_a_row_leave_one_probe_at_a_time() -> None:
    health = CircuitBreaker()
    for _ in range(4):
        health.failed(None, "")
    assert not health.probing
    health.failed(None, "")
    assert health.probing


def test_an_answer_of_any_kind_ends_the_probing() -> None:
    for kind in (ErrorClass.REFUSED, ErrorClass.THROTTLE):
        health = CircuitBreaker()
        for _ in range(5):
            health.failed(None, "")
        health.failed(kind, "1302")
        assert not health.probing


def test_twenty_failures_without_an_answer_use_up_the_allowance() -> None:
    health = CircuitBreaker()
    for _ in range(19):
        health.failed(ErrorClass.TRANSIENT, "1234")
    assert not health.exhausted
    health.failed(None, "")
    assert health.exhausted


def test_retries_that_end_well_give_back_what_they_took() -> None:
    health = CircuitBreaker()
    for _ in range(200):
        health.failed(ErrorClass.TRANSIENT, "1234")
        health.answered(retries=1)
    assert health.left == ALLOWANCE


def test_throttles_and_refusals_cost_no_allowance() -> None:
    health = CircuitBreaker()
    for kind in (
        ErrorClass.THROTTLE,
        ErrorClass.OVERLOAD,
        ErrorClass.REFUSED,
        ErrorClass.BAD_REQUEST,
        ErrorClass.UNKNOWN,
    ):
        for _ in range(50):
            health.failed(kind, "x")
    assert health.left == ALLOWANCE


def test_three_rejections_alike_and_nothing_else_condemn_the_rest() -> None:
    health = CircuitBreaker()
    for _ in range(3):
        assert not health.all_alike
        health.failed(ErrorClass.BAD_REQUEST, "1214")
    assert health.all_alike == "1214"


def test_one_request_that_was_taken_acquits_the_rest() -> None:
    for good in ("answered", "refused"):
        health = CircuitBreaker()
        for _ in range(5):
            health.failed(ErrorClass.BAD_REQUEST, "1214")
        if good == "answered":
            health.answered(retries=0)
        else:
            health.failed(ErrorClass.REFUSED, "1301")
        assert not health.all_alike


def test_different_rejections_condemn_nobody() -> None:
    health = CircuitBreaker()
    for number in range(9):
        health.failed(ErrorClass.BAD_REQUEST, f"121{number % 2}")
    assert not health.all_alike


@given(st.lists(st.sampled_from([None, *ErrorClass]) | st.integers(0, 3), max_size=200))
def test_the_allowance_never_exceeds_its_size(events: list[ErrorClass | int | None]) -> None:
    health = CircuitBreaker()
    for event in events:
        if isinstance(event, int):
            health.answered(event)
        else:
            health.failed(event, "1")
        assert health.left <= ALLOWANCE
