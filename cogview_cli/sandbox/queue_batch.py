"""One batch of the queue: where it stands at a given time, and how it is told."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from cogview_cli.sandbox.faults import Chosen
from cogview_cli.sandbox.queue_rules import Line, LineError
from cogview_cli.sandbox.rules import Refusal

LIFETIME_S = 7 * 24 * 3600
_START, _LAST, _SLOW = 0.1, 0.9, 5.0  # as parts of the time that a batch takes


class BatchStatus(StrEnum):
    """The vendor's words for where a batch stands."""

    VALIDATING = "validating"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    FAILED = "failed"


ENDS = (
    BatchStatus.FAILED,
    BatchStatus.COMPLETED,
    BatchStatus.EXPIRED,
    BatchStatus.CANCELLED,
)


class Due(NamedTuple):
    """One request and when its picture is made, in seconds since the epoch."""

    at: float
    line: Line
    chosen: Chosen | Refusal


class Timeline(NamedTuple):
    """When a batch enters each state, in seconds since the epoch."""

    created: float
    started: float
    finalizing: float
    ended: float


def schedule(
    created: float, length: float, lines: list[tuple[Line, Chosen | Refusal]]
) -> tuple[Timeline, list[Due]]:
    """When each line is made: one after another, slow ones long after, expiring ones never."""
    started, span = created + _START * length, (_LAST - _START) * length
    dues = []
    for nth, (line, chosen) in enumerate(lines, 1):
        fault = queue_fault(chosen)
        at = started + span * nth / len(lines)
        at = created + _SLOW * length if fault == "queue-slow" else at
        if fault != "queue-expired":
            dues.append(Due(at, line, chosen))
    dues.sort(key=lambda due: due.at)
    last = max([created + _LAST * length, *(due.at for due in dues)])
    return Timeline(created, started, last, last + _START * length), dues


def queue_fault(chosen: Chosen | Refusal) -> str:
    return chosen.queue if isinstance(chosen, Chosen) else ""


@dataclass(slots=True, kw_only=True)
class Batch:
    """One batch. `todo` is in the order of making; result files grow as it is made."""

    id: str
    key: str
    model: str
    input_file_id: str
    endpoint: str
    metadata: dict[str, str] | None
    delete_input: bool
    timeline: Timeline
    total: int
    todo: deque[Due]
    errors: list[LineError] = field(default_factory=list)
    expires: bool = False
    early: bool = False
    output: list[bytes] = field(default_factory=list)
    refused: list[bytes] = field(default_factory=list)
    last: bytes = b""
    output_file_id: str = ""
    error_file_id: str = ""
    completed: int = 0
    failed: int = 0
    cancelling_at: float | None = None
    closed: bool = False

    @property
    def cancelled_at(self) -> float:
        at, length = self.cancelling_at or 0.0, self.timeline.ended - self.timeline.created
        return at + _START * length

    @property
    def halt(self) -> float:
        """When nothing more is made."""
        return float("inf") if self.cancelling_at is None else self.cancelling_at

    def status(self, now: float) -> BatchStatus:
        """Where it stands."""
        if self.errors:
            return BatchStatus.VALIDATING if now < self.timeline.started else BatchStatus.FAILED
        if self.cancelling_at is not None:
            return BatchStatus.CANCELLING if now < self.cancelled_at else BatchStatus.CANCELLED
        if now < self.timeline.ended:
            return self._stage(now)
        return BatchStatus.EXPIRED if self.expires else BatchStatus.COMPLETED

    def _stage(self, now: float) -> BatchStatus:
        if now < self.timeline.started:
            return BatchStatus.VALIDATING
        return BatchStatus.IN_PROGRESS if now < self.timeline.finalizing else BatchStatus.FINALIZING

    def as_dict(self, status: BatchStatus, *, top_counts: bool) -> dict[str, object]:
        """The batch object; what has no value yet is left out."""
        told: dict[str, object] = {
            "id": self.id,
            "object": "batch",
            "endpoint": self.endpoint,
            "input_file_id": self.input_file_id,
            "completion_window": "24h",
            "status": status,
            **self._files(status),
            **self._times(status),
            **self._counts(top=top_counts),
        }
        if self.metadata is not None:
            told["metadata"] = self.metadata
        if status == BatchStatus.FAILED:
            told["errors"] = {"object": "list", "data": [error.as_dict() for error in self.errors]}
        return told

    def _files(self, status: BatchStatus) -> dict[str, object]:
        if self.closed and status in ENDS:
            output = {"output_file_id": self.output_file_id} if self.output_file_id else {}
            return {**output, "error_file_id": self.error_file_id}
        return {"output_file_id": self.output_file_id} if self.early and self.output else {}

    def _times(self, status: BatchStatus) -> dict[str, int]:
        """When it entered the states that it has entered."""
        line, created = self.timeline, self.timeline.created
        at = {"created": created, "expires": created + LIFETIME_S}
        reached = (
            BatchStatus.IN_PROGRESS,
            BatchStatus.FINALIZING,
            BatchStatus.COMPLETED,
            BatchStatus.EXPIRED,
        )
        if status in reached:
            at[BatchStatus.IN_PROGRESS] = line.started
        if status in reached[1:]:
            at[BatchStatus.FINALIZING] = line.finalizing
        at |= self._ends(status)
        return {f"{name}_at": int(time) for name, time in at.items()}

    def _ends(self, status: BatchStatus) -> dict[str, float]:
        ends: dict[str, float] = {}
        if status in (BatchStatus.CANCELLING, BatchStatus.CANCELLED):
            ends[BatchStatus.CANCELLING] = self.halt
        if status in ENDS:
            ends[status] = self._end(status)
        return ends

    def _end(self, status: BatchStatus) -> float:
        """When it entered the last of its states."""
        if status == BatchStatus.FAILED:
            return self.timeline.started
        return self.cancelled_at if status == BatchStatus.CANCELLED else self.timeline.ended

    def _counts(self, *, top: bool) -> dict[str, object]:
        counts = {
            "total": self.total,
            BatchStatus.COMPLETED: self.completed,
            BatchStatus.FAILED: self.failed,
        }
        return {"request_counts": self.total, **counts} if top else {"request_counts": counts}
