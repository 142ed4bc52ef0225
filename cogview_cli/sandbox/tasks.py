"""Asynchronous tasks: taken at once, asked for later (cogview_cli/api/README.md#async-calls)."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import NamedTuple

from cogview_cli.sandbox.books import Stats
from cogview_cli.sandbox.faults import Chosen, Trigger, due
from cogview_cli.sandbox.gallery import PictureStore
from cogview_cli.sandbox.keys import check_key
from cogview_cli.sandbox.maker import picture_url
from cogview_cli.sandbox.messages import CHINESE, error_body
from cogview_cli.sandbox.rules import GenerationRequest, Refusal

MODEL = "glm-image"
_FAILS = ("task-refused", "task-failed")


@dataclass(slots=True)
class Task:
    """One task. `ready` is when its picture is there, in seconds since the epoch."""

    id: str
    key: str
    model: str
    request_id: str
    ready: float
    url: str
    looks: tuple[Trigger, ...]
    looked: int = 0

    def taken(self) -> dict[str, object]:
        """What a submit is answered with."""
        return {"id": self.id, **self._told("PROCESSING")}

    def _told(self, status: str, **more: object) -> dict[str, object]:
        named = {"model": self.model, "request_id": self.request_id}
        return {**named, "task_status": status, **more}

    def look(self, now: float) -> tuple[str, dict[str, object]]:
        """The fault of this look, and how the task stands."""
        self.looked += 1
        fault = due(self.looks, self.looked)
        if now < self.ready or fault == "task-stuck":
            return fault, self._told("PROCESSING")
        if fault in _FAILS:
            return fault, self._told("FAIL", **_reason(fault))
        one = {"url": self.url}
        return fault, self._told("SUCCESS", image_result=one if fault == "task-object" else [one])


def _reason(fault: str) -> dict[str, object]:
    told: dict[str, object] = json.loads(error_body("1301", CHINESE["1301"]))
    return told if fault == "task-refused" else {}


class Submit(NamedTuple):
    """What a task is made from; it takes `length` seconds."""

    order: GenerationRequest
    chosen: Chosen
    request_id: object
    length: float


class TaskStore:
    """Tasks by id."""

    def __init__(self, gallery: PictureStore, books: Stats, rng: random.Random) -> None:
        self._gallery, self._books, self._rng = gallery, books, rng
        self._tasks: dict[str, Task] = {}

    def add(self, asked: Submit) -> Task:
        """Take a task. It is charged here and now, unless it will fail."""
        order, looks = asked.order, asked.chosen.looks
        ready = self._books.now() + asked.length
        given = asked.request_id
        task = Task(
            id=f"{self._rng.getrandbits(60)}",
            key=order.key,
            model=order.rules.name,
            request_id=given if isinstance(given, str) and given else self._request_id(),
            ready=ready,
            url=picture_url(self._gallery, order, asked.chosen, ready),
            looks=looks,
        )
        if not any(look.name in _FAILS for look in looks):
            self._books.charge(order.prompt, order.rules.price)
        self._tasks[task.id] = task
        return task

    def _request_id(self) -> str:
        return f"{self._rng.getrandbits(64):016x}"

    def look(self, headers: dict[str, str], task_id: str) -> tuple[str, dict[str, object]]:
        """See `Task.look`. Refusal if the key has no such task."""
        key = check_key(headers)
        task = self._tasks.get(task_id)
        if task is None or task.key != key:
            raise Refusal("1214", "任务不存在", "there is no such task")
        return task.look(self._books.now())


def check_model(order: GenerationRequest) -> None:
    """Only one model takes this kind of call."""
    if order.rules.name != MODEL:
        raise Refusal("1212")
