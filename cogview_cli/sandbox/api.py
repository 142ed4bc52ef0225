"""The API's origin: generations, async results, and the sandbox's own books."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cogview_cli.sandbox.answers import (
    ANY_BODY,
    BODIES,
    FREE,
    INLINE,
    WIRES,
    HttpReply,
    Plain,
    encode,
    moved,
)
from cogview_cli.sandbox.books import Stats
from cogview_cli.sandbox.faults import Chosen, FaultPlan
from cogview_cli.sandbox.gallery import PictureStore, sketch_of
from cogview_cli.sandbox.maker import CONTENT_FILTER, pick, picture_url
from cogview_cli.sandbox.messages import error_body, wants_english
from cogview_cli.sandbox.picture import render
from cogview_cli.sandbox.queue import Queue
from cogview_cli.sandbox.queue_api import QueueApi
from cogview_cli.sandbox.rules import GenerationRequest, Refusal, parse_body, read_order
from cogview_cli.sandbox.stamp import stamped
from cogview_cli.sandbox.tasks import Submit, TaskStore, check_model
from cogview_cli.sandbox.wire import Peer, Request

BASE = "/api/paas/v4"
Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take, in seconds. `slots` limits requests at once per key and model."""

    standard: Range
    hd: Range
    drip: float
    slots: int


class Api:
    """Answers the API's origin."""

    def __init__(
        self,
        gallery: PictureStore,
        books: Stats,
        plan: FaultPlan,
        rng: random.Random,
        pace: Pace,
        queue: Queue,
    ) -> None:
        self._gallery, self._books, self._plan = gallery, books, plan
        self._rng, self._pace = rng, pace
        self._queue, self._queue_api = queue, QueueApi(queue)
        self._tasks = TaskStore(gallery, books, rng)
        self._busy: Counter[tuple[str, str]] = Counter()

    async def handle(self, peer: Peer, request: Request) -> None:
        """Answer one request."""
        route = request.method, request.path
        if route == ("POST", f"{BASE}/images/generations"):
            await self._generate(peer, request)
        elif route == ("GET", "/sandbox/books"):
            self._queue.advance()
            await peer.reply(200, json.dumps(self._books.as_dict()).encode())
        elif route == ("POST", f"{BASE}/async/images/generations"):
            await self._submit(peer, request)
        elif request.method == "GET" and request.path.startswith(f"{BASE}/async-result/"):
            await self._look(peer, request)
        elif not (request.path.startswith(BASE) and await self._queued(peer, request)):
            await peer.reply(
                404, encode({"status": 404, "error": "Not Found", "path": request.path})
            )

    async def _queued(self, peer: Peer, request: Request) -> bool:
        """Answer a request of the queue; False if it is none."""
        try:
            return await self._queue_api.handle(peer, request, request.path.removeprefix(BASE))
        except Refusal as refusal:
            await _refuse(peer, request, refusal)
            return True

    async def _submit(self, peer: Peer, request: Request) -> None:
        try:
            fields = parse_body(request.body)
            nth = self._note(fields)
            order = read_order(request.headers, fields)
            check_model(order)
            chosen = pick(self._plan, order.prompt, nth)
            with self._slot(order), self._books.working():
                made = self._take(order, chosen, fields.get("request_id"))
        except Refusal as refusal:
            await _refuse(peer, request, refusal)
        else:
            known = chosen.answer in {*ANY_BODY, *WIRES}
            await self._deliver(peer, chosen if known else Chosen(), made)

    def _take(
        self, order: GenerationRequest, chosen: Chosen, request_id: object
    ) -> Plain | dict[str, object]:
        """Begin a task; free faults do not."""
        if (plain := self._free(chosen)) is not None:
            return plain
        return self._tasks.add(Submit(order, chosen, request_id, self._length(order))).taken()

    async def _look(self, peer: Peer, request: Request) -> None:
        try:
            fault, told = self._tasks.look(request.headers, request.path.rpartition("/")[2])
        except Refusal as refusal:
            await _refuse(peer, request, refusal)
            return
        if fault == "task-lost-poll":
            peer.closing = True
        else:
            await peer.reply(200, encode(told))

    async def _generate(self, peer: Peer, request: Request) -> None:
        try:
            fields = parse_body(request.body)
            nth = self._note(fields)
            order = read_order(request.headers, fields)
            chosen = pick(self._plan, order.prompt, nth)
            with self._slot(order), self._books.working():
                made = await self._make(order, chosen)
        except Refusal as refusal:
            await _refuse(peer, request, refusal)
        else:
            await self._deliver(peer, chosen, made)

    def _note(self, fields: dict[str, object]) -> int:
        """Book an arrived body; how often its prompt has come so far."""
        self._books.bodies.append(fields)
        prompt = str(fields.get("prompt", ""))
        self._books.posts[prompt] += 1
        return self._books.posts[prompt]

    @contextmanager
    def _slot(self, order: GenerationRequest) -> Iterator[None]:
        """One of the key's slots for this model; 1302 if all are taken."""
        who = order.key, order.rules.name
        if self._busy[who] >= (order.rules.slots or self._pace.slots):
            raise Refusal("1302")
        self._busy[who] += 1
        try:
            yield
        finally:
            self._busy[who] -= 1

    async def _make(self, order: GenerationRequest, chosen: Chosen) -> Plain | dict[str, object]:
        """Let the time pass, then book the charge; free faults do neither."""
        if (plain := self._free(chosen)) is not None:
            return plain
        created = int(time.time())
        await asyncio.sleep(self._length(order))
        data = await self._data(order, chosen)
        self._books.charge(order.prompt, order.rules.price)
        return {"created": created, "data": data, "content_filter": CONTENT_FILTER}

    def _free(self, chosen: Chosen) -> Plain | None:
        """The answer of a fault that makes nothing."""
        if chosen.answer == "redirect":
            return moved(f"{self._gallery.origin}{BASE}/images/generations")
        return FREE.get(chosen.answer)

    def _length(self, order: GenerationRequest) -> float:
        """How long this one takes, in seconds."""
        return self._rng.uniform(*(self._pace.hd if order.quality == "hd" else self._pace.standard))

    async def _data(self, order: GenerationRequest, chosen: Chosen) -> list[dict[str, str]]:
        if chosen.answer in INLINE:
            image = await asyncio.to_thread(render, sketch_of(order, chosen.downloads))
            own = stamped(image, f"{self._rng.getrandbits(64):016x}")
            return [INLINE[chosen.answer](picture_url(self._gallery, order, chosen), own)]
        count = 2 if chosen.answer == "two-images" else 1
        return [{"url": picture_url(self._gallery, order, chosen)} for _ in range(count)]

    async def _deliver(self, peer: Peer, chosen: Chosen, made: Plain | dict[str, object]) -> None:
        if isinstance(made, Plain):
            await peer.reply(made.status, made.body, made.kind, made.headers)
            return
        body = BODIES.get(chosen.answer, encode)(made)
        if chosen.answer in WIRES:
            await WIRES[chosen.answer](HttpReply(peer, body, self._pace.drip))
        else:
            await peer.reply(200, body, more={"X-Log-Id": f"{self._rng.getrandbits(64):016x}"})


async def _refuse(peer: Peer, request: Request, refusal: Refusal) -> None:
    text = refusal.text(english=wants_english(request.headers))
    await peer.reply(refusal.status, error_body(refusal.code, text))
