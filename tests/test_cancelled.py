"""Ended at once while the ledger is slow: the record is made, and the outcome is the true one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from cogview_cli.api.client import ApiClient
from cogview_cli.api.error_codes import ErrorClass
from cogview_cli.api.protocol import Answer
from cogview_cli.api.request import ImageRequest
from cogview_cli.config.secret import Secret
from cogview_cli.disk.destination import Destination, Target
from cogview_cli.engine.budget import Budget
from cogview_cli.engine.job import Job
from cogview_cli.engine.sender import Ended, Failed, Result, Sender
from cogview_cli.engine.slots import SlotLease
from cogview_cli.engine.stop import StopSwitch
from cogview_cli.ledger import Entry, Intent, Ledger
from cogview_cli.pictures.download import Downloader
from cogview_cli.pictures.saver import ImageSaver
from tests.faults.peers import Scripted, inline, silence

PRICE = Decimal("0.06")
REQUEST = ImageRequest(prompt="cat", model="cogview-4-250304")


def _job(folder: Path) -> Job:
    destination = Destination(root=str(folder), template="{slug}")
    target = Target(destination=destination, fields={"index": 1, "n": 1, "slug": "cat"})
    return Job(row=1, n=1, request=REQUEST, target=target, key="k", namespace="n")


class Gate(NamedTuple):
    """The ledger's thread, busy until `opened`; what is asked for meanwhile waits."""

    ledger: Ledger
    opened: threading.Event

    async def someone_waits(self) -> None:
        async with asyncio.timeout(10):
            while not self.ledger._worker._waiting:
                await asyncio.sleep(0.001)


@asynccontextmanager
async def busy(ledger: Ledger) -> AsyncIterator[Gate]:
    """A ledger that is slow to answer while the block lasts."""
    begun, gate = asyncio.Event(), Gate(ledger, threading.Event())
    loop = asyncio.get_running_loop()

    def hold() -> None:
        loop.call_soon_threadsafe(begun.set)
        gate.opened.wait(20)

    holding = asyncio.create_task(ledger.call(hold))
    await begun.wait()
    try:
        yield gate
    finally:
        gate.opened.set()
        await holding


@contextmanager
def reopened(folder: Path) -> Iterator[Entry]:
    """The one entry of the ledger, as the next process finds it."""
    with Ledger(folder) as ledger:
        (entry,) = ledger.history()
        yield entry


async def _sender(ledger: Ledger, api: Scripted) -> tuple[Sender, ApiClient]:
    client = ApiClient(api.base_url, Secret("k" * 20), timeout=20)
    budget = Budget()
    budget.reserve(PRICE)
    sender = Sender(
        ledger=ledger, client=client, budget=budget, base_url=api.base_url, account="a",
        switch=StopSwitch(),
    )  # fmt: skip
    return sender, client


def test_an_answer_that_came_is_paid_though_the_wait_for_its_record_was_cut(
    tmp_path: Path,
) -> None:
    async def run(ledger: Ledger, api: Scripted) -> object:
        sender, client = await _sender(ledger, api)
        entry = await sender.intend(_job(tmp_path), None)
        async with busy(ledger) as gate:
            posting = asyncio.create_task(sender.post(_job(tmp_path), entry, SlotLease(0)))
            await gate.someone_waits()
            posting.cancel()
            result = await posting
        await client.close()
        return result

    with Scripted([inline()]) as api, Ledger(tmp_path / "state") as ledger:
        result = asyncio.run(run(ledger, api))
    assert isinstance(result, Ended)
    assert (result.outcome.status, result.outcome.cost) == ("unsaved", PRICE)
    with reopened(tmp_path / "state") as entry:
        assert entry.state == "answer" and entry.answer is not None


def test_a_request_cut_short_twice_is_still_unknown(tmp_path: Path) -> None:
    """The second time while its record waits."""

    async def run(ledger: Ledger, api: Scripted) -> object:
        sender, client = await _sender(ledger, api)
        entry = await sender.intend(_job(tmp_path), None)
        async with busy(ledger) as gate:
            posting = asyncio.create_task(sender.post(_job(tmp_path), entry, SlotLease(0)))
            while not api.requests:
                await asyncio.sleep(0.001)
            posting.cancel()
            await gate.someone_waits()
            posting.cancel()
            result = await posting
        await client.close()
        return result

    with Scripted([silence]) as api, Ledger(tmp_path / "state") as ledger:
        result = asyncio.run(run(ledger, api))
    assert isinstance(result, Failed) and result.failure.kind is ErrorClass.UNKNOWN
    with reopened(tmp_path / "state") as entry:
        assert (entry.state, str(entry.message)) == ("unknown", "stopped before the answer")


@pytest.mark.parametrize("times", [1, 2])
def test_a_picture_not_saved_is_on_record_and_the_loop_goes_on_meanwhile(
    tmp_path: Path, times: int
) -> None:
    """Nothing waits for the ledger but the one outcome; a second cut does not take it back."""

    async def run(ledger: Ledger, api: Scripted) -> object:
        job = _job(tmp_path)
        entry = ledger.intend(
            Intent(
                key="k", body=REQUEST.body(), target=job.target.record(), price=PRICE,
                currency="CNY", base_url=api.base_url, account="a", namespace="n",
            )
        )  # fmt: skip
        raw = f'{{"data":[{{"url":"{api.origin}/1.png"}}]}}'.encode()
        entry = ledger.answer(entry.id, Answer(status=200, headers={}, raw=raw), 1.0)
        downloader = Downloader(api.base_url)
        async with busy(ledger) as gate:
            saving = asyncio.create_task(ImageSaver(ledger, downloader).finish(entry))
            while not api.requests:
                await asyncio.sleep(0.001)
            saving.cancel()
            await gate.someone_waits()
            if times == 1:
                gate.opened.set()
            else:
                saving.cancel()
            outcome = await saving
        await downloader.close()
        return outcome.status

    with Scripted(gets=[silence]) as api, Ledger(tmp_path / "state") as ledger:
        assert asyncio.run(run(ledger, api)) == "unsaved"
    with reopened(tmp_path / "state") as entry:
        assert (entry.state, str(entry.message)) == ("answer", "stopped before it was saved")


@pytest.mark.parametrize("times", [1, 3])
def test_a_request_is_not_sent_after_its_intent_if_the_run_is_ended_meanwhile(
    tmp_path: Path, times: int
) -> None:
    """The intent is on record first; then nothing more happens, and the record says so."""

    async def run(ledger: Ledger, api: Scripted) -> None:
        sender, client = await _sender(ledger, api)

        async def send() -> Result:
            entry = await sender.intend(_job(tmp_path), None)
            return await sender.post(_job(tmp_path), entry, SlotLease(0))

        async with busy(ledger) as gate:
            sending = asyncio.create_task(send())
            await gate.someone_waits()
            for _ in range(times):
                sending.cancel()
                await asyncio.sleep(0)
            gate.opened.set()
            result = await sending
        await client.close()
        assert isinstance(result, Failed) and result.failure.kind is None

    with Scripted([inline()]) as api, Ledger(tmp_path / "state") as ledger:
        asyncio.run(run(ledger, api))
        assert not api.count(b"POST")
    with reopened(tmp_path / "state") as entry:
        assert entry.state == "not_sent"
