"""Retries: a request is sent again only when the one before provably cost nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogview_cli.api.error_codes import ErrorClass
from cogview_cli.engine.retry import (
    LONGEST_WAIT,
    RETRY_AFTER_LIMIT,
    Attempts,
    GiveUp,
    Policy,
    Wait,
    backoff,
    decide,
)

FREE = (None, ErrorClass.THROTTLE, ErrorClass.OVERLOAD, ErrorClass.TRANSIENT)
FINAL = [kind for kind in ErrorClass if kind not in FREE]
kinds = st.sampled_from([None, *ErrorClass])


def low(a: float, b: float) -> float:
    return a


def high(a: float, b: float) -> float:
    return b


def after(
    kind: ErrorClass | None,
    attempts: Attempts | None = None,
    policy: Policy | None = None,
    retry_after: float | None = None,
) -> Wait | GiveUp:
    return decide(
        kind, attempts or Attempts(), policy or Policy(), retry_after=retry_after, uniform=high
    )


def tries(kind: ErrorClass | None, policy: Policy, retry_after: float | None = None) -> int:
    """How many requests are sent in all if each one ends like this."""
    count, attempts = 1, Attempts()
    while isinstance(step := after(kind, attempts, policy, retry_after), Wait):
        count, attempts = count + 1, step.attempts
        assert count < 10_000
    return count


@pytest.mark.parametrize("kind", FINAL)
def test_what_may_have_been_paid_or_will_never_pass_is_not_repeated(kind: ErrorClass) -> None:
    assert isinstance(after(kind), GiveUp)
    assert isinstance(after(kind, retry_after=1.0), GiveUp)


@pytest.mark.parametrize("kind", [kind for kind in FINAL if kind is not ErrorClass.UNKNOWN])
def test_consent_to_pay_twice_repeats_only_unknown_outcomes(kind: ErrorClass) -> None:
    assert isinstance(after(kind, policy=Policy(retry_unknown=True)), GiveUp)


@pytest.mark.parametrize("retries", [0, 3, 50])
def test_an_unknown_outcome_is_repeated_once_with_consent(retries: int) -> None:
    assert tries(ErrorClass.UNKNOWN, Policy(retry_unknown=True, retries=retries)) == 2


def test_a_server_error_is_repeated_twice_at_most() -> None:
    assert tries(ErrorClass.TRANSIENT, Policy(retries=50)) == 3
    assert tries(ErrorClass.TRANSIENT, Policy(retries=1)) == 2


def test_failed_connects_use_up_the_retries() -> None:
    assert tries(None, Policy(retries=3)) == 4
    assert tries(None, Policy(retries=0)) == 1


@pytest.mark.parametrize("kind", [ErrorClass.THROTTLE, ErrorClass.OVERLOAD])
def test_throttles_use_up_time_and_not_tries(kind: ErrorClass) -> None:
    assert tries(kind, Policy(retries=0, max_wait=600)) > 20


@pytest.mark.parametrize("kind", [ErrorClass.THROTTLE, ErrorClass.OVERLOAD])
def test_the_gaps_between_throttled_requests_grow(kind: ErrorClass) -> None:
    gaps, attempts = [], Attempts()
    for _ in range(5):
        step = decide(kind, attempts, Policy(), retry_after=None, uniform=low)
        assert isinstance(step, Wait)
        gaps.append(step.seconds)
        attempts = step.attempts
    assert gaps == sorted(gaps) and gaps[-1] > gaps[0] > 0


def test_only_an_overloaded_platform_pauses_everyone() -> None:
    pausing = [k for k in FREE if isinstance(step := after(k), Wait) and step.everyone]
    assert pausing == [ErrorClass.OVERLOAD]


@given(kinds, st.floats(0, 700), st.none() | st.floats(0, 1e6), st.integers(0, 1000))
@settings(deadline=None)
def test_the_total_wait_never_exceeds_max_wait(
    kind: ErrorClass | None, waited: float, header: float | None, busy: int
) -> None:
    policy = Policy(retry_unknown=True)
    step = after(kind, Attempts(busy=busy, waited=waited), policy, header)
    if isinstance(step, Wait):
        assert step.attempts.waited == waited + step.seconds <= policy.max_wait
        assert step.seconds >= 0


@given(
    st.floats(0, RETRY_AFTER_LIMIT),
    st.sampled_from([ErrorClass.THROTTLE, ErrorClass.OVERLOAD, ErrorClass.TRANSIENT]),
)
@settings(deadline=None)
def test_retry_after_is_waited_out_in_full(header: float, kind: ErrorClass) -> None:
    step = decide(kind, Attempts(), Policy(), retry_after=header, uniform=low)
    assert isinstance(step, Wait) and step.seconds >= header


def test_a_retry_after_beyond_the_limit_ends_it_at_once() -> None:
    step = after(ErrorClass.THROTTLE, retry_after=86400.0)
    assert isinstance(step, GiveUp) and "86400 s" in step.reason


@given(st.integers(0, 10**6), st.sampled_from([0.2, 1.0]))
@settings(deadline=None)
def test_backoff_stays_within_twenty_seconds(attempt: int, base: float) -> None:
    assert backoff(attempt, base, low) == 0
    assert 0 < backoff(attempt, base, high) <= LONGEST_WAIT


def test_giving_up_says_how_often_it_was_tried() -> None:
    step = after(None, Attempts(unsent=3))
    assert step == GiveUp("tried 4 times")
