"""The vendor's batch queue: files and batches, which go on by the clock of the books."""

from __future__ import annotations

import random
from collections import Counter, deque
from dataclasses import dataclass
from typing import NamedTuple

from cogview_cli.sandbox.books import Stats
from cogview_cli.sandbox.deferred_faults import QueueSettings
from cogview_cli.sandbox.faults import Chosen, FaultPlan
from cogview_cli.sandbox.gallery import PictureStore
from cogview_cli.sandbox.maker import CONTENT_FILTER, pick, picture_url
from cogview_cli.sandbox.queue_batch import ENDS, Batch, Due, queue_fault, schedule
from cogview_cli.sandbox.queue_results import (
    Result,
    free_fault,
    made,
    of_plain,
    refused,
    result_line,
)
from cogview_cli.sandbox.queue_rules import (
    MAX_FILES,
    QUEUE_LIMIT,
    QUEUE_LIMITS,
    Line,
    check_upload,
    not_listed,
    read_lines,
)
from cogview_cli.sandbox.rules import Refusal, read_order

_HALF = 2
FILE_LIFETIME_S = 30 * 24 * 3600


@dataclass(slots=True)
class StoredFile:
    """One file; `parts` of a result file are the batch's own list and may grow."""

    id: str
    key: str
    filename: str
    purpose: str
    created: float
    parts: list[bytes]
    model: str = ""

    @property
    def content(self) -> bytes:
        return b"".join(self.parts)

    def as_dict(self) -> dict[str, object]:
        return {
            "id": self.id,
            "object": "file",
            "bytes": sum(map(len, self.parts)),
            "created_at": int(self.created),
            "filename": self.filename,
            "purpose": self.purpose,
            "status": "processed",
        }


class Create(NamedTuple):
    """What a create asks for."""

    file: StoredFile
    endpoint: str
    metadata: dict[str, str] | None
    delete_input: bool


