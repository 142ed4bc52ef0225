"""Slots: never more generations at once than the account allows, whoever starts them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from cogview_cli.disk.locks import WaitList
from cogview_cli.engine.fairness import YIELD_SECONDS
from cogview_cli.engine.slots import Slots
from cogview_cli.errors import Temporary

CHILD = """
import asyncio, sys
from pathlib import Path
from cogview_cli.engine.slots import Slots

async def main():
    slots = Slots(Path(sys.argv[1]), int(sys.argv[2]))
    async with slots.hold(asyncio.Event()):
        print("held", flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


class Gauge:
    """Counts how many hold a slot at once."""

    def __init__(self) -> None:
        self.now = self.most = self.total = 0

    async def work(self, slots: Slots, turns: int = 3) -> None:
        async with slots.hold(asyncio.Event()):
            self.now += 1
            self.total += 1
            self.most = max(self.most, self.now)
            for _ in range(turns):
                await asyncio.sleep(0)
            self.now -= 1


@pytest.mark.parametrize("width", [1, 3])
def test_two_users_of_one_folder_share_its_slots(tmp_path: Path, width: int) -> None:
    async def run() -> Gauge:
        gauge, both = Gauge(), [Slots(tmp_path, width) for _ in range(2)]
        await asyncio.gather(*(gauge.work(both[number % 2]) for number in range(12)))
        return gauge

    gauge = asyncio.run(run())
    assert gauge.total == 12
    assert gauge.most == width


def test_a_narrower_user_holds_no_more_than_its_own_width(tmp_path: Path) -> None:
    async def run() -> int:
        gauge, slots = Gauge(), Slots(tmp_path, 5)
        slots.share.throttled(0)
        await asyncio.gather(*(gauge.work(slots) for _ in range(10)))
        return gauge.most

    assert asyncio.run(run()) == 3


def test_a_slot_is_freed_when_its_holder_fails(tmp_path: Path) -> None:
    async def run() -> None:
        slots = Slots(tmp_path, 1)
        for _ in range(2):
            with pytest.raises(ValueError, match="boom"):
                async with slots.hold(asyncio.Event()):
                    raise ValueError("boom")
        await Gauge().work(slots)

    asyncio.run(asyncio.wait_for(run(), 10))


def test_a_cancelled_waiter_takes_no_slot_with_it(tmp_path: Path) -> None:
    async def run() -> None:
        slots = Slots(tmp_path, 1)
        async with slots.hold(asyncio.Event()):
            waiter = asyncio.create_task(Gauge().work(slots))
            await asyncio.sleep(0)
            waiter.cancel()
            await asyncio.wait([waiter])
            assert waiter.cancelled()
        await Gauge().work(slots)

    asyncio.run(asyncio.wait_for(run(), 10))


def test_a_waiter_leaves_without_a_slot_once_stopping(tmp_path: Path) -> None:
    async def run() -> None:
        slots, stopping = Slots(tmp_path, 1), asyncio.Event()
        async with slots.hold(asyncio.Event()):
            waiting = asyncio.create_task(enter(slots, stopping))
            await asyncio.sleep(0)
            stopping.set()
            assert await asyncio.wait_for(waiting, 10) == slots.share.epoch

    async def enter(slots: Slots, stopping: asyncio.Event) -> int:
        async with slots.hold(stopping) as slot:
            return slot.epoch

    asyncio.run(run())


def test_a_pause_holds_everyone_back_and_the_longest_counts(tmp_path: Path) -> None:
    async def run() -> float:
        slots, loop = Slots(tmp_path, 2), asyncio.get_running_loop()
        began = loop.time()
        slots.pause(0.15)
        slots.pause(0.01)
        await asyncio.gather(Gauge().work(slots), Gauge().work(slots))
        return loop.time() - began

    assert asyncio.run(asyncio.wait_for(run(), 10)) >= 0.15


def test_a_killed_process_frees_its_slot_at_once(tmp_path: Path) -> None:
    async def enter(seconds: float) -> None:
        async with asyncio.timeout(seconds), Slots(tmp_path, 1).hold(asyncio.Event()):
            pass

    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path), "1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout and process.stdout.readline() == "held\n"
        with pytest.raises(TimeoutError):
            asyncio.run(enter(0.2))
        process.kill()
        process.communicate()
    asyncio.run(enter(10))


def test_a_holder_that_never_lets_go_ends_the_wait_with_a_temporary_error(tmp_path: Path) -> None:
    """A stopped process keeps its slots; a cron job must not hang on it for ever."""

    async def wait_in_vain() -> None:
        holder, waiter = Slots(tmp_path, 1), Slots(tmp_path, 1, patience=0.1)
        async with holder.hold(asyncio.Event()):
            with pytest.raises(Temporary, match="held every slot"):
                async with waiter.hold(asyncio.Event()):
                    pass

    asyncio.run(wait_in_vain())


def test_waiting_for_a_slot_of_ones_own_run_has_no_limit(tmp_path: Path) -> None:
    async def wait_for_own() -> bool:
        slots, never = Slots(tmp_path, 1, patience=0.05), asyncio.Event()

        async def second() -> bool:
            async with slots.hold(never):
                return True

        async with slots.hold(never):
            task = asyncio.create_task(second())
            await asyncio.wait({task}, timeout=0.2)
            assert not task.done()
        return await task

    assert asyncio.run(wait_for_own())


