"""What the columns of one row ask for: names become fields, cells become values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cogview_cli.sources.columns import ColumnRoles
from cogview_cli.sources.values import (
    as_count,
    as_flag,
    as_label,
    as_lettering,
    as_name,
    as_pixels,
    as_quality,
    as_resolution,
    as_size,
    as_text,
    is_empty,
)

_SIZES = ("size", "ratio", "resolution")


def row_fields(row: Mapping[str, Any], plan: ColumnRoles) -> dict[str, Any]:
    """The fields of a record that the row's columns set; raises RowError for a wrong cell."""
    fields: dict[str, Any] = {}
    for role, name in plan.roles.items():
        value = row[name]
        if not is_empty(value) and role not in _SIZES:
            fields[role] = _converted(role, name, value, plan)
    fields["size"] = _size(row, plan)
    fields["text"] = None if plan.text is None else as_lettering(plan.text, row[plan.text])
    return {role: value for role, value in fields.items() if value is not None}


def has_unread_resolution(row: Mapping[str, Any], plan: ColumnRoles) -> bool:
    """Whether the row names a resolution that is no size, such as `2K`."""
    value = row[plan.roles["resolution"]] if "resolution" in plan.roles else None
    return not is_empty(value) and as_resolution(value) is None


def _converted(role: str, name: str, value: Any, plan: ColumnRoles) -> Any:
    if role in ("id", "user_id"):
        return as_label(name, value)
    if role == "name":
        return as_name(name, value, folders=plan.folders)
    if role == "count":
        return as_count(name, value)
    if role == "quality":
        return as_quality(name, value)
    return as_flag(name, value) if role == "watermark" else as_text(name, value)


def _size(row: Mapping[str, Any], plan: ColumnRoles) -> str | None:
    """The first that is given of size, width and height, a readable resolution, ratio."""
    roles = plan.roles
    size = as_size(roles["size"], row[roles["size"]]) if "size" in roles else None
    if size is None and plan.pixels is not None:
        size = as_pixels(plan.pixels, (row[plan.pixels[0]], row[plan.pixels[1]]))
    if size is None and "resolution" in roles:
        size = as_resolution(row[roles["resolution"]])
    if size is None and "ratio" in roles:
        size = as_size(roles["ratio"], row[roles["ratio"]])
    return size
