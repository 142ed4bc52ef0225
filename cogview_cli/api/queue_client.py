"""The calls of the vendor's batch queue; only `create` begins what costs money."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, urlencode

from cogview_cli.api.batches import BATCHES, FILES, PAGE
from cogview_cli.api.client import AnswerLost, ApiClient, Exchange, NotSent
from cogview_cli.api.protocol import Answer
from cogview_cli.net.request_body import FileBody, RequestBody
from cogview_cli.net.response import Response

WRITE_BYTES = 512 * 1024
_BOUNDARY = "cogview-{}"


class _Download(Exchange):
    """An answer whose body goes to a file where it went well."""

    file: BinaryIO
    written = 0
    # Why the file could not be written.
    failed: OSError | None = None

    async def receive(self, response: Response) -> None:
        if response.status // 100 != 2:
            await super().receive(response)
            return
        waiting: list[bytes] = []
        async for chunk in response.body:
            # Results of fifty thousand requests take as long as they take while they come.
            self.began = asyncio.get_running_loop().time()
            waiting.append(chunk)
            if sum(map(len, waiting)) >= WRITE_BYTES:
                await self._write(waiting)
                waiting = []
        await self._write(waiting)
        self.whole = True

    async def _write(self, pieces: list[bytes]) -> None:
        try:
            await asyncio.to_thread(self.file.writelines, pieces)
        except OSError as error:
            self.failed = error
            raise
        self.written += sum(map(len, pieces))


class QueueClient(ApiClient):
    """Files and batches at one base URL.

    Each call returns the raw answer, whatever its status, and raises NotSent, AnswerLost or
    MachineError, as `ApiClient.post` does.
    """

    async def upload(self, path: Path, name: str) -> Answer:
        """Sends the file of requests at `path` under `name`; costs nothing."""
        boundary = _BOUNDARY.format(os.urandom(16).hex())
        with path.open("rb") as file:
            body = FileBody(
                _head(boundary, name),
                file,
                path.stat().st_size,
                f"\r\n--{boundary}--\r\n".encode(),
                f"multipart/form-data; boundary={boundary}",
            )
            exchange = Exchange(self._redactor, body)
            body.moved = lambda: _goes_on(exchange)
            return await self._done_with("POST", FILES, exchange)

    async def create(self, file: str, endpoint: str, metadata: Mapping[str, str]) -> Answer:
        """Begins a batch: the one call whose lost answer matters."""
        fields = {
            "input_file_id": file,
            "endpoint": endpoint,
            "auto_delete_input_file": True,
            "metadata": dict(metadata),
        }
        return await self._send("POST", BATCHES, fields)

    async def batch(self, id: str) -> Answer:
        """How far a batch is."""
        return await self.get(f"{BATCHES}/{_part(id)}")

    async def batches(self, after: str | None = None) -> Answer:
        """A page of the list, the newest first as far as is known."""
        query = {"limit": str(PAGE), **({"after": after} if after else {})}
        return await self.get(f"{BATCHES}?{urlencode(query)}")

    async def cancel(self, id: str) -> Answer:
        """Ends a batch; what is done stays."""
        return await self._send("POST", f"{BATCHES}/{_part(id)}/cancel", {})

    async def files(self) -> Answer:
        """The newest uploaded files."""
        return await self.get(f"{FILES}?{urlencode({'purpose': 'batch', 'limit': PAGE})}")

    async def content(self, id: str, file: BinaryIO) -> Answer:
        """Writes a result file to `file`; the answer holds its bytes only if it went wrong.

        OSError where `file` cannot be written.
        """
        exchange = _Download(self._redactor, None)
        exchange.file = file
        try:
            return await self._done_with("GET", f"{FILES}/{_part(id)}/content", exchange)
        except (NotSent, AnswerLost):
            if exchange.failed:
                raise exchange.failed from None
            raise

    async def delete(self, id: str) -> Answer:
        """Removes a file."""
        return await self._done_with(
            "DELETE", f"{FILES}/{_part(id)}", Exchange(self._redactor, None)
        )

    async def _send(self, method: str, path: str, fields: Mapping[str, object]) -> Answer:
        body = RequestBody(json.dumps(fields, ensure_ascii=False).encode())
        return await self._done_with(method, path, Exchange(self._redactor, body))

    async def _done_with(self, method: str, path: str, exchange: Exchange) -> Answer:
        await self._within_time(method, path, exchange)
        if self._tracer and isinstance(exchange, _Download) and exchange.written:
            self._tracer.body("<", f"({exchange.written} bytes into a file)".encode())
        return self._traced(exchange.answer())


def _goes_on(exchange: Exchange) -> None:
    """An upload that goes on is not late."""
    exchange.began = asyncio.get_running_loop().time()


def _head(boundary: str, name: str) -> bytes:
    return (
        f"--{boundary}\r\n"
        'Content-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: application/jsonl\r\n\r\n"
    ).encode()


def _part(id: str) -> str:
    return quote(id, safe="")
