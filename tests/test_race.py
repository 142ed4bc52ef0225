"""Several addresses of one host: in turn, none given up for the next, none left open."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.net.race import first_to_finish, interleaved

V4, V6 = ["192.0.2.1", "192.0.2.2"], ["2001:db8::1", "2001:db8::2", "2001:db8::3"]


def test_families_take_turns_beginning_with_the_resolvers_first() -> None:
    assert interleaved([*V6, *V4]) == [V6[0], V4[0], V6[1], V4[1], V6[2]]
    assert interleaved([V4[0], *V6]) == [V4[0], *V6]
    assert interleaved([V4[0], V4[0]]) == [V4[0]]
    assert interleaved([]) == []


def test_a_later_try_begins_elsewhere() -> None:
    assert interleaved([*V6, *V4], 1) == [V6[1], V4[1], V6[2], V4[0], V6[0]]
    assert {interleaved(V6, turn)[0] for turn in range(3)} == set(V6)


@given(st.lists(st.sampled_from([*V4, *V6])), st.integers(0, 9))
def test_every_address_is_tried_once(addresses: list[str], turn: int) -> None:
    assert sorted(interleaved(addresses, turn)) == sorted(set(addresses))


class Attempts:
    """Attempts that fail, hang or succeed; what was begun, won and thrown away."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.cancelled: list[str] = []
        self.discarded: list[str] = []

    def make(self, name: str, how: str) -> Callable[[], Awaitable[str]]:
        async def attempt() -> str:
            self.begun.append(name)
            if how == "fails":
                raise OSError(errno.ENETUNREACH, "unreachable")
            if how == "refuses":
                raise OSError(errno.ECONNREFUSED, f"refused by {name}")
            if how == "hangs":
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    self.cancelled.append(name)
                    raise
            return name

        return attempt

    async def discard(self, name: str) -> None:
        self.discarded.append(name)

    def run(self, *hows: str, delay: float = 0.01) -> str:
        made = [self.make(str(number), how) for number, how in enumerate(hows)]
        return asyncio.run(first_to_finish(made, delay, self.discard))


@pytest.mark.parametrize(
    ("hows", "winner"),
    [
        (["works"], "0"),
        (["fails", "works"], "1"),
        (["hangs", "works"], "1"),
        (["fails"] * 8 + ["works"], "8"),
        (["hangs"] * 8 + ["works"], "8"),
        (["hangs", "fails", "works", "works"], "2"),
    ],
)
def test_the_first_that_answers_wins_and_nothing_stays_behind(hows: list[str], winner: str) -> None:
    attempts = Attempts()
    assert attempts.run(*hows) == winner
    hanging = [str(n) for n, how in enumerate(hows[: int(winner)]) if how == "hangs"]
    assert sorted(attempts.cancelled) == hanging
    assert attempts.begun == [str(n) for n in range(int(winner) + 1)]


def test_a_failure_is_not_waited_out() -> None:
    assert Attempts().run("fails", "fails", "works", delay=3600) == "2"


def test_two_that_answer_in_one_moment_leave_one() -> None:
    attempts = Attempts()
    assert attempts.run("works", "works", delay=0) in ("0", "1")
    assert len(attempts.discarded) == len(attempts.begun) - 1


def test_if_none_answers_the_reason_is_told() -> None:
    with pytest.raises(OSError, match="unreachable"):
        Attempts().run("fails")
    with pytest.raises(OSError, match="unreachable"):  # by all of them
        Attempts().run("fails", "fails")
    for others in (["fails", "refuses"], ["refuses", "refuses"]):
        with pytest.raises(OSError, match="no address"):
            Attempts().run(*others)


def test_a_timeout_takes_every_attempt_along() -> None:
    attempts = Attempts()

    async def bounded() -> None:
        async with asyncio.timeout(0.05):
            made = [attempts.make(name, "hangs") for name in "ab"]
            await first_to_finish(made, 0.01, attempts.discard)

    with pytest.raises(TimeoutError):
        asyncio.run(bounded())
    assert sorted(attempts.cancelled) == ["a", "b"]
