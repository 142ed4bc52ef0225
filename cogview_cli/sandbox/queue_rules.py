"""What the batch queue takes (docs.bigmodel.cn/cn/guide/tools/batch, 2026-11-25).

No document gives codes for most of these. The sandbox answers 1210 for what is wrong with a
file, 1302 where the queue is full, 1303 for uploads that come too often, 1220 without a real
name, and the HTTP status itself for 404 and 435.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from cogview_cli.sandbox.rules import Refusal

LISTED_MODELS = ("cogview-4-250304", "cogview-4", "cogview-3-plus", "cogview-3")
QUEUE_LIMIT = 10_000
QUEUE_LIMITS = {"cogview-3": 30_000}
MAX_LINES = 50_000
MAX_BYTES = 100 * 2**20
MAX_FILES = 1000
SHORTEST_ID = 6
IMAGES = "/v4/images/generations"
CHAT = "/v4/chat/completions"
_PAIRS, _KEY_LENGTH, _VALUE_LENGTH = 16, 64, 512


class Line(NamedTuple):
    """One request of an input file that passed the first look."""

    custom_id: str
    fields: dict[str, object]

    @property
    def prompt(self) -> str:
        return str(self.fields.get("prompt", ""))


class LineError(NamedTuple):
    """One line that a batch fails by, counted from 1."""

    line: int
    param: str
    message: str

    def as_dict(self) -> dict[str, object]:
        return {"code": "1210", "message": self.message, "param": self.param, "line": self.line}


def numbered(content: bytes) -> list[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers."""
    return [(n, raw) for n, raw in enumerate(content.split(b"\n"), 1) if raw.strip()]


def check_upload(content: bytes) -> str:
    """The model of a file of requests. Lines that cannot be read are left to the batch."""
    if len(content) > MAX_BYTES:
        text = "文件大小超过100MB"
        raise Refusal("435", text, "the file is larger than 100 MB", status=435)
    lines = numbered(content)
    if not lines:
        raise _wrong("文件内容为空", "the file is empty")
    if len(lines) > MAX_LINES:
        raise _wrong("请求数超过50000", "more than 50000 requests")
    requests = [fields for _, raw in lines if (fields := _object(raw)) is not None]
    _check_ids([fields.get("custom_id") for fields in requests])
    return _one_model(requests)


def _check_ids(ids: Iterable[object]) -> None:
    seen: Counter[str] = Counter()
    for custom_id in ids:
        if not isinstance(custom_id, str) or len(custom_id) < SHORTEST_ID:
            raise _wrong("custom_id长度至少为6位", "custom_id needs 6 characters at least")
        seen[custom_id] += 1
    if doubled := [custom_id for custom_id, times in seen.most_common(1) if times > 1]:
        raise _wrong(f"custom_id重复：{doubled[0]}", f"custom_id is there twice: {doubled[0]}")


def _one_model(requests: Iterable[dict[str, object]]) -> str:
    bodies = [fields["body"] for fields in requests if isinstance(fields.get("body"), dict)]
    models = {str(body["model"]).lower() for body in bodies if body.get("model")}  # type: ignore[attr-defined,index]
    if len(models) > 1:
        raise _wrong("一个文件只能使用一个模型", "one model a file")
    if not models <= set(LISTED_MODELS):
        raise not_listed()
    return next(iter(models), LISTED_MODELS[0])


def not_listed() -> Refusal:
    """The model of an upload is not on the list of the queue."""
    return _wrong("模型名称错误", "the model is not on the list of the batch API")


def _wrong(chinese: str, english: str) -> Refusal:
    return Refusal("1210", chinese, english)


def _object(raw: bytes) -> dict[str, object] | None:
    try:
        value = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def read_lines(content: bytes, endpoint: str) -> tuple[list[Line], list[LineError]]:
    """The requests of a file, and what is wrong with those that are none."""
    lines: list[Line] = []
    errors: list[LineError] = []
    for number, raw in numbered(content):
        read = _read_line(number, _object(raw), endpoint)
        if isinstance(read, Line):
            lines.append(read)
        else:
            errors.append(read)
    return lines, errors


def _read_line(number: int, fields: dict[str, object] | None, endpoint: str) -> Line | LineError:
    if fields is None:
        return LineError(number, "", f"第{number}行不是合法的JSON对象")
    body = fields.get("body")
    if fields.get("method") != "POST":
        return LineError(number, "method", "method只支持POST")
    if fields.get("url") not in (endpoint, IMAGES):
        return LineError(number, "url", "url与endpoint不一致")
    if not isinstance(body, dict) or not body.get("model"):
        return LineError(number, "body", "未收到body参数")
    return Line(str(fields["custom_id"]), body)


def check_metadata(value: object) -> dict[str, str]:
    """Pairs of short texts, or nothing."""
    if value is None:
        return {}
    if not isinstance(value, dict) or len(value) > _PAIRS:
        raise Refusal("1214", "metadata参数非法", "metadata takes 16 pairs")
    for name, text in value.items():
        if not isinstance(text, str) or len(text) > _VALUE_LENGTH or len(name) > _KEY_LENGTH:
            raise Refusal("1214", f"metadata参数非法：{name}", f"metadata: {name} is too long")
    return value
