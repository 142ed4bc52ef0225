"""Whether and when a request is sent again. Pure: clock and randomness are arguments.

A POST is repeated only when the one before provably cost nothing
(cogview_cli/api/README.md#repeating-a-post). An unknown outcome is repeated only
on demand.
"""

from collections.abc import Callable
from typing import NamedTuple

from cogview_cli.api.error_codes import ErrorClass
from cogview_cli.i18n import _

LONGEST_WAIT = 20.0
TRANSIENT_RETRIES = 2
# Each may be paid once more.
UNKNOWN_RETRIES = 1
THROTTLE_BASE = 1.0
TRANSIENT_BASE = 0.2
RETRY_AFTER_LIMIT = 120.0

Uniform = Callable[[float, float], float]


class Policy(NamedTuple):
    """What the user allows: tries after failed connects, total wait, paying twice."""

    retries: int = 3
    max_wait: float = 600.0
    retry_unknown: bool = False


class Attempts(NamedTuple):
    """What one request has been through so far; `waited` in seconds."""

    busy: int = 0
    transient: int = 0
    unsent: int = 0
    unknown: int = 0
    waited: float = 0.0


class Wait(NamedTuple):
    """Send it again after `seconds`; `everyone` if the whole run should pause."""

    seconds: float
    attempts: Attempts
    everyone: bool = False


class GiveUp(NamedTuple):
    """Do not send it again. `repeats`: the run does so by itself with what may be paid."""

    reason: str = ""
    repeats: bool = False


def backoff(attempt: int, base: float, uniform: Uniform) -> float:
    """Full jitter over an exponentially growing window, at most 20 seconds."""
    return uniform(0.0, min(LONGEST_WAIT, base * 2 ** min(attempt, 20)))


def decide(
    kind: ErrorClass | None,
    attempts: Attempts,
    policy: Policy,
    *,
    retry_after: float | None,
    uniform: Uniform,
) -> Wait | GiveUp:
    """What to do after a failed try; `kind` None means it was never sent."""
    if kind is None:
        return _counted("unsent", policy.retries, TRANSIENT_BASE, attempts, policy, None, uniform)
    if kind in (ErrorClass.THROTTLE, ErrorClass.OVERLOAD):
        return _busy(kind, attempts, policy, retry_after, uniform)
    if kind is ErrorClass.TRANSIENT:
        limit = min(TRANSIENT_RETRIES, policy.retries)
        return _counted("transient", limit, TRANSIENT_BASE, attempts, policy, retry_after, uniform)
    if kind is ErrorClass.UNKNOWN and policy.retry_unknown:
        return _counted("unknown", UNKNOWN_RETRIES, THROTTLE_BASE, attempts, policy, None, uniform)
    return GiveUp()


def _busy(
    kind: ErrorClass,
    attempts: Attempts,
    policy: Policy,
    retry_after: float | None,
    uniform: Uniform,
) -> Wait | GiveUp:
    """Throttles use up time, not tries: they cost nothing and end by themselves."""
    # Half the window is kept, so that the gaps grow however the dice fall.
    window = min(LONGEST_WAIT, THROTTLE_BASE * 2 ** min(attempts.busy, 20))
    own = window / 2 + uniform(0.0, window / 2)
    after = attempts._replace(busy=attempts.busy + 1)
    return _within(own, after, policy, retry_after, uniform, everyone=kind is ErrorClass.OVERLOAD)


def _counted(
    field: str,
    limit: int,
    base: float,
    attempts: Attempts,
    policy: Policy,
    retry_after: float | None,
    uniform: Uniform,
) -> Wait | GiveUp:
    count: int = getattr(attempts, field)
    if count >= limit:
        return GiveUp(_("tried {count} times", count=count + 1) if count else "")
    after = attempts._replace(**{field: count + 1})
    return _within(backoff(count + 1, base, uniform), after, policy, retry_after, uniform)


def _within(
    own: float,
    attempts: Attempts,
    policy: Policy,
    retry_after: float | None,
    uniform: Uniform,
    *,
    everyone: bool = False,
) -> Wait | GiveUp:
    if retry_after is not None and retry_after > RETRY_AFTER_LIMIT:
        return GiveUp(_("the API asks to wait {seconds:.0f} s", seconds=retry_after))
    seconds = own if retry_after is None else max(own, retry_after + uniform(0.0, 1.0))
    waited = attempts.waited + seconds
    if waited > policy.max_wait:
        return GiveUp(
            _("waited {waited:.0f} s of {most:.0f} s", waited=attempts.waited, most=policy.max_wait)
        )
    return Wait(seconds, attempts._replace(waited=waited), everyone)
