"""An image URL to a checked file on disk. Its own client: no key, no cookies.

Downloads cost nothing, so they are repeated with patience, from the start each time.
The server names nothing on this disk.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType

from cogview_cli.api.redaction import Redactors
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.net import failures
from cogview_cli.net.addresses import is_loopback, is_public, may_be_public
from cogview_cli.net.clients import CONNECT_SECONDS, new_client, tls_failure, traced
from cogview_cli.net.proxies import proxy_for
from cogview_cli.net.race import interleaved
from cogview_cli.net.resolver import resolve
from cogview_cli.net.response import Client
from cogview_cli.net.target import PORTS, Target
from cogview_cli.pictures.arrival import Fetched, judged, judged_cut
from cogview_cli.pictures.body import Body, to_file
from cogview_cli.pictures.failure import NOT_NOW, DownloadFailed, Stalled, next_wait
from cogview_cli.pictures.links import allowed, redirected
from cogview_cli.pictures.origin import Origin, is_on_disk
from cogview_cli.pictures.set_aside import SetAside
from cogview_cli.pictures.urls import Url, url_of

TOTAL_SECONDS = 120.0
IDLE_SECONDS = 15.0
PATIENCE_SECONDS = 60.0
REDIRECTS = 5
# Each holds a whole decoded picture; a CPU is left to the loop, which sends the next requests.
CHECKS_AT_ONCE = max(1, min(4, (os.cpu_count() or 1) - 1))
_MOVED = (301, 302, 303, 307, 308)


class Downloader:
    """Fetches images for one base URL, whose host decides what addresses are allowed."""

    def __init__(
        self,
        base_url: str,
        *,
        width: int = 20,
        total: float = TOTAL_SECONDS,
        patience: float = PATIENCE_SECONDS,
        headers: Mapping[str, str] = MappingProxyType({}),
        trace: Callable[[str], None] | None = None,
    ) -> None:
        """`width`: downloads at once; `total`: seconds for one try.

        `headers`: for links on the base URL's own origin, which may be behind its key.

        `patience`: seconds to try again for one image, from its first failure. Those waiting
        take no place among the `width`. `trace` hears of each exchange, for --debug.
        """
        self._trace = trace
        self._secrets = [*headers.values(), *(v.removeprefix("Bearer ") for v in headers.values())]
        self._origin = Origin(url_of(base_url), headers)
        self._base_host = self._origin.base.host
        self._total = min(total, TOTAL_SECONDS)
        self._patience = patience
        self._gate = asyncio.Semaphore(width)
        self._clients: dict[str, Client] = {}
        self._checks = ThreadPoolExecutor(CHECKS_AT_ONCE, thread_name_prefix="check")

    async def close(self) -> None:
        """Closes the connections."""
        self._checks.shutdown(wait=False)
        for client in self._clients.values():
            await client.aclose()

    async def fetch(self, url: str, part: Path, stalled: Stalled = lambda: None) -> Fetched:
        """Writes the image at `url` to `part`, a new file.

        `stalled` hears when a try has failed and another one follows.
        Raises DownloadFailed, OSError for this disk, MachineError for a proxy setting. Of all
        tries, `part` then holds the one that brought most, if the failure says so.
        """
        link, clock = self._link(url), asyncio.get_running_loop().time
        tries, seen, end = 0, set[str](), None
        with SetAside(part) as best:
            while True:
                tries += 1
                try:
                    return await self._once(link, part, tries, seen)
                except DownloadFailed as failure:
                    self._explain(url, failure)
                    end = clock() + self._patience if end is None else end
                    wait = next_wait(failure, tries, end - clock(), random.uniform)
                    if wait is None:
                        best.put_back(failure)
                        raise
                    best.keep(failure)
                stalled()
                await asyncio.sleep(wait)

    def _link(self, url: str) -> Url:
        """The whole URL of a link, which may be relative; DownloadFailed for what is none."""
        try:
            if is_on_disk(url):
                raise DownloadFailed(Message.of("on-disk"), final=True)
            return self._allowed(self._origin.resolved(url))
        except DownloadFailed as failure:
            self._explain(url, failure)
            raise

    def _allowed(self, url: str) -> Url:
        return allowed(url, self._base_host, plain=self._origin.is_plain)

    def _explain(self, url: str, failure: DownloadFailed) -> None:
        """What the API's own origin has to do with it: then trying on is of no use."""
        explained = self._origin.explained(url, failure.status, failure.message)
        if explained is not failure.message:
            failure.message, failure.retry_after = explained, NOT_NOW

    async def _once(self, link: Url, part: Path, tries: int, seen: set[str]) -> Fetched:
        body = Body()
        try:
            await self._in_time(link, part, tries, body)
        except DownloadFailed as failure:
            if not body.wanted:
                raise
            judge = partial(judged_cut, part, body.coding, failure, wanting=body.is_short)
        else:
            last = self._patience <= 0
            judge = partial(
                judged,
                part,
                body.coding,
                seen,
                last=last,
                synced=True,
                sized=body.length is not None,
            )
        return await asyncio.get_running_loop().run_in_executor(self._checks, judge)

    async def _in_time(self, link: Url, part: Path, tries: int, body: Body) -> None:
        """Waits for its turn and for the transfer; what ends it early is a DownloadFailed."""
        try:
            async with self._gate, asyncio.timeout(self._total):
                await self._transfer(link, part, tries, body)
        except TimeoutError:
            late = Message.of("download-timeout", seconds=f"{self._total:g}")
            raise DownloadFailed(late, retry_after=NOT_NOW) from None
        except failures.NetworkError as error:
            wait = NOT_NOW if tls_failure(error) else None
            raise DownloadFailed(_words(error), retry_after=wait) from error

    async def _transfer(self, link: Url, part: Path, tries: int, body: Body) -> None:
        """Writes what is at `link` to `part`."""
        found = await self._hop(link, part, tries, body)
        for _ in range(REDIRECTS):
            if found is None:
                return
            try:
                found = await self._hop(found, part, tries, body)
            except DownloadFailed as failure:
                if not failure.final:
                    raise
                # The link in the answer stays as it is; where it leads may change.
                raise DownloadFailed(failure.message, retry_after=NOT_NOW) from failure
        if found:
            raise DownloadFailed(Message.of("redirects", count=REDIRECTS), retry_after=NOT_NOW)

    async def _hop(self, link: Url, part: Path, tries: int, body: Body) -> Url | None:
        """Where the server says that it is; None once it is written to `part`."""
        target = _target(link)
        addresses = await self._addresses(target, tries)
        headers = self._origin.headers_for(link)
        async with self._client(target).stream(
            "GET", target, headers=headers, addresses=addresses
        ) as response:
            location = response.headers.get("location")
            if response.status in _MOVED and location is not None:
                return self._moved(link, location)
            await to_file(response, part, body)
            return None

    def _moved(self, link: Url, location: str) -> Url:
        try:
            return self._allowed(redirected(link, location))
        except DownloadFailed as failure:
            raise DownloadFailed(failure.message, retry_after=NOT_NOW) from failure

    def _client(self, target: Target) -> Client:
        kind = f"{target.scheme} {proxy_for(target)}"
        if kind not in self._clients:
            client = new_client(target, read_seconds=IDLE_SECONDS)
            blotted = Redactors(self._secrets).blotted_text
            self._clients[kind] = traced(client, self._trace, blotted) if self._trace else client
        return self._clients[kind]

    async def _addresses(self, target: Target, tries: int) -> list[str]:
        """The very addresses that were checked; none where the host's name is enough."""
        host = target.host
        if is_loopback(host) and is_loopback(self._base_host):
            return []
        if proxy_for(target):  # it resolves the name itself
            await self._refuse_private([] if may_be_public(host) else [host])
            return []
        found = await _resolve(host, target.port)
        await self._refuse_private(found)
        return interleaved(found, tries - 1)

    async def _refuse_private(self, found: list[str]) -> None:
        private = [ip for ip in found if not is_public(ip)]
        if private and not await self._base_is_private():
            raise DownloadFailed(Message.of("url-private"), final=True)

    async def _base_is_private(self) -> bool:
        if is_loopback(self._base_host):
            return False
        with suppress(DownloadFailed):
            return any(not is_public(ip) for ip in await _resolve(self._base_host, 443))
        return False


async def _resolve(host: str, port: int) -> list[str]:
    try:
        return await resolve(host, port)
    except (OSError, UnicodeError) as error:
        raise DownloadFailed(Message.of("host-not-found", why=error)) from error


def _target(link: Url) -> Target:
    return Target(link.scheme, link.host, link.port or PORTS[link.scheme], link.path)


_HOST_ERRORS: dict[type[Exception], Message] = {
    failures.ConnectTimeout: Message.of("host-connect-timeout", seconds=f"{CONNECT_SECONDS:g}"),
    failures.ReadTimeout: Message.of("host-read-timeout", seconds=f"{IDLE_SECONDS:g}"),
    failures.ConnectError: Message.of("host-connect-error"),
    failures.RemoteProtocolError: Message.of("host-closed-early"),
    failures.ReadError: Message.of("host-read-error"),
}


def _words(error: Exception) -> Message:
    if error.args and isinstance(error.args[0], Message):  # a proxy's
        return error.args[0]
    return _HOST_ERRORS.get(type(error)) or Message.of("fetch-error", why=error)
