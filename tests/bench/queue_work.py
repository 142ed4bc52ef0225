"""Work of the queue without a network, in a process of its own: `queue_work lines|results N FILE`.

Writes the seconds it took to FILE as JSON; its memory is measured from outside.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from cogview_cli.api.batches import Result, read_result, request_line
from cogview_cli.api.dialects import VENDOR
from cogview_cli.batch import prepare
from cogview_cli.batch.item import Item
from cogview_cli.batch.options import BatchOptions
from cogview_cli.batch.plan import Plan
from cogview_cli.batch.queue_submit import Submitter
from cogview_cli.batch.row import RowDefaults
from cogview_cli.batch.selection import Selection
from cogview_cli.config.settings import load
from cogview_cli.engine.job import Job
from cogview_cli.engine.session import Endpoint
from cogview_cli.ledger import Ledger, State
from cogview_cli.ledger.queue_parts import Part
from cogview_cli.queue.collector import Collector
from cogview_cli.queue.cutting import Limits
from cogview_cli.queue.sender import PartSender
from cogview_cli.queue.service import Service
from cogview_cli.queue.session import Queue
from cogview_cli.sources import Reading, ReadOptions
from cogview_cli.terminal.output import OutputOptions

MODEL = "cogview-4-250304"
URL = "https://open.bigmodel.cn/api/paas/v4"
_LINK = "https://aigc.example.com/{}.png?Expires=1900000000&Signature=abcdefghij0123456789"


def result_line(key: str) -> bytes:
    """A line of the vendor's output file."""
    body = {"created": 1, "data": [{"url": _LINK.format(key)}], "content_filter": []}
    fields = {"response": {"status_code": 200, "body": body}, "custom_id": key, "id": "b"}
    return json.dumps(fields).encode() + b"\n"


def lines(count: int) -> dict[str, float]:
    """So many rows to JSONL, and so many results back."""
    began = time.monotonic()
    requests, results = Path("requests.jsonl"), Path("results.jsonl")
    with requests.open("wb") as asked, results.open("wb") as answered:
        for number in range(count):
            key = f"key-{number:012}"
            body = {"model": MODEL, "prompt": f"水墨山水 第{number}幅", "size": "1024x1024"}
            asked.write(request_line(key, body))
            answered.write(result_line(key))
    with results.open("rb") as file:
        read = sum(isinstance(read_result(line, {}), Result) for line in file)
    assert read == count
    return {"seconds": time.monotonic() - began}


def options(folder: Path) -> BatchOptions:
    """`cogview batch prompts.txt --queue --yes -o out`."""
    settings = load({})
    return BatchOptions(
        settings=settings,
        folder=folder,
        relative=True,
        defaults=RowDefaults(
            settings=settings, count=None, name=None, validate=True, now=time.time()
        ),
        reading=Reading(["prompts.txt"], ReadOptions()),
        selection=Selection(),
        style=OutputOptions(quiet=True),
        grid=None,
        report=None,
        dry_run=False,
        skip_bad=False,
        fail_fast=False,
        retry_failed=False,
        yes=True,
        wait=False,
        queue=True,
    )


def planned(asked: BatchOptions, plan: Plan) -> None:
    """Reads the prompts into the plan, as every run does."""
    prepare.read_into(plan, asked.reading, asked.defaults)
    prepare.choose(plan, asked.host, asked.selection)


def results(count: int) -> dict[str, float]:
    """So many requests written down as one part; then, as the next run does it, their results."""
    folder = Path("out").absolute()
    folder.mkdir()
    asked = options(folder)
    with Ledger(Path("state").absolute()) as ledger, closing(Plan()) as plan:
        began = time.monotonic()
        planned(asked, plan)
        queue = offline(ledger)
        part = asyncio.run(written(asked, plan, ledger, queue, count))
        wrote = time.monotonic() - began
    with Path("results.jsonl").open("wb") as file:
        with Ledger(Path("state").absolute()) as ledger:
            keys = sorted(ledger.parts.keys(part.id, State.PENDING))
        random.Random(1).shuffle(keys)
        file.writelines(map(result_line, keys))
    with Ledger(Path("state").absolute()) as ledger, closing(Plan()) as plan:
        began = time.monotonic()
        planned(asked, plan)
        previous = asked.previous_run(ledger)
        previous.decide(plan)
        assert plan.counts().waiting == count
        asyncio.run(taken(ledger, part))
        previous.decide_again(plan)
        assert plan.counts().to_fetch == count
        return {"wrote": wrote, "seconds": time.monotonic() - began}


def offline(ledger: Ledger) -> Queue:
    """A queue that nobody asks."""

    def say(text: str) -> None:
        pass

    nobody: Any = None
    service = Service(nobody, ledger, VENDOR, "account", say, asyncio.sleep)
    endpoint = Endpoint(URL, None, "account")
    return Queue(endpoint, service, PartSender(service), Collector(service))


async def written(
    asked: BatchOptions, plan: Plan, ledger: Ledger, queue: Queue, count: int
) -> Part:
    """One part with every request of the plan."""
    previous = asked.previous_run(ledger)
    previous.decide(plan)

    def job_of(item: Item) -> Job:
        return item.job(asked.destination, previous.namespace)

    submitter = Submitter(asked, plan, previous, queue, lambda: False, job_of)
    submitter._limits = Limits()
    part = await submitter._fill(MODEL, count)
    assert part is not None and part.lines == count
    return part


async def taken(ledger: Ledger, part: Part) -> None:
    """The results in the ledger."""
    lost = await offline(ledger).collector._take(part, Path("results.jsonl"), {}, whole=True)
    assert not lost


def main() -> None:
    """Carries out what the command line asks for."""
    work: dict[str, Callable[[int], dict[str, float]]] = {"lines": lines, "results": results}
    name, count, target = sys.argv[1:]
    Path(target).write_text(json.dumps(work[name](int(count))), "utf-8")


if __name__ == "__main__":
    main()
