"""The vendor's batch queue in its own words: requests as lines, batches, results. Pure.

Facts, doubts and where they come from: cogview_cli/api/README.md#batch-queue. Whatever
comes back is read leniently, for nobody here has seen all of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from cogview_cli.api.protocol import Answer
from cogview_cli.api.request import ENDPOINT

FILES, BATCHES = "/files", "/batches"
IMAGES_ENDPOINT, CHAT_ENDPOINT = f"/v4{ENDPOINT}", "/v4/chat/completions"
MODELS = ("cogview-4-250304", "cogview-4", "cogview-3-plus")
MOST_LINES, MOST_BYTES = 50_000, 100 * 10**6
# Requests of one model that may wait at once; of one that the vendor does not name, too.
QUEUE_LIMIT = 10_000
PAGE = 100
# What our own batches carry, so that one whose create answer was lost is found again.
PART_KEY, RUN_KEY, NUMBER_KEY = "cogview-part", "cogview-run", "cogview-number"
_CUSTOM_ID = re.compile(rb'"custom_id"\s*:\s*"([0-9A-Za-z_.:-]{1,200})"')
_PICTURE = re.compile(rb'"(?:url|b64_json)"\s*:|"status_code"\s*:\s*"?2')


class BatchStatus(StrEnum):
    """Where a batch stands, in the vendor's words."""

    VALIDATING = "validating"
    FAILED = "failed"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


ENDS = (
    BatchStatus.FAILED,
    BatchStatus.COMPLETED,
    BatchStatus.EXPIRED,
    BatchStatus.CANCELLED,
)


class LineError(NamedTuple):
    """What is wrong with a file; `line` counts from 1, None where it is the whole file."""

    code: str
    message: str
    line: int | None


class Batch(NamedTuple):
    """One batch object; `status` is a BatchStatus, or a word that is new."""

    id: str
    status: str
    input_file: str | None = None
    output_file: str | None = None
    error_file: str | None = None
    total: int = 0
    completed: int = 0
    failed: int = 0
    errors: tuple[LineError, ...] = ()
    metadata: Mapping[str, str] | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status in ENDS


class Page(NamedTuple):
    """A page of the list; `after` is where the next one begins, None at the end."""

    batches: tuple[Batch, ...]
    after: str | None


class Result(NamedTuple):
    """What became of one request: the answer as the synchronous call would have given it.

    `failed`: the vendor says in so many words that it came to nothing.
    """

    key: str
    answer: Answer
    failed: bool = False


class Odd(NamedTuple):
    """A line that is no result; `picture`: it may have been one."""

    key: str | None
    raw: bytes
    picture: bool


def request_line(key: str, body: Mapping[str, Any]) -> bytes:
    """One line of an input file, with its line feed."""
    fields = {"custom_id": key, "method": "POST", "url": IMAGES_ENDPOINT, "body": body}
    return json.dumps(fields, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def read_object(answer: Answer) -> dict[str, Any] | None:
    """The JSON object of an answer that went well; None for anything else."""
    if answer.status // 100 != 2:
        return None
    return _object(answer.raw)


def file_id(answer: Answer) -> str | None:
    """The id in the answer to an upload."""
    return _text((read_object(answer) or {}).get("id"))


def read_batch(fields: object) -> Batch | None:
    """A batch object; None where it has no id."""
    found = fields if isinstance(fields, dict) else {}
    if not (id := _text(found.get("id"))):
        return None
    counts = found.get("request_counts")
    nested = counts if isinstance(counts, dict) else {}
    metadata = found.get("metadata")
    total, completed, failed = (
        _count(nested.get(name, found.get(name))) for name in ("total", "completed", "failed")
    )
    return Batch(
        id=id,
        status=_text(found.get("status")) or "",
        input_file=_text(found.get("input_file_id")),
        output_file=_text(found.get("output_file_id")),
        error_file=_text(found.get("error_file_id")),
        total=total or _count(counts),
        completed=completed,
        failed=failed,
        errors=_errors(found.get("errors")),
        metadata=metadata if isinstance(metadata, dict) and metadata else None,
    )


def batch_of(answer: Answer) -> Batch | None:
    """The batch that an answer tells of."""
    return read_batch(read_object(answer))


def read_page(answer: Answer) -> Page | None:
    """One page of the list of batches; None for what is no list."""
    found = read_object(answer)
    data = found.get("data") if found else None
    if found is None or not isinstance(data, list):
        return None
    batches = tuple(filter(None, map(read_batch, data)))
    last = _text(found.get("last_id")) or (batches[-1].id if batches else None)
    # Without a word a full page may have another behind it.
    more = found.get("has_more", len(data) >= PAGE)
    return Page(batches, last if more and data else None)


def is_part(batch: Batch, part: str, file: str | None) -> bool:
    """Whether a batch is ours: by its metadata, or by its file where that does not come back."""
    if batch.metadata and PART_KEY in batch.metadata:
        return batch.metadata[PART_KEY] == part
    return file is not None and batch.input_file == file


def _errors(found: object) -> tuple[LineError, ...]:
    data = found.get("data") if isinstance(found, dict) else found
    entries = data if isinstance(data, list) else []
    return tuple(
        LineError(
            code=str(entry.get("code") or ""),
            message=str(entry.get("message") or ""),
            line=_count(entry.get("line")) or None,
        )
        for entry in entries
        if isinstance(entry, dict)
    )


def read_result(line: bytes, headers: Mapping[str, str]) -> Result | Odd | None:
    """What a line of a result file says; None for a blank one. Never raises.

    `headers` are those of the file: its server's name and clock.
    """
    if not line.strip():
        return None
    found = _object(line)
    key = _text(found.get("custom_id")) if found else None
    if found is None or key is None:
        return _odd(line)
    response = found.get("response")
    reply = response if isinstance(response, dict) else {}
    status, body = _status(reply.get("status_code")), reply.get("body")
    if body is None:
        return _without_body(key, status, found.get("error"), headers)
    return Result(key, Answer(status or 200, dict(headers), _raw(body)))


def _without_body(key: str, status: int, error: object, headers: Mapping[str, str]) -> Result:
    told = error if isinstance(error, dict) else {"message": str(error or "")}
    raw = _raw({"error": {"code": str(told.get("code") or ""), "message": told.get("message")}})
    return Result(key, Answer(status if status >= 400 else 400, dict(headers), raw), failed=True)


def _odd(line: bytes) -> Odd:
    named = _CUSTOM_ID.search(line)
    return Odd(named[1].decode() if named else None, line, bool(_PICTURE.search(line)))


def _raw(body: object) -> bytes:
    if isinstance(body, str):
        return body.encode("utf-8", "backslashreplace")
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _status(value: object) -> int:
    """An HTTP status from a number or its text; 0 for none."""
    text = str(value).strip() if isinstance(value, int | str) else ""
    return int(text) if re.fullmatch(r"[1-5][0-9]{2}", text) else 0


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _text(value: object) -> str | None:
    """A name; ids may come as numbers, and "" stands for none."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value).encode("utf-8", "backslashreplace").decode() or None


def _count(value: object) -> int:
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0
