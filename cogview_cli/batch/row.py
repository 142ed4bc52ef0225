"""From a row of a prompt file to a checked request with a name. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from cogview_cli.api.request import FIELDS, ImageRequest
from cogview_cli.batch.layouts import Layout
from cogview_cli.batch.naming import NameUse, layout_name, row_name
from cogview_cli.config.settings import Settings
from cogview_cli.disk.destination import Destination, Target
from cogview_cli.disk.names import template_fields
from cogview_cli.engine.validation import check_model_name, validate_request
from cogview_cli.sources import Record

_ROW_SETTINGS = ("model", "size", "quality", "user_id", "watermark")
# What a row can say. The other fields of a body come from the settings.
ROW_FIELDS = tuple(name for name in FIELDS if name != "response_format")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowDefaults:
    """What the command line and the settings say about every row."""

    settings: Settings
    count: int | None
    name: str | None
    validate: bool
    now: float
    use: NameUse = field(default_factory=NameUse)
    # What every picture should say, where it is not each row's own.
    text: tuple[str, ...] | None = None
    layout: Layout | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRequest:
    """One row's request: how many images of it, and how they are named.

    `typed` are the settings of a command line, which go before the row's own.
    """

    index: int
    record: Record
    request: ImageRequest
    count: int
    template: str
    fields: dict[str, Any]
    typed: frozenset[str] = frozenset()
    # The size as it was written, which may be a ratio.
    asked_size: str | None = None
    # The text that its pictures are to carry; None if nobody looks, or there is none.
    wanted: tuple[str, ...] | None = None

    @property
    def content(self) -> bytes:
        """What makes two rows ask for the same image: prompt and parameters, not the line."""
        request = self.request
        parts: list[Any] = [
            request.model, request.prompt, request.size, request.quality, request.watermark,
        ]  # fmt: skip
        if request.extra:
            parts.append(sorted(request.extra.items()))
        return hashlib.sha256(json.dumps(parts).encode()).digest()[:16]

    @property
    def source(self) -> dict[str, Any]:
        """Where the row stands and what else it says, for the sidecar."""
        record = self.record
        here: dict[str, Any] = {"file": record.file, "line": record.line}
        extra = {f"column {k}" if k in here else k: v for k, v in record.extra.items()}
        own = {} if record.id is None else {"row_id": record.id}
        return {**here, **extra, **own}

    @property
    def columns(self) -> dict[str, Any]:
        """The row's own columns so that they ask again for the same; {} if it has none.

        What only the command line or the settings said is added under our names.
        """
        record, columns = self.record, dict(self.record.columns)
        if not columns:
            return {}
        body = self.request.body()
        for name, value in ((name, body[name]) for name in ROW_FIELDS if name in body):
            role = "watermark" if name == "watermark_enabled" else name
            if role == "prompt":
                said = role in record.roles
            else:
                said = getattr(record, role) is not None and role not in self.typed
            if not said:
                columns[record.roles.get(role, role)] = value
        return columns


def item_key(host: str, content: bytes, occurrence: int) -> str:
    """The identity of one wanted image: the same in every run, wherever its line moves.

    `occurrence` counts images of the same content from 1.
    """
    return hashlib.sha256(f"{host}\n{content.hex()}\n{occurrence}".encode()).hexdigest()


def row_request(record: Record, index: int, defaults: RowDefaults) -> RowRequest:
    """What a row asks for; flags go before the row, the row before other settings.

    Raises UsageError for what the model refuses.
    """
    settings = defaults.settings
    asked = _request(record, settings)
    check_model_name(asked.model, settings, validate=defaults.validate)
    request = validate_request(asked, validate=defaults.validate, size_rules=settings.size_rules)
    count = defaults.count or record.count or 1
    if defaults.layout:
        template, fields = layout_name(
            record, request, index, layout=defaults.layout, count=count, now=defaults.now
        )
    else:
        template, fields = row_name(
            record, request, index, asked=defaults.name, now=defaults.now, use=defaults.use
        )
    if count > 1 and not {"n", "n0", "image0"} & set(template_fields(template)):
        template += "-{n}"
    return RowRequest(
        index=index,
        record=record,
        request=request,
        count=count,
        template=template,
        fields=fields,
        typed=frozenset(name for name in _ROW_SETTINGS if defaults.settings.is_flag(name)),
        asked_size=asked.size,
        wanted=_wanted(record, request.prompt, defaults),
    )


def _wanted(record: Record, prompt: str, defaults: RowDefaults) -> tuple[str, ...] | None:
    if not defaults.settings.checks_text:
        return None
    from cogview_cli.textcheck.wanted import wanted_texts  # seldom asked for

    return wanted_texts(prompt, defaults.text or record.text)


def _request(record: Record, settings: Settings) -> ImageRequest:
    typed = settings.is_flag
    return ImageRequest(
        prompt=record.prompt,
        model=_first(record.model, settings.model, typed=typed("model")),
        size=_first(record.size, settings.size, typed=typed("size")),
        quality=_first(record.quality, settings.quality, typed=typed("quality")),
        user_id=_first(record.user_id, settings.user_id, typed=typed("user_id")),
        watermark=_first(record.watermark, settings.watermark, typed=typed("watermark")),
        response_format=settings.response_format,
        extra=settings.extra or {},
    )


def _first(own: T | None, setting: T, *, typed: bool) -> T:
    """The row's own value, unless it has none or the setting was typed as a flag."""
    return setting if own is None or typed else own


def target_of(
    destination: Destination,
    template: str,
    fields: Mapping[str, Any],
    n: int | str,
    key: str,
    number: int = 1,
) -> Target:
    """Where the `n`-th image of a row goes; `number` tells it from others of that name."""
    values = {**fields, "n": n, "n0": n - 1 if isinstance(n, int) else n}
    if "first" in values and isinstance(n, int):
        values["image0"] = values["first"] + n - 1
    if values.get("id") == "":
        values["id"] = key[:8]
    return Target(destination=destination._replace(template=template, number=number), fields=values)