def test_a_waiter_gets_the_slot_that_is_passed_on_and_nobody_else(tmp_path: Path) -> None:
    """It is the same lock all the time: no other process comes in between."""

    async def run() -> list[str]:
        slots, other = Slots(tmp_path, 1), Slots(tmp_path, 1)
        said: list[str] = []

        async def second() -> None:
            async with slots.hold(asyncio.Event()):
                said.append("second in")

        async with slots.hold(asyncio.Event()) as slot:
            task = asyncio.create_task(second())
            await asyncio.sleep(0.01)
            slot.hand_over()
            slot.hand_over()
            await task
            said.append("first out")
        async with other.hold(asyncio.Event()):
            said.append("other in")
        return said

    assert asyncio.run(run()) == ["second in", "first out", "other in"]


def test_a_slot_passed_on_is_held_once(tmp_path: Path) -> None:
    async def run() -> int:
        slots = Slots(tmp_path, 2)
        inside = most = 0

        async def work() -> None:
            nonlocal inside, most
            async with slots.hold(asyncio.Event()) as slot:
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0)
                inside -= 1
                slot.hand_over()
                await asyncio.sleep(0)

        await asyncio.gather(*(work() for _ in range(50)))
        async with slots.hold(asyncio.Event()), slots.hold(asyncio.Event()):  # both are free again
            return most

    assert asyncio.run(asyncio.wait_for(run(), 10)) == 2


@pytest.mark.parametrize("reason", ["nobody waits", "the share shrank", "a pause"])
def test_a_slot_stays_until_the_end_where_it_cannot_be_passed_on(
    tmp_path: Path, reason: str
) -> None:
    async def run() -> bool:
        slots, entered = Slots(tmp_path, 2), asyncio.Event()

        async def waiter() -> None:
            async with slots.hold(asyncio.Event()):
                entered.set()

        async with slots.hold(asyncio.Event()), slots.hold(asyncio.Event()) as slot:
            if reason != "nobody waits":
                task = asyncio.create_task(waiter())
                await asyncio.sleep(0.01)
            if reason == "the share shrank":
                slots.share.throttled(0)
            if reason == "a pause":
                slots.pause(0.1)
            slot.hand_over()
            await asyncio.sleep(0.03)
            early = entered.is_set()
        if reason != "nobody waits":
            await task
        async with Slots(tmp_path, 1).hold(asyncio.Event()):
            return early

    assert asyncio.run(asyncio.wait_for(run(), 10)) is False


@pytest.mark.parametrize("how", ["cancelled", "stopping"])
def test_a_slot_passed_on_to_one_that_leaves_is_free_again(tmp_path: Path, how: str) -> None:
    async def run() -> None:
        slots, stopping = Slots(tmp_path, 1), asyncio.Event()

        async def leave() -> None:
            async with slots.hold(stopping):
                pass

        async with slots.hold(asyncio.Event()) as slot:
            task = asyncio.create_task(leave())
            await asyncio.sleep(0.01)
            slot.hand_over()
            task.cancel() if how == "cancelled" else stopping.set()
            await asyncio.wait([task])
        await Gauge().work(Slots(tmp_path, 1))

    asyncio.run(asyncio.wait_for(run(), 10))


@pytest.mark.parametrize("width", [1, 3])
def test_who_holds_nothing_gets_the_next_slot_that_is_freed(tmp_path: Path, width: int) -> None:
    """A single picture does not wait for the end of another process's batch."""

    async def run() -> int:
        batch, single = Slots(tmp_path, width), Slots(tmp_path, width)
        waits, ended, served = asyncio.Event(), asyncio.Event(), 0

        async def work() -> None:
            nonlocal served
            while not ended.is_set():
                async with batch.hold(asyncio.Event()) as slot:
                    await asyncio.sleep(0.01)
                    slot.hand_over()
                    served += waits.is_set()

        workers = [asyncio.create_task(work()) for _ in range(4 * width)]
        await asyncio.sleep(0.05)
        waits.set()
        async with single.hold(asyncio.Event()):
            after = served
        ended.set()
        await asyncio.gather(*workers)
        assert list((tmp_path / "waiting").glob("*")) == []
        return after

    # Those under way when it comes, and those that got theirs before it made its mark.
    assert asyncio.run(asyncio.wait_for(run(), 20)) <= 3 * width


async def _three_turns(folder: Path) -> float:
    slots, loop = Slots(folder, 1), asyncio.get_running_loop()
    began = loop.time()
    for _ in range(3):
        await Gauge().work(slots)
    return loop.time() - began


def test_the_mark_of_a_dead_process_holds_nobody_back(tmp_path: Path) -> None:
    waiting = tmp_path / "waiting"
    waiting.mkdir()
    (waiting / "0123456789abcdef.lock").touch()
    assert asyncio.run(_three_turns(tmp_path)) < YIELD_SECONDS
    assert list(waiting.iterdir()) == []


def test_who_waits_and_never_comes_is_passed_over_after_a_while(tmp_path: Path) -> None:
    """A stopped process keeps its mark."""
    stopped = WaitList(tmp_path / "waiting")
    stopped.enter()
    taken = asyncio.run(asyncio.wait_for(_three_turns(tmp_path), 20))
    assert taken >= 2 * YIELD_SECONDS
    stopped.leave()
