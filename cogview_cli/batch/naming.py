"""How the images of a row are named: `--name`, the row's own name or id, or the default."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cogview_cli.api.request import ImageRequest
from cogview_cli.batch.layouts import Layout, row_template
from cogview_cli.disk.destination import check_suffix, without_suffix
from cogview_cli.disk.holes import escape_braces
from cogview_cli.disk.names import check_braces, template_fields
from cogview_cli.engine.validation import name_fields
from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.sources import Record, find_column, without_image_suffix
from cogview_cli.terminal.text import clean

DEFAULT_NAME = "{index:04}-{slug}"
# Known only once the answer is here, or set for each image.
_LATE = ("n", "n0", "created", "ext")
_MOMENT = {"date", "time"}
_OWN = ("index", "index0", "slug", "id", "model", "size", "date", "time", "prompt", "row_id")


@dataclass(slots=True)
class NameUse:
    """What a name template has found in the rows so far.

    `found` are the fields that some row had, `empty` counts the rows that left a field
    blank, with the number of the first one.
    """

    found: set[str] = field(default_factory=set)
    empty: dict[str, tuple[int, int]] = field(default_factory=dict)

    def note(self, name: str, value: str, index: int) -> None:
        """What the row `index` has under `name`."""
        self.found.add(name)
        if not value:
            count, first = self.empty.get(name, (0, index))
            self.empty[name] = count + 1, first

    def check(self, template: str, columns: Iterable[str]) -> None:
        """Raises UsageError for a field that no row has."""
        for name in template_fields(template):
            if name not in self.found and name not in (*_LATE, *_OWN):
                raise no_field(name, columns)


def no_field(name: str, columns: Iterable[str]) -> UsageError:
    """The error for a field that is no column, with those there are."""
    return UsageError(
        _("name template: no field '{name}'", name=clean(name)),
        hint=_(
            "columns: {columns}; fields: {fields}",
            columns=clean(", ".join(columns)) or _("none"),
            fields=", ".join((*_OWN, *_LATE)),
        ),
    )


def check_name(template: str | None) -> None:
    """Raises UsageError for a name template with a stray brace."""
    if template is not None:
        check_braces(template)
        check_suffix(template)


def row_name(
    record: Record,
    request: ImageRequest,
    index: int,
    *,
    asked: str | None,
    now: float,
    use: NameUse,
) -> tuple[str, dict[str, Any]]:
    """The name template of a row, without suffix, and the values it uses."""
    if asked is None:
        own = record.name or without_image_suffix(record.id or "").replace("/", "_")
        template = escape_braces(own) if own.strip() else DEFAULT_NAME
    else:
        check_braces(asked)
        template = without_suffix(asked)[0]
    names = template_fields(template)
    known = _fields(record, request, index, now)
    fields: dict[str, Any] = {"index": index}
    for name in names:
        if name not in _LATE:
            fields[name] = known[name] if name in known else _cell(record, name, index, use)
    if _MOMENT & set(names):  # `{date:%H}` needs the time as well
        fields |= {name: known[name] for name in sorted(_MOMENT)}
    return _never_empty(template, names, fields, known)


def layout_name(
    record: Record,
    request: ImageRequest,
    index: int,
    *,
    layout: Layout,
    count: int,
    now: float,
) -> tuple[str, dict[str, Any]]:
    """The name template of a row of a benchmark, and the values it uses."""
    template = row_template(layout, record, count)
    known = _fields(record, request, index, now)
    fields = {name: known[name] for name in template_fields(template) if name in known}
    return template, {**fields, "index": index, "first": (index - 1) * count}


def _fields(record: Record, request: ImageRequest, index: int, now: float) -> dict[str, Any]:
    """The fields that every row has; its id goes before a column of that name."""
    own = name_fields(request, index=index, n=1, id=record.id or "", now=now)
    del own["n"]
    more = {"index0": index - 1, "prompt": request.prompt, "row_id": record.id or ""}
    return {**own, **more}


def _cell(record: Record, name: str, index: int, use: NameUse) -> str:
    """What a row has in a column, without an image suffix; UsageError if it has no such column."""
    column = find_column(column_name(name), record.columns)
    value = None if column is None else record.columns[column]
    if not isinstance(value, str | int | float):
        raise no_field(name, record.columns)
    cell = without_image_suffix(str(value)).strip()
    use.note(name, cell, index)
    return cell


def column_name(field: str) -> str:
    """The column that a field means: `col[index]` is the file's own `index`."""
    return field[4:-1] if field.startswith("col[") and field.endswith("]") else field


def _never_empty(
    template: str, names: list[str], fields: dict[str, Any], known: Mapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    """The default name for a row whose cells would leave nothing of its own."""
    *folders, stem = template.split("/")
    own = template_fields(stem)
    blank = own and all(name in fields and fields[name] == "" and name != "id" for name in own)
    if not blank:
        return template, fields
    return "/".join([*folders, DEFAULT_NAME]), {**fields, "slug": known["slug"]}
