"""The vendor's API: generations, tasks, the queue, and the sandbox's own books."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from cogview_cli.sandbox.answers import ANY_BODY, WIRES, encode
from cogview_cli.sandbox.contents import name_of, serve_content
from cogview_cli.sandbox.dialects import BASES, VENDOR
from cogview_cli.sandbox.faults import Chosen
from cogview_cli.sandbox.keys import check_key
from cogview_cli.sandbox.maker import CONTENT_FILTER, model_list, served_names
from cogview_cli.sandbox.messages import error_body, wants_english
from cogview_cli.sandbox.queue import Queue
from cogview_cli.sandbox.queue_api import QueueApi
from cogview_cli.sandbox.rules import GenerationRequest, Refusal, parse_body, read_order
from cogview_cli.sandbox.studio import Made, Studio
from cogview_cli.sandbox.tasks import Submit, TaskStore, check_model
from cogview_cli.sandbox.wire import Peer, Request

BASE = BASES[VENDOR]
BOOKS = "/sandbox/books"
GENERATIONS = f"{BASE}/images/generations"


class Api:
    """Answers the API's origin."""

    def __init__(self, studio: Studio, queue: Queue) -> None:
        self._studio, self._books = studio, studio.books
        self._queue, self._queue_api = queue, QueueApi(queue)
        self._tasks = TaskStore(studio.gallery, studio.books, studio.rng)
        self._busy: Counter[tuple[str, str]] = Counter()

    async def handle(self, peer: Peer, request: Request) -> None:
        """Answer one request."""
        try:
            await self._answer(peer, request)
        except Refusal as refusal:
            text = refusal.text(english=wants_english(request.headers))
            await peer.reply(refusal.status, error_body(refusal.code, text))

    async def _answer(self, peer: Peer, request: Request) -> None:
        match request.method, request.path:
            case "POST", path if path == GENERATIONS:
                await self._generate(peer, request)
            case "POST", path if path == f"{BASE}/async/images/generations":
                await self._submit(peer, request)
            case "GET", path if path.startswith(f"{BASE}/async-result/"):
                await self._look(peer, request)
            case "GET", path if path == f"{BASE}/models":
                check_key(request.headers)
                await peer.reply(200, encode(model_list(served_names())))
            case _:
                await self._answer_other(peer, request)

    async def _answer_other(self, peer: Peer, request: Request) -> None:
        path = request.path
        if (request.method, path) == ("GET", BOOKS):
            self._queue.advance()
            await peer.reply(200, self._studio.told())
        elif name := name_of(request):
            check_key(request.headers)
            await serve_content(self._studio, peer, name)
        elif not (
            path.startswith(BASE)
            and await self._queue_api.handle(peer, request, path.removeprefix(BASE))
        ):
            await peer.reply(404, encode({"status": 404, "error": "Not Found", "path": path}))

    async def _submit(self, peer: Peer, request: Request) -> None:
        fields = parse_body(request.body)
        nth = self._studio.note(fields)
        order = read_order(check_key(request.headers), fields)
        check_model(order)
        chosen = self._studio.pick(order.prompt, nth)
        with self._slot(order), self._books.working():
            made = self._take(order, chosen, fields.get("request_id"))
        known = chosen.answer in {*ANY_BODY, *WIRES}
        await self._studio.deliver(peer, chosen if known else Chosen(), made)

    def _take(self, order: GenerationRequest, chosen: Chosen, request_id: object) -> Made:
        """Begin a task; free faults do not."""
        if (plain := self._studio.free(chosen, GENERATIONS)) is not None:
            return plain
        length = self._studio.length(order)
        return self._tasks.add(Submit(order, chosen, request_id, length)).taken()

    async def _look(self, peer: Peer, request: Request) -> None:
        fault, told = self._tasks.look(request.headers, request.path.rpartition("/")[2])
        if fault == "task-lost-poll":
            peer.closing = True
        else:
            await peer.reply(200, encode(told))

    async def _generate(self, peer: Peer, request: Request) -> None:
        fields = parse_body(request.body)
        nth = self._studio.note(fields)
        order = read_order(check_key(request.headers), fields)
        chosen = self._studio.pick(order.prompt, nth)
        with self._slot(order), self._books.working():
            made = await self._make(order, chosen)
        await self._studio.deliver(peer, chosen, made)

    @contextmanager
    def _slot(self, order: GenerationRequest) -> Iterator[None]:
        """One of the key's slots for this model; 1302 if all are taken."""
        who = order.key, order.rules.name
        if self._busy[who] >= (order.rules.slots or self._studio.pace.slots):
            raise Refusal("1302")
        self._busy[who] += 1
        try:
            yield
        finally:
            self._busy[who] -= 1

    async def _make(self, order: GenerationRequest, chosen: Chosen) -> Made:
        """Let the time pass, then book the charge; free faults do neither."""
        if (plain := self._studio.free(chosen, GENERATIONS)) is not None:
            return plain
        created = int(time.time())
        await asyncio.sleep(self._studio.length(order))
        data = await self._studio.data(order, chosen)
        self._books.charge(order.prompt, order.rules.price)
        return {"created": created, "data": data, "content_filter": CONTENT_FILTER}
