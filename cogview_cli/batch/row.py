"""From a row of a prompt file to a checked request with a name. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from cogview_cli.api.protocol import ImageRequest
from cogview_cli.config.settings import Settings
from cogview_cli.disk.destination import Destination, Target, without_suffix
from cogview_cli.disk.holes import escape_braces
from cogview_cli.disk.names import template_fields
from cogview_cli.engine.validation import name_fields, validate_request
from cogview_cli.sources import Record

DEFAULT_NAME = "{index:04}-{slug}"
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowDefaults:
    """What the command line and the settings say about every row."""

    settings: Settings
    count: int | None
    name: str | None
    validate: bool
    now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRequest:
    """One row's request: how many images of it, and how they are named."""

    index: int
    record: Record
    request: ImageRequest
    count: int
    template: str
    fields: dict[str, Any]

    @property
    def content(self) -> bytes:
        """What makes two rows ask for the same image: prompt and parameters, not the line."""
        request = self.request
        parts = [request.model, request.prompt, request.size, request.quality, request.watermark]
        return hashlib.sha256(json.dumps(parts).encode()).digest()[:16]

    @property
    def source(self) -> dict[str, Any]:
        """Where the row stands and what else it says, for the sidecar."""
        return {"file": self.record.file, "line": self.record.line, **self.record.extra}


def item_key(host: str, content: bytes, occurrence: int) -> str:
    """The identity of one wanted image: the same in every run, wherever its line moves.

    `occurrence` counts images of the same content from 1.
    """
    return hashlib.sha256(f"{host}\n{content.hex()}\n{occurrence}".encode()).hexdigest()


def row_request(record: Record, index: int, defaults: RowDefaults) -> RowRequest:
    """What a row asks for; flags go before the row, the row before other settings.

    Raises UsageError for what the model refuses or a name that cannot be made.
    """
    request = validate_request(_request(record, defaults.settings), validate=defaults.validate)
    count = defaults.count or record.count or 1
    template, fields = _name(record, request, index, defaults)
    if count > 1 and "n" not in template_fields(template):
        template += "-{n}"
    made = RowRequest(
        index=index, record=record, request=request, count=count, template=template, fields=fields
    )
    _check_name(made)
    return made


def _request(record: Record, settings: Settings) -> ImageRequest:
    typed = settings.is_flag
    return ImageRequest(
        prompt=record.prompt,
        model=_first(record.model, settings.model, typed=typed("model")),
        size=_first(record.size, settings.size, typed=typed("size")),
        quality=_first(record.quality, settings.quality, typed=typed("quality")),
        user_id=_first(record.user_id, settings.user_id, typed=typed("user_id")),
        watermark=_first(record.watermark, settings.watermark, typed=typed("watermark")),
    )


def _first(own: T | None, setting: T, *, typed: bool) -> T:
    """The row's own value, unless it has none or the setting was typed as a flag."""
    return setting if own is None or typed else own


def _name(
    record: Record, request: ImageRequest, index: int, defaults: RowDefaults
) -> tuple[str, dict[str, Any]]:
    """The name template of a row and the values it uses."""
    template = _template(record, defaults.name)
    known = _fields(record, request, index, defaults.now)
    used = {"index", "n", *template_fields(template)}
    return template, {name: value for name, value in known.items() if name in used}


def _template(record: Record, asked: str | None) -> str:
    if asked is not None:
        return without_suffix(asked)[0]
    own = record.name or (record.id or "").replace("/", "_")
    return escape_braces(own) if own else DEFAULT_NAME


def _fields(record: Record, request: ImageRequest, index: int, now: float) -> dict[str, Any]:
    """The columns of the row under the names that every template has, and its id over both."""
    fixed = name_fields(request, index=index, n=1, id=record.id or "", now=now)
    return {**_columns(record.columns), **fixed}


def _columns(columns: Mapping[str, Any]) -> dict[str, str]:
    plain = (str, int, float, bool)
    return {name: str(value) for name, value in columns.items() if isinstance(value, plain)}


def _check_name(made: RowRequest) -> None:
    place = Destination(root="/", template=made.template)
    Target(destination=place, fields={**made.fields, "n": made.count}).check()


def target_of(
    destination: Destination, template: str, fields: Mapping[str, Any], n: int | str, key: str
) -> Target:
    """Where the `n`-th image of a row goes."""
    values = {**fields, "n": n}
    if values.get("id") == "":
        values["id"] = key[:8]
    return Target(destination=destination._replace(template=template), fields=values)
