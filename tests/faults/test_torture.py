"""Every system call of a `gen` fails once, or is its last (faults: D6, D7, D14, P1-P6)."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.conftest import Run
from tests.faults.torture import (
    CALLS,
    ERRORS,
    KILL,
    Torture,
    sandbox_process,
    seconds_since,
    why_not,
)
from tests.faults.world import KEY

pytestmark = pytest.mark.faults
# One of each kind; the long form has them all.
PICKS = (
    ("openat", "error=ENOSPC", 7),
    ("pwrite64", KILL, 9),
    ("pwrite64", "error=ENOSPC", 12),
    ("fdatasync", KILL, 4),
    ("fdatasync", "error=EIO", 6),
    ("fsync", "error=EIO", 2),
    ("link", KILL, 1),
    ("rename", KILL, 1),
    ("connect", KILL, 1),
    ("connect", "error=ECONNREFUSED", 1),
    ("sendto", KILL, 3),
    ("recvfrom", KILL, 2),
)
SERIES = [(call, how) for call in CALLS for how in (KILL, *(f"error={e}" for e in ERRORS[call]))]


@pytest.fixture
def torture(cogview: Run) -> Iterator[Torture]:
    if reason := why_not():
        pytest.skip(reason)
    with sandbox_process() as base_url:
        yield Torture(cogview, base_url, KEY)


def test_picked_calls(torture: Torture) -> None:
    """Each of them fires, and no invariant breaks."""
    fired = [pick for pick in PICKS if torture.round(*pick)]
    assert not torture.broken, "\n".join(torture.broken)
    assert fired == list(PICKS)


@pytest.mark.torture
@pytest.mark.parametrize(("call", "how"), SERIES, ids=lambda part: part)
def test_every_call(
    call: str, how: str, torture: Torture, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    began = time.monotonic()
    fired = torture.loop(call, how)
    with capfdbinary.disabled():
        codes = dict(torture.codes)
        print(f"\n{call} {how}: K up to {fired}, exit codes {codes}, {seconds_since(began)}")
    assert not torture.broken, "\n".join(torture.broken)
    assert fired, "nothing fired: the call is not made any more"
