"""The queue of one server, open for one run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from cogview_cli.api.dialects import server_of
from cogview_cli.api.queue_client import QueueClient
from cogview_cli.engine.session import Endpoint
from cogview_cli.ledger import Ledger
from cogview_cli.ledger.queue_parts import Part
from cogview_cli.queue.collector import Collector
from cogview_cli.queue.sender import PartSender
from cogview_cli.queue.service import Service
from cogview_cli.terminal.ending import exchange_listener


class Queue(NamedTuple):
    """The two halves of the work: to the vendor, and back."""

    endpoint: Endpoint
    service: Service
    sender: PartSender
    collector: Collector

    def is_here(self, part: Part) -> bool:
        """Whether a part was given to this server; a new key may belong to the same account."""
        return part.base_url == self.endpoint.base_url


@asynccontextmanager
async def open_queue(
    endpoint: Endpoint,
    ledger: Ledger,
    *,
    timeout: float,
    say: Callable[[str], None],
    sleep: Callable[[float], Awaitable[None]],
) -> AsyncIterator[Queue]:
    """The queue at `endpoint`; `timeout` and the rest as `ApiClient` and `Service` take them."""
    client = QueueClient(
        endpoint.base_url,
        endpoint.key,
        timeout=timeout,
        headers=endpoint.headers,
        trace=exchange_listener(),
    )
    try:
        server = server_of(endpoint.base_url)
        service = Service(client, ledger, server, endpoint.account, say, sleep)
        yield Queue(endpoint, service, PartSender(service), Collector(service))
    finally:
        await client.close()
