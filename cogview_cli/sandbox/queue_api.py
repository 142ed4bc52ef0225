"""The queue's routes: files and batches (docs.bigmodel.cn/cn/guide/tools/batch)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol, TypeVar
from urllib.parse import parse_qs

from cogview_cli.sandbox.answers import encode
from cogview_cli.sandbox.keys import check_key
from cogview_cli.sandbox.multipart import read_form
from cogview_cli.sandbox.queue import Create, Queue, StoredFile
from cogview_cli.sandbox.queue_batch import ENDS, Batch, BatchStatus
from cogview_cli.sandbox.queue_rules import CHAT, IMAGES, check_metadata
from cogview_cli.sandbox.rules import Refusal, parse_body
from cogview_cli.sandbox.wire import HTML, Peer, Request

_PAGE, _LARGEST_PAGE = 20, 100
_BAD_GATEWAY = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


class _Kept(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def key(self) -> str: ...


T = TypeVar("T", bound=_Kept)


class Call(NamedTuple):
    """One request with its key and the id in its path."""

    peer: Peer
    request: Request
    key: str
    id: str

    async def answer(self, fields: dict[str, object]) -> None:
        await self.peer.reply(200, encode(fields))


class QueueApi:
    """Answers what begins with `/files` or `/batches` below the base URL."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._routes: Sequence[tuple[str, str, Callable[[Call], Awaitable[None]]]] = (
            ("POST", r"/files", self._upload),
            ("GET", r"/files", self._list_files),
            ("GET", r"/files/([^/]+)", self._show_file),
            ("DELETE", r"/files/([^/]+)", self._delete_file),
            ("GET", r"/files/([^/]+)/content", self._content),
            ("POST", r"/batches", self._create),
            ("GET", r"/batches", self._list_batches),
            ("GET", r"/batches/([^/]+)", self._show_batch),
            ("POST", r"/batches/([^/]+)/cancel", self._cancel),
        )

    async def handle(self, peer: Peer, request: Request, path: str) -> bool:
        """Answer `path`, which is below the base URL; False if it is not the queue's."""
        for method, pattern, act in self._routes:
            match = re.fullmatch(pattern, path)
            if match and method == request.method:
                self._queue.advance()
                key = check_key(request.headers)
                await act(Call(peer, request, key, match[1] if match.groups() else ""))
                return True
        return False

    async def _upload(self, call: Call) -> None:
        settings = self._queue.settings
        self._check_name()
        if settings.meets("slow-upload-429"):
            raise Refusal("1303", "上传文件频率过快", "files are uploaded too often")
        filename, content = _form(call.request)
        if settings.meets("cut-upload"):
            call.peer.closing = True
            return
        file = self._queue.upload(call.key, filename, content)
        if settings.meets("lost-upload"):
            call.peer.closing = True
        else:
            await call.answer(file.as_dict())

    def _check_name(self) -> None:
        if self._queue.settings.meets("no-real-name"):
            text = "请先完成实名认证"
            raise Refusal("1220", text, "real-name authentication is needed first")

    async def _list_files(self, call: Call) -> None:
        purpose = _query(call.request).get("purpose")
        files = [file for file in self._queue.files.values() if purpose in (None, file.purpose)]
        page, more = _page(files, call, _LARGEST_PAGE)
        data = [file.as_dict() for file in page]
        await call.answer({"object": "list", "data": data, "has_more": more})

    def _file(self, call: Call) -> StoredFile:
        return _own(self._queue.files.get(call.id), call, "文件不存在", "no such file")

    async def _show_file(self, call: Call) -> None:
        await call.answer(self._file(call).as_dict())

    async def _delete_file(self, call: Call) -> None:
        file = self._file(call)
        del self._queue.files[file.id]
        await call.answer({"id": file.id, "object": "file", "deleted": True})

    async def _content(self, call: Call) -> None:
        file, settings = self._file(call), self._queue.settings
        content, kind = file.content, "application/octet-stream"
        if not file.model and settings.meets("results-503"):
            await _busy(call.peer)
        elif not file.model and settings.meets("no-such-results"):
            raise Refusal("404", "文件不存在", "no such file", status=404)
        elif not file.model and settings.meets("cut-results"):
            await call.peer.start(200, {"Content-Type": kind, "Content-Length": len(content)})
            await call.peer.send(content[: len(content) // 2])
        elif not file.model and settings.meets("short-results"):
            await call.peer.reply(200, b"".join(content.splitlines(keepends=True)[:-1]), kind)
        else:
            await call.peer.reply(200, content, kind)

    async def _create(self, call: Call) -> None:
        self._check_name()
        if self._queue.settings.meets("cut-create"):
            call.peer.closing = True
            return
        batch = self._queue.create(self._asked(call))
        loop, length = asyncio.get_running_loop(), batch.timeline.ended - batch.timeline.created
        loop.call_later(length, self._queue.advance)  # charged although nobody looks
        if self._queue.settings.meets("lost-create"):
            call.peer.closing = True
        elif self._queue.settings.meets("create-502"):
            await call.peer.reply(502, _BAD_GATEWAY, HTML)
        else:
            await call.answer(self._told(batch, BatchStatus.VALIDATING))

    def _asked(self, call: Call) -> Create:
        fields = parse_body(call.request.body)
        file_id, endpoint = fields.get("input_file_id"), fields.get("endpoint")
        if not isinstance(file_id, str) or not file_id:
            raise Refusal("1213", "未收到input_file_id参数", "input_file_id is missing")
        file = self._queue.files.get(file_id)
        if file is None or file.key != call.key or not file.model:
            raise Refusal("1214", "input_file_id不存在", "there is no such input file")
        self._check_endpoint(endpoint)
        metadata = check_metadata(fields.get("metadata"))
        kept = None if self._queue.settings.meets("no-metadata") else metadata
        delete = fields.get("auto_delete_input_file") is not False
        return Create(file, str(endpoint), kept, delete)

    def _check_endpoint(self, endpoint: object) -> None:
        refused = {IMAGES: "endpoint-refused", CHAT: "chat-refused"}
        if endpoint not in refused or self._queue.settings.meets(refused[str(endpoint)]):
            raise Refusal("1214", "不支持当前endpoint值", "the endpoint is not supported")

    async def _disturbed(self, peer: Peer) -> bool:
        """Whether a look ended with a fault instead of an answer."""
        if self._queue.settings.meets("lost-look"):
            peer.closing = True
            return True
        if busy := self._queue.settings.meets("look-503"):
            await _busy(peer)
        return busy

    async def _list_batches(self, call: Call) -> None:
        if await self._disturbed(call.peer):
            return
        most = _PAGE if self._queue.settings.meets("page-20") else _LARGEST_PAGE
        page, more = _page(list(self._queue.batches.values()), call, most)
        data = [self._told(batch) for batch in page]
        ids = {"first_id": page[0].id, "last_id": page[-1].id} if page else {}
        await call.answer({"object": "list", "data": data, **ids, "has_more": more})

    def _batch(self, call: Call) -> Batch:
        return _own(self._queue.batches.get(call.id), call, "任务不存在", "no such batch")

    async def _show_batch(self, call: Call) -> None:
        settings = self._queue.settings
        if await self._disturbed(call.peer):
            return
        if settings.meets("html-404-batch"):
            await call.peer.reply(404, _BAD_GATEWAY, HTML)
            return
        batch = self._batch(call)
        if settings.meets("no-such-batch"):
            raise Refusal("404", "任务不存在", "no such batch", status=404)
        told = self._told(batch)
        if told["status"] in ENDS:
            told |= self._ended_oddly()
        await call.answer(told)

    def _ended_oddly(self) -> dict[str, object]:
        """What faults say of a batch that has ended."""
        meets = self._queue.settings.meets
        said: dict[str, object] = {"output_file_id": None} if meets("late-output") else {}
        for status in (BatchStatus.FAILED, BatchStatus.CANCELLED):
            if meets(f"ends-{status}"):
                said |= {"status": status, "request_counts": {"total": 0}}
        return said

    async def _cancel(self, call: Call) -> None:
        batch = self._batch(call)
        self._queue.cancel(batch)
        await call.answer(self._told(batch, BatchStatus.CANCELLING))

    def _told(self, batch: Batch, status: BatchStatus | None = None) -> dict[str, object]:
        top = self._queue.settings.meets("top-counts")
        return batch.as_dict(status or batch.status(self._queue.now), top_counts=top)


async def _busy(peer: Peer) -> None:
    await peer.reply(503, b"", HTML, {"Retry-After": 1})


def _form(request: Request) -> tuple[str, bytes]:
    """Name and content of the uploaded file."""
    try:
        form = read_form(request.headers.get("content-type", ""), request.body)
    except ValueError:
        raise Refusal("1210") from None
    if "file" not in form or not form["file"].filename:
        raise Refusal("1213", "未收到file参数", "file is missing")
    if "purpose" not in form:
        raise Refusal("1213", "未收到purpose参数", "purpose is missing")
    if form["purpose"].content != b"batch":
        raise Refusal("1214", "不支持当前purpose值", "the purpose is not supported")
    filename = form["file"].filename
    if not filename.lower().endswith(".jsonl"):
        raise Refusal("1210", "只支持.jsonl格式的文件", "the file's name must end in .jsonl")
    return filename, form["file"].content


def _query(request: Request) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(request.query).items()}


def _own(found: T | None, call: Call, chinese: str, english: str) -> T:
    if found is None or found.key != call.key:
        raise Refusal("404", chinese, english, status=404)
    return found


def _page(kept: Sequence[T], call: Call, most: int) -> tuple[list[T], bool]:
    """One page of the key's own, newest first, and whether there are more."""
    query = _query(call.request)
    mine = [one for one in reversed(kept) if one.key == call.key]
    limit = query.get("limit", str(_PAGE))
    if not limit.isascii() or not limit.isdecimal() or not 1 <= int(limit) <= _LARGEST_PAGE:
        raise Refusal("1214", "不支持当前limit值", "limit is 1 to 100")
    places = [place for place, one in enumerate(mine) if one.id == query.get("after")]
    if query.get("after") and not places:
        raise Refusal("1214", "不支持当前after值", "there is nothing with the id of after")
    start = places[0] + 1 if places else 0
    end = start + min(int(limit), most)
    return mine[start:end], end < len(mine)
