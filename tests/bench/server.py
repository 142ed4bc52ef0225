"""An API that answers after set times and keeps books; a process of its own, no dependencies.

`python server.py '{"slots": 20, ...}'` prints its port and ends when stdin does.
Latencies are drawn by seed and order of arrival: the same in every run. `GET /books`.
"""

from __future__ import annotations

import asyncio
import json
import random
import struct
import sys
import time
import zlib
from dataclasses import asdict, dataclass, field

THROTTLED = b'{"error":{"code":"1302","message":"too many requests in flight"}}'
SEED = 20261121


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What the server does: times in seconds, `spread` as a share of `generation`."""

    slots: int
    generation: float = 0.0
    spread: float = 0.0
    download: float = 0.0
    picture_bytes: int = 1_500_000


@dataclass(slots=True)
class Stats:
    """What the server saw. Times by the monotonic clock."""

    drawn: list[float] = field(default_factory=list)
    first: float = 0.0
    last: float = 0.0
    area: float = 0.0
    in_flight: int = 0
    most: int = 0
    throttled: int = 0
    fetched: int = 0

    def change(self, by: int) -> None:
        """One generation more or less in flight."""
        now = time.monotonic()
        self.first = self.first or now
        self.area += self.in_flight * (now - (self.last or now))
        self.last = now
        self.in_flight += by
        self.most = max(self.most, self.in_flight)


def picture(size: int) -> bytes:
    """A PNG of about `size` bytes that decodes: noise of four bits a byte."""
    side = max(16, round((size * 2 / 3) ** 0.5))
    noise = random.Random(SEED).randbytes(side * side * 3).translate(bytes(range(16)) * 16)
    width = side * 3
    rows = b"".join(b"\0" + noise[at : at + width] for at in range(0, len(noise), width))
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(rows, 6)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    sum_ = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", sum_)


class Server:
    """Answers the API call, the download and the question for the books."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._books = Stats()
        self._latencies = random.Random(SEED)
        self._picture = picture(load.picture_bytes)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept as long as the client keeps it."""
        try:
            while await self._exchange(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        headers = dict(_header(line) for line in head.split("\r\n")[1:] if line)
        await reader.readexactly(int(headers.get("content-length", "0")))
        status, kind, body = await self._answer(head.split(" ", 2)[:2], headers["host"])
        writer.write(
            f"HTTP/1.1 {status} -\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
        )
        writer.write(body)
        await writer.drain()
        return headers.get("connection", "").lower() != "close"

    async def _answer(self, what: list[str], host: str) -> tuple[int, str, bytes]:
        if what[0] == "POST":
            return await self._generate(host)
        if what[1] == "/books":
            return 200, "application/json", json.dumps(asdict(self._books)).encode()
        await asyncio.sleep(self._load.download)
        self._books.fetched += 1
        return 200, "image/png", self._picture

    async def _generate(self, host: str) -> tuple[int, str, bytes]:
        books = self._books
        if books.in_flight >= self._load.slots:
            books.throttled += 1
            return 429, "application/json", THROTTLED
        seconds = self._load.generation * (1 + self._latencies.uniform(-1, 1) * self._load.spread)
        books.drawn.append(seconds)
        books.change(1)
        try:
            await asyncio.sleep(seconds)
        finally:
            books.change(-1)
        url = f"http://{host}/picture/{len(books.drawn)}.png"
        body = {"created": int(time.time()), "data": [{"url": url}]}
        return 200, "application/json", json.dumps(body).encode()


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.lower(), value.strip()


async def _main(load: Load) -> None:
    server = await asyncio.start_server(Server(load).serve, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_main(Load(**json.loads(sys.argv[1]))))
