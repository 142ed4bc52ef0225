"""The sandbox itself: listeners on 127.0.0.1, started and stopped together.

The API, the image host and a mirror of the image host have a port, and so an
origin, each.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from cogview_cli.api.models import TIER_SLOTS
from cogview_cli.sandbox import api, openai_api
from cogview_cli.sandbox.books import Stats
from cogview_cli.sandbox.deferred_faults import QueueSettings
from cogview_cli.sandbox.dialects import BASES, OPENAI, VENDOR
from cogview_cli.sandbox.faults import FaultPlan
from cogview_cli.sandbox.gallery import PictureStore
from cogview_cli.sandbox.images import ImageHost
from cogview_cli.sandbox.queue import Queue
from cogview_cli.sandbox.studio import Pace, Range, Studio
from cogview_cli.sandbox.wire import Handler, Peer, converse

HOST = "127.0.0.1"
_BACKLOG = 512


class Sandbox:
    """A stand-in of the image API; see `faults` for what can go wrong on request.

    Latencies are ranges in seconds. `slots` replaces the tier's concurrency.
    `drip` is the pause between the pieces of slow faults. A batch of the queue takes
    `queue_latency`; `queue_limit` replaces the vendor's limit of waiting requests, and
    `queue_faults` are names of `deferred_faults.QUEUE_SETTINGS`. `dialect` is one of
    `dialects.BASES`: the vendor's own API, or that of servers of open weights.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        tier: str = "V0",
        latency: Range = (0.0, 0.0),
        hd_latency: Range = (0.0, 0.0),
        download_latency: Range = (0.0, 0.0),
        seed: int = 0,
        slots: int | None = None,
        drip: float = 0.05,
        queue_latency: Range = (1.0, 2.0),
        queue_limit: int | None = None,
        queue_faults: Iterable[str] = (),
        dialect: str = VENDOR,
    ) -> None:
        self.books = Stats()
        self._port, self._base = port, BASES[dialect]
        self._plan = FaultPlan()
        rng = random.Random(seed)
        self._gallery = PictureStore(rng)
        pace = Pace(latency, hd_latency, drip, TIER_SLOTS[tier] if slots is None else slots)
        self._queue = Queue(
            self._gallery,
            self.books,
            self._plan,
            rng,
            latency=queue_latency,
            limit=queue_limit,
            settings=QueueSettings(queue_faults),
        )
        studio = Studio(self._gallery, self.books, self._plan, rng, pace)
        own = openai_api.OpenAiApi(studio) if dialect == OPENAI else None
        self._api = own or api.Api(studio, self._queue)
        self._images = ImageHost(
            self._gallery, self.books, rng, latency=download_latency, drip=drip
        )
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def origin(self) -> str:
        """The API's origin."""
        return f"http://{HOST}:{self._port}"

    @property
    def base_url(self) -> str:
        """What a client takes for the vendor's base URL."""
        return self.origin + self._base

    @property
    def image_origin(self) -> str:
        """The image host's origin."""
        return self._gallery.origin

    def script(self, match: str | None, names: list[str]) -> None:
        """Give successive requests whose prompt holds `match` these faults in turn.

        `ok` stands for no fault; `None` matches every prompt.
        """
        self._plan.script(match, names)

    def queue_fault(self, name: str) -> None:
        """Switch on a fault of the whole queue: `lost-create`, or `lost-createx1` for once."""
        self._queue.settings.add(name)

    def skip(self, seconds: float) -> None:
        """Let time pass for the queue and the links, at once."""
        self.books.skipped += seconds
        self._queue.advance()

    async def start(self) -> None:
        """Listen."""
        self._port = await self._listen(self._api.handle, self._port)
        self._gallery.origin = f"http://{HOST}:{await self._listen(self._images.handle)}"
        self._images.mirror = f"http://{HOST}:{await self._listen(self._images.handle_mirror)}"

    async def _listen(self, handler: Handler, port: int = 0) -> int:
        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(_talk(handler, reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        server = await asyncio.start_server(accept, HOST, port, backlog=_BACKLOG)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close the listeners and every connection."""
        for server in self._servers:
            server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(server.wait_closed() for server in self._servers))
        self._servers.clear()
        await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()


async def _talk(
    handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Serve one connection. A client that dies is nothing special."""
    try:
        await converse(Peer(reader, writer), handler)
        writer.close()
        await writer.wait_closed()
    except ConnectionError:
        pass
    finally:
        writer.transport.abort()