class Queue:
    """Files and batches by id, oldest first. `latency` is how long a batch takes, in seconds."""

    def __init__(
        self,
        gallery: PictureStore,
        books: Stats,
        plan: FaultPlan,
        rng: random.Random,
        *,
        latency: tuple[float, float],
        limit: int | None,
        settings: QueueSettings,
    ) -> None:
        self.files: dict[str, StoredFile] = {}
        self.batches: dict[str, Batch] = {}
        self.settings = settings
        self._gallery, self._books, self._plan, self._rng = gallery, books, plan, rng
        self._latency, self._limit = latency, limit
        self._asked: Counter[str] = Counter()

    @property
    def now(self) -> float:
        return self._books.now()

    def upload(self, key: str, filename: str, content: bytes) -> StoredFile:
        """Keep a file of requests. Refusal if it breaks a rule."""
        model = check_upload(content)
        if self.settings.meets("not-listed"):
            raise not_listed()
        mine = [file for file in self.files.values() if file.key == key and file.model]
        if len(mine) >= MAX_FILES:
            raise Refusal("1210", "文件数超过1000个", "more than 1000 files")
        self._books.queue.uploads += 1
        return self._keep(key, filename, "batch", [content], model)

    def _keep(
        self, key: str, filename: str, purpose: str, parts: list[bytes], model: str = ""
    ) -> StoredFile:
        file_id = f"file-{self._rng.getrandbits(64):016x}"
        file = StoredFile(file_id, key, filename, purpose, self.now, parts, model)
        self.files[file.id] = file
        return file

    def create(self, asked: Create) -> Batch:
        """Begin a batch. Refusal if there is no room for it."""
        lines, errors = read_lines(asked.file.content, asked.endpoint)
        self._check_room(asked.file, len(lines))
        self._rng.shuffle(lines)
        chosen = [(line, self._pick(line)) for line in lines]
        timeline, dues = schedule(self.now, self._rng.uniform(*self._latency), chosen)
        faults = {queue_fault(each) for _, each in chosen}
        batch = Batch(
            id=f"batch_{self._rng.getrandbits(60)}",
            key=asked.file.key,
            model=asked.file.model,
            input_file_id=asked.file.id,
            endpoint=asked.endpoint,
            metadata=asked.metadata,
            delete_input=asked.delete_input,
            timeline=timeline,
            total=len(lines),
            todo=deque([] if errors else dues),
            errors=errors,
            expires="queue-expired" in faults,
            early="queue-early" in faults,
        )
        self.batches[batch.id] = batch
        self._books.queue.creates += 1
        self._open_output(batch)
        return batch

    def _check_room(self, file: StoredFile, more: int) -> None:
        limit = self._limit or QUEUE_LIMITS.get(file.model, QUEUE_LIMIT)
        waiting = sum(
            batch.total
            for batch in self.batches.values()
            if (batch.key, batch.model) == (file.key, file.model)
            and batch.status(self.now) not in ENDS
        )
        if self.settings.meets("queue-full") or waiting + more > limit:
            text = "达到请求队列上限，请等待当前任务完成后再提交新任务"
            raise Refusal("1302", text, "the queue is full: wait until batches are done")

    def _pick(self, line: Line) -> Chosen | Refusal:
        self._asked[line.prompt] += 1
        try:
            return pick(self._plan, line.prompt, self._asked[line.prompt])
        except Refusal as refusal:
            return refusal

    def _open_output(self, batch: Batch) -> None:
        if batch.early and not self.settings.meets("errors-only"):
            batch.output_file_id = self._keep_results(batch, "output", batch.output)

    def _keep_results(self, batch: Batch, name: str, parts: list[bytes]) -> str:
        return self._keep(batch.key, f"{batch.id}_{name}.jsonl", f"batch_{name}", parts).id

    def cancel(self, batch: Batch) -> None:
        """Stop it. What is done is kept; Refusal if it has ended."""
        if batch.status(self.now) in ENDS:
            raise Refusal("1214", "任务已结束，无法取消", "the batch has ended")
        if batch.cancelling_at is None:
            batch.cancelling_at = self.now

    def advance(self) -> None:
        """Make what is due by now, close what has ended, forget files after 30 days."""
        for batch in self.batches.values():
            if not batch.closed:
                self._advance(batch)
        oldest = self.now - FILE_LIFETIME_S
        for file in [file for file in self.files.values() if file.created < oldest]:
            del self.files[file.id]

    def _advance(self, batch: Batch) -> None:
        now = self.now
        while batch.todo and batch.todo[0].at <= min(now, batch.halt):
            self._make(batch, batch.todo.popleft())
        if batch.status(now) in ENDS:
            self._close(batch)

    def _close(self, batch: Batch) -> None:
        batch.closed = True
        batch.output += [batch.last] if batch.last else []
        if self.settings.meets("errors-only"):
            batch.refused, batch.output = [*batch.output, *batch.refused], []
        if batch.output and not batch.output_file_id:
            batch.output_file_id = self._keep_results(batch, "output", batch.output)
        if batch.refused:
            batch.error_file_id = self._keep_results(batch, "error", batch.refused)
        if batch.delete_input:
            self.files.pop(batch.input_file_id, None)

    def _make(self, batch: Batch, due: Due) -> None:
        fault = queue_fault(due.chosen)
        if fault == "queue-missing":
            return
        result = self._result(batch, due)
        done = result.status == 200
        batch.completed += done
        batch.failed += not done
        line = result_line(batch.id, due.line.custom_id, result, odd=fault == "queue-odd")
        if fault == "queue-cut":
            batch.last = line[: len(line) // _HALF]
            return
        target = batch.output if done else batch.refused
        target += [line] * (2 if fault == "queue-doubled" else 1)

    def _result(self, batch: Batch, due: Due) -> Result:
        if isinstance(due.chosen, Refusal):
            return refused(due.chosen)
        if due.chosen.queue == "queue-error-file":
            return refused(Refusal("1301"))
        if plain := free_fault(due.chosen):
            return of_plain(plain)
        try:
            order = read_order(batch.key, due.line.fields)
        except Refusal as refusal:
            return refused(refusal)
        url = picture_url(self._gallery, order, due.chosen, due.at)
        self._books.charge_queued(due.line.custom_id, order.prompt, order.rules.price / _HALF)
        fields: dict[str, object] = {
            "created": int(due.at),
            "data": [{"url": url}],
            "content_filter": CONTENT_FILTER,
            "request_id": f"{self._rng.getrandbits(64):016x}",
        }
        return made(fields, due.chosen)
