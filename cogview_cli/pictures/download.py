"""An image URL to a checked file on disk. Its own client: no key, no cookies.

Downloads cost nothing, so they are repeated with patience, from the start each
time. The server names nothing on this disk (cogview_cli/api/README.md#picture-files).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import os
import random
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import httpx

from cogview_cli.api.image_urls import server_date
from cogview_cli.i18n.stored_messages import Message, StoredError
from cogview_cli.net.addresses import is_loopback, is_public, may_be_public
from cogview_cli.net.clients import CONNECT_SECONDS, new_client, tls_failure, uses_proxy
from cogview_cli.pictures.verify import ImageInfo, NotAnImage, TooLarge, check, sniff
from cogview_cli.terminal.text import clean

SIZE_LIMIT = 64 * 2**20
TOTAL_SECONDS = 120.0
IDLE_SECONDS = 15.0
SLOW_AFTER_SECONDS, SLOWEST_BYTES_PER_SECOND = 10.0, 1024
REDIRECTS = 5
TRIES = 5
TRIES_WHEN_REFUSED = 2
URL_LIMIT = 8192
# Each holds a whole decoded picture, and more of them than CPUs only slow the loop down.
CHECKS_AT_ONCE = min(4, os.cpu_count() or 1)
# The loop must not stop for every piece that comes: they are written together, off it.
WRITE_BYTES = 512 * 1024


class DownloadFailed(StoredError):
    """Why the image is not here; `final` if trying again at once is of no use.

    `date`: the clock of the server that says there is no such image, Unix seconds.
    """

    def __init__(
        self,
        message: Message,
        *,
        final: bool = False,
        gone: bool = False,
        date: float | None = None,
    ) -> None:
        super().__init__(message)
        self.final = final
        self.gone = gone
        self.date = date


class Fetched(NamedTuple):
    """A checked, synced file: size in bytes, SHA-256 in hex, picture facts."""

    bytes: int
    sha256: str
    info: ImageInfo


class Downloader:
    """Fetches images for one base URL, whose host decides what addresses are allowed."""

    def __init__(self, base_url: str, *, width: int = 20, total: float = TOTAL_SECONDS) -> None:
        """`width`: downloads at once; `total`: seconds for one image, all tries together."""
        self._base_host = httpx.URL(base_url).host
        self._total = min(total, TOTAL_SECONDS)
        self._gate = asyncio.Semaphore(width)
        self._clients: dict[str, httpx.AsyncClient] = {}
        self._checks = ThreadPoolExecutor(CHECKS_AT_ONCE, thread_name_prefix="check")

    async def close(self) -> None:
        """Closes the connections."""
        self._checks.shutdown(wait=False)
        for client in self._clients.values():
            await client.aclose()

    async def fetch(self, url: str, part: Path) -> Fetched:
        """Writes the image at `url` to `part`; raises DownloadFailed, OSError for this disk."""
        async with self._gate:
            try:
                async with asyncio.timeout(self._total):
                    return await self._patiently(url, part)
            except TimeoutError:
                why = Message.of("download-timeout", seconds=f"{self._total:g}")
                raise DownloadFailed(why) from None

    async def _patiently(self, url: str, part: Path) -> Fetched:
        tries = 0
        while True:
            tries += 1
            try:
                return await self._once(url, part)
            except DownloadFailed as failure:
                limit = TRIES_WHEN_REFUSED if failure.gone else TRIES
                if failure.final or tries >= limit:
                    raise
                await asyncio.sleep(0.1 * 2**tries)

    async def _once(self, url: str, part: Path) -> Fetched:
        try:
            size = await self._transfer(url, part)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            final = tls_failure(error) is not None or isinstance(error, httpx.InvalidURL)
            raise DownloadFailed(_words(error), final=final) from error
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._checks, _checked, part, size)

    async def _transfer(self, url: str, part: Path) -> int:
        for _ in range(REDIRECTS + 1):
            target = self._allowed(url)
            client = self._client(target)
            request = await self._pinned(client, target)
            response = await client.send(request, stream=True)
            try:
                if not response.is_redirect:
                    return await _to_file(response, part)
                url = str(target.join(response.headers.get("location", "")))
            finally:
                await response.aclose()
        raise DownloadFailed(Message.of("redirects", count=REDIRECTS), final=True)

    def _client(self, url: httpx.URL) -> httpx.AsyncClient:
        kind = f"{url.scheme} {is_loopback(url.host)}"
        if kind not in self._clients:
            self._clients[kind] = new_client(url, read_seconds=IDLE_SECONDS)
        return self._clients[kind]

    def _allowed(self, text: str) -> httpx.URL:
        """Raises DownloadFailed for a URL that must not be fetched."""
        if len(text) > URL_LIMIT or re.search(r"[\x00-\x20\x7f]", text):
            raise DownloadFailed(Message.of("url-malformed"), final=True)
        try:
            url = httpx.URL(text)
        except (httpx.InvalidURL, ValueError):
            raise DownloadFailed(Message.of("url-malformed"), final=True) from None
        if url.userinfo or not url.host:
            raise DownloadFailed(Message.of("url-login"), final=True)
        local = is_loopback(url.host) and is_loopback(self._base_host)
        if url.scheme != "https" and not (url.scheme == "http" and local):
            raise DownloadFailed(Message.of("url-scheme", scheme=url.scheme), final=True)
        return url

    async def _pinned(self, client: httpx.AsyncClient, url: httpx.URL) -> httpx.Request:
        """A request to the very address that was checked; the name stays for TLS and Host."""
        if is_loopback(url.host) and is_loopback(self._base_host):
            return client.build_request("GET", url)
        if uses_proxy(url.host):  # the proxy resolves the name itself
            await self._refuse_private([] if may_be_public(url.host) else [url.host])
            return client.build_request("GET", url)
        found = await _resolve(url.host, url.port or 443)
        await self._refuse_private(found)
        headers = {"Host": url.netloc.decode("ascii")}
        return client.build_request(
            "GET",
            url.copy_with(host=random.choice(found)),
            headers=headers,
            extensions={"sni_hostname": url.host},
        )

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
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise DownloadFailed(Message.of("host-not-found", why=error)) from error
    return [str(entry[4][0]) for entry in found]


async def _to_file(response: httpx.Response, part: Path) -> int:
    """Writes the body off the loop, a piece at a time; its size in bytes. `_checked` syncs it."""
    _check_head(response)
    size, pieces, waiting = 0, [], 0
    loop = asyncio.get_running_loop()
    began = loop.time()
    with part.open("wb") as file:
        async for chunk in response.aiter_raw():
            size += len(chunk)
            if size > SIZE_LIMIT:
                raise DownloadFailed(Message.of("too-many-bytes"), final=True)
            _check_speed(size, loop.time() - began)
            pieces.append(chunk)
            waiting += len(chunk)
            if waiting >= WRITE_BYTES:
                await asyncio.to_thread(file.writelines, pieces)
                pieces, waiting = [], 0
        await asyncio.to_thread(file.writelines, pieces)
    return size


def _check_head(response: httpx.Response) -> None:
    if response.status_code != 200:
        gone = response.status_code in (401, 403, 404, 410)
        date = server_date(response.headers) if gone else None
        message = Message.of("host-status", status=response.status_code)
        raise DownloadFailed(message, gone=gone, date=date)
    if response.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
        raise DownloadFailed(Message.of("host-packed"), final=True)
    length = response.headers.get("content-length", "0")
    if not re.fullmatch(r"[0-9]{1,8}", length) or int(length) > SIZE_LIMIT:
        raise DownloadFailed(Message.of("too-many-bytes"), final=True)


def _check_speed(size: int, seconds: float) -> None:
    if seconds > SLOW_AFTER_SECONDS and size < seconds * SLOWEST_BYTES_PER_SECOND:
        raise DownloadFailed(Message.of("host-slow"))


def _checked(part: Path, size: int) -> Fetched:
    """Syncs the file and looks at it; raises DownloadFailed, OSError for this disk."""
    with part.open("rb+") as file:
        os.fsync(file.fileno())
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    try:
        info = check(part)
    except NotAnImage as error:
        gone = not size or sniff(part.read_bytes()[:16]) is None
        why = Message.of("no-picture", why=error.message)
        if gone and size:
            why = Message.of("it-says", why=why, text=_beginning(part))
        raise DownloadFailed(why, gone=gone) from error
    except TooLarge as error:
        kept = part.with_suffix(".unverified")
        part.replace(kept)
        why = Message.of("bytes-kept", why=error.message, path=kept)
        raise DownloadFailed(why, final=True) from error
    return Fetched(bytes=size, sha256=digest, info=info)


def _beginning(part: Path) -> str:
    """The first words of what came instead of a picture, such as an error page."""
    with part.open("rb") as file:
        return clean(" ".join(file.read(800).decode("utf-8", "replace").split()), 200)


def store_base64(data: str, part: Path) -> Fetched:
    """Writes an image that came inside the answer; raises DownloadFailed like `fetch`."""
    try:
        raw = base64.b64decode(data.rpartition(",")[2], validate=True)
    except (binascii.Error, ValueError):
        raise DownloadFailed(Message.of("not-base64"), final=True) from None
    part.write_bytes(raw)
    return _checked(part, len(raw))


_HOST_ERRORS: dict[type[Exception], Message] = {
    httpx.ConnectTimeout: Message.of("host-connect-timeout", seconds=f"{CONNECT_SECONDS:g}"),
    httpx.ReadTimeout: Message.of("host-read-timeout", seconds=f"{IDLE_SECONDS:g}"),
    httpx.ConnectError: Message.of("host-connect-error"),
    httpx.RemoteProtocolError: Message.of("host-closed-early"),
    httpx.ReadError: Message.of("host-read-error"),
}


def _words(error: Exception) -> Message:
    return _HOST_ERRORS.get(type(error)) or Message.of("fetch-error", why=error)
