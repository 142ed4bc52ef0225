"""One prompt as its file gives it, or the reason why it cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One prompt and what its row says besides; nothing is checked against a model.

    `file` is as the user named it, `-` for stdin, and for a folder the file inside.
    `line` is the physical line the record starts on, from 1; in a JSON or YAML
    document that is not an array the number of the element.
    `columns` are all columns of a row, `extra` those with no meaning to us, without any
    that are named like secrets; `roles` are the columns of the others by what they mean.
    `text` is what the picture should say, where that was asked for as a column of its own.
    `table`: the row is one of a table or sheet.
    """

    file: str
    line: int
    prompt: str
    id: str | None = None
    name: str | None = None
    size: str | None = None
    quality: str | None = None
    model: str | None = None
    user_id: str | None = None
    watermark: bool | None = None
    count: int | None = None
    text: tuple[str, ...] | None = None
    columns: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    table: bool = False


class RejectedRow(NamedTuple):
    """A record that cannot be used."""

    file: str
    line: int
    why: str


class RowError(Exception):
    """Why one record cannot be used; becomes a `RejectedRow` where file and line are known."""
