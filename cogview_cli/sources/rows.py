"""Rows made records: the one place where columns get their meaning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.sources.columns import (
    PROMPT_NAMES,
    Ambiguous,
    ColumnRoles,
    find_column,
    make_plan,
    normal,
)
from cogview_cli.sources.options import ReadOptions
from cogview_cli.sources.record import Record, RejectedRow, RowError
from cogview_cli.sources.secrets import is_deep, secret_names, without_secrets
from cogview_cli.sources.template import PromptTemplate
from cogview_cli.sources.values import (
    as_count,
    as_flag,
    as_label,
    as_name,
    as_pixels,
    as_prompt,
    as_text,
    checked_text,
    is_empty,
)
from cogview_cli.terminal.text import clean

COLUMNS_KEPT = 50
# What is written into sidecars and ledger must be read again, with room to spare.
NESTED_LIMIT = 100
_PLANS_KEPT = 256
# A longer single header is more likely the first prompt of a file without header.
_HEADER_LENGTH = 16


@dataclass(slots=True)
class Seen:
    """What reading has met so far: column names in order, fields without use, secrets."""

    columns: list[str] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    secrets: Counter[str] = field(default_factory=Counter)

    def note(self, names: Iterable[str]) -> None:
        """Adds column names not seen before, up to a limit."""
        for name in names:
            if len(self.columns) < COLUMNS_KEPT and name not in self.columns:
                self.columns.append(name)


class Rows:
    """Makes the rows of one file records."""

    def __init__(self, file: str, options: ReadOptions, seen: Seen) -> None:
        self.file = file
        self._options = options
        self._seen = seen
        self._plans: dict[tuple[str, ...], ColumnRoles] = {}
        self._template = PromptTemplate(options.template) if options.template else None
        self._names = Seen()
        self._any = False

    def bad(self, line: int, why: object) -> RejectedRow:
        """A record of this file that cannot be used."""
        return RejectedRow(self.file, line, str(why))

    def text(self, line: int, prompt: str, *, id: str | None = None) -> Record | RejectedRow:
        """A bare prompt; in a template its one column is called `prompt`."""
        try:
            if self._template is not None:
                prompt = self._filled(self._template, {"prompt": prompt})
            return Record(file=self.file, line=line, prompt=checked_text(prompt), id=id)
        except RowError as fault:
            return self.bad(line, fault)

    def row(self, line: int, row: dict[str, Any]) -> Record | RejectedRow:
        """The record of a row with columns."""
        try:
            return self._record(line, row)
        except RowError as fault:
            return self.bad(line, fault)

    def flagged(self, line: int, flags: dict[str, Any]) -> Record | RejectedRow:
        """A text line with flags: they count as columns only for their meaning."""
        try:
            plan = self._plan(flags, own=True)
            prompt = as_prompt("prompt", flags["prompt"])
            if self._template is not None:
                prompt = self._filled(self._template, {"prompt": prompt})
            extra = {name: flags[name] for name in plan.extra}
            kept = self._without_secrets(extra)
            self._seen.ignored.update(kept.keys())
            return self._made(line, prompt, flags, plan, {}, kept)
        except RowError as fault:
            return self.bad(line, fault)

    def has_prompt(self, row: Mapping[str, Any]) -> bool:
        """Whether an object holds a prompt by its names alone, so that it is no mere wrapper."""
        if self._template is not None:
            return all(find_column(hole, row) is not None for hole in self._template.holes)
        if self._options.prompt_field is not None:
            return find_column(self._options.prompt_field, row) is not None
        return any(normal(name) in PROMPT_NAMES and isinstance(row[name], str) for name in row)

    def check_header(self, names: list[str]) -> None:
        """Raises UsageError if a table's header has no prompt column, or two."""
        self._seen.note(names)
        if self._template is not None:
            self._template.check_columns(self.file, names)
            return
        column = self._plan(dict.fromkeys(names, "")).prompt_column(dict.fromkeys(names, ""))
        if column is None or (len(names) == 1 and self._is_prose(column)):
            raise self._no_prompt_column(names)

    def finish(self) -> None:
        """Raises UsageError if the template names a column that no row had."""
        if self._template is not None and self._any:
            self._template.check_found(self.file, self._names.columns)

    def _is_prose(self, header: str) -> bool:
        """Whether the only header reads like a prompt rather than a name."""
        plan = self._plan({header: ""})
        return (
            plan.prompt is None
            and plan.text is None
            and (len(header) > _HEADER_LENGTH or " " in header)
        )

    def _no_prompt_column(self, names: list[str]) -> UsageError:
        wanted, path = self._options.prompt_field, clean(self.file)
        if wanted is None:
            message = _("'{path}' has no prompt column", path=path)
        else:
            message = _("'{path}' has no column '{column}'", path=path, column=clean(wanted))
        columns = clean(", ".join(names))
        return UsageError(
            message,
            hint=_("columns: {columns}; choose one: --prompt-field NAME", columns=columns),
        )

    def _plan(self, row: Mapping[str, Any], *, own: bool = False) -> ColumnRoles:
        """The plan for these columns; `own` for flags, which the user's options do not name."""
        names = tuple(row)
        plan = self._plans.get(names)
        if plan is None:
            if len(self._plans) >= _PLANS_KEPT:
                self._plans.clear()
            plan = self._plans[names] = self._new_plan(names, own=own)
        return plan

    def _new_plan(self, names: tuple[str, ...], *, own: bool) -> ColumnRoles:
        wanted = None if own else self._options.prompt_field
        prompt = find_column(wanted, names) if wanted is not None else None
        guess = wanted is None and (own or self._template is None)
        try:
            return make_plan(names, lang=self._options.lang, prompt=prompt, guess=guess)
        except Ambiguous as error:
            first, second = clean(error.first), clean(error.second)
            message = _(
                "'{path}' has two prompt columns: {first} and {second}",
                path=clean(self.file),
                first=first,
                second=second,
            )
            hint = _("choose one: --prompt-field {column}", column=first)
            raise UsageError(message, hint=hint) from None

    def _record(self, line: int, row: dict[str, Any]) -> Record:
        plan = self._plans.get(tuple(row)) or self._noted_plan(row)
        self._count_ignored(plan, row)
        if self._template is not None:
            prompt, column = self._filled(self._template, row), None
        else:
            column = plan.prompt_column(row)
            if column is None:
                raise RowError(self._no_prompt_field(row))
            prompt = as_prompt(column, row[column])
        extra = {name: row[name] for name in plan.extra if name != column}
        return self._made(line, prompt, row, plan, row, self._without_secrets(extra))

    def _without_secrets(self, extra: dict[str, Any]) -> dict[str, Any]:
        """What of the columns may be kept; the names of the others are noted."""
        if is_deep(extra, NESTED_LIMIT):
            raise RowError(_("nested too deeply"))
        names = list(secret_names(extra))
        self._seen.secrets.update(names)
        kept: dict[str, Any] = without_secrets(extra) if names else extra
        return kept

    def _filled(self, template: PromptTemplate, row: Mapping[str, Any]) -> str:
        self._any = True
        self._names.note(row)
        return as_prompt("template", template.fill(row))

    def _noted_plan(self, row: dict[str, Any]) -> ColumnRoles:
        self._seen.note(row)
        return self._plan(row)

    def _no_prompt_field(self, row: Mapping[str, Any]) -> str:
        wanted = self._options.prompt_field
        fields = clean(", ".join(row), 120) or _("none")
        if wanted is None:
            return _("no prompt (fields: {fields})", fields=fields)
        return _("no field '{field}' (fields: {fields})", field=clean(wanted), fields=fields)

    def _count_ignored(self, plan: ColumnRoles, row: Mapping[str, Any]) -> None:
        for key, name in plan.ignored:
            if not is_empty(row[name]):
                self._seen.ignored[key] += 1

    def _made(
        self,
        line: int,
        prompt: str,
        row: Mapping[str, Any],
        plan: ColumnRoles,
        columns: dict[str, Any],
        extra: dict[str, Any],
    ) -> Record:
        fields: dict[str, Any] = {}
        for role, name in plan.roles.items():
            value = row[name]
            if not is_empty(value) and role not in ("size", "ratio"):
                fields[role] = _converted(role, name, value, plan)
        return Record(
            file=self.file,
            line=line,
            prompt=prompt,
            size=_size(row, plan),
            columns=columns,
            extra=extra,
            **fields,
        )


def _converted(role: str, name: str, value: Any, plan: ColumnRoles) -> Any:
    if role in ("id", "user_id"):
        return as_label(name, value)
    if role == "name":
        return as_name(name, value, folders=plan.folders)
    if role == "count":
        return as_count(name, value)
    return as_flag(name, value) if role == "watermark" else as_text(name, value)


def _size(row: Mapping[str, Any], plan: ColumnRoles) -> str | None:
    """The first that is given of size, width and height, ratio."""
    roles = plan.roles
    size = as_text(roles["size"], row[roles["size"]]) if "size" in roles else None
    if size is None and plan.pixels is not None:
        size = as_pixels(plan.pixels, (row[plan.pixels[0]], row[plan.pixels[1]]))
    if size is None and "ratio" in roles:
        size = as_text(roles["ratio"], row[roles["ratio"]])
    return size
