"""Rows made records: the one place where columns get their meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.sources.aliases import describes, holds_prompt, normal
from cogview_cli.sources.columns import (
    Ambiguous,
    ColumnRoles,
    find_column,
    make_plan,
)
from cogview_cli.sources.fields import has_unread_resolution, row_fields
from cogview_cli.sources.flags import split_flags
from cogview_cli.sources.options import ReadOptions
from cogview_cli.sources.record import Record, RejectedRow, RowError
from cogview_cli.sources.secrets import is_deep, secret_names, without_secrets
from cogview_cli.sources.source_log import Seen, SourceLog
from cogview_cli.sources.template import PromptTemplate
from cogview_cli.sources.values import as_prompt, checked_text, is_empty
from cogview_cli.terminal.text import clean

# What is written into sidecars and ledger must be read again, with room to spare.
NESTED_LIMIT = 100
_PLANS_KEPT = 256
# A longer single header is more likely the first prompt of a file without header.
_HEADER_LENGTH = 16


class Rows:
    """Makes the rows of one file records, and notes how they were understood."""

    def __init__(self, file: str, options: ReadOptions, seen: Seen) -> None:
        self.file = file
        self.log = SourceLog(file)
        self.encoding = options.encoding
        self._options = options
        self._seen = seen
        self._plans: dict[tuple[str, ...], ColumnRoles] = {}
        self._template = PromptTemplate(options.template) if options.template else None
        self._names = Seen()
        self._any = False
        self.log.template = tuple(self._template.holes) if self._template else ()

    def bad(self, line: int, why: object) -> RejectedRow:
        """A record of this file that cannot be used."""
        return RejectedRow(self.file, line, str(why))

    def text(
        self, line: int, prompt: str, *, id: str | None = None, flags: dict[str, Any] | None = None
    ) -> Record | RejectedRow:
        """A bare prompt, perhaps with flags; in a template its one column is called `prompt`."""
        try:
            prompt, own = split_flags(prompt)
            prompt = as_prompt("prompt", prompt)
            if self._template is not None:
                prompt = self._filled(self._template, {"prompt": prompt})
            fields, extra = self._flagged(own | (flags or {}))
            fields = {"id": id, **fields}
            return Record(
                file=self.file, line=line, prompt=checked_text(prompt), extra=extra, **fields
            )
        except RowError as fault:
            return self.bad(line, fault)

    def row(self, line: int, row: dict[str, Any], *, table: bool = False) -> Record | RejectedRow:
        """The record of a row with columns."""
        try:
            return self._record(line, row, table)
        except RowError as fault:
            return self.bad(line, fault)

    def has_prompt(self, row: Mapping[str, Any]) -> bool:
        """Whether an object holds a prompt by its names alone, so that it is no mere wrapper."""
        return self.prompt_rank(row) > 0

    def prompt_rank(self, row: Mapping[str, Any]) -> int:
        """2 if a name of an object says that it is the prompt, 1 if one may be it, else 0."""
        if self._template is not None:
            return 2 * all(find_column(hole, row) is not None for hole in self._template.holes)
        if self._options.prompt_field is not None:
            return 2 * (find_column(self._options.prompt_field, row) is not None)
        names = [normal(name) for name, value in row.items() if isinstance(value, str)]
        return 2 if any(map(holds_prompt, names)) else int(any(map(describes, names)))

    def names_prompt(self, names: list[str]) -> bool:
        """Whether these may be the header of a table: one of them names the prompt."""
        return self.prompt_rank(dict.fromkeys(names, "")) > 0

    def check_header(self, names: list[str]) -> bool:
        """Whether `names` are a header, rather than the first prompt of a list without one.

        Raises UsageError if no column of a table holds the prompt.
        """
        if self._template is not None:
            self._template.check_columns(self.file, names)
        elif len(names) == 1 and self._options.prompt_field is None and _is_prose(names[0]):
            return False
        elif not self._may_prompt(names):
            raise self._no_prompt_column(names)
        self._seen.note(names)
        return True

    def finish(self) -> None:
        """Raises UsageError if the template names a column that no row had."""
        if self._template is not None and self._any:
            self._template.check_found(self.file, self._names.columns)

    def _may_prompt(self, names: list[str]) -> bool:
        try:
            empty = dict.fromkeys(names, "")
            return self._plan(empty).prompt_column(empty) is not None
        except Ambiguous:
            return True  # asked for with a row at hand

    def _no_prompt_column(self, names: list[str]) -> UsageError:
        wanted, path = self._options.prompt_field, clean(self.file)
        if wanted is None:
            message = _("'{path}' has no prompt column", path=path)
        else:
            message = _("'{path}' has no column '{column}'", path=path, column=clean(wanted))
        columns = clean(", ".join(names))
        if wanted is None and any(map(_is_prose, names)):
            return UsageError(
                message,
                hint=_(
                    "the first line must name the columns (prompt,size); it reads: {columns}",
                    columns=columns,
                ),
            )
        if len(names) < 2:
            choice = _("columns: {columns}; choose one: --prompt-field NAME", columns=columns)
            return UsageError(message, hint=choice)
        return UsageError(
            message,
            hint=_(
                "columns: {columns}; choose one: --prompt-field NAME,"
                " or write a prompt around some: --template '… {hole} …'",
                columns=columns,
                hole=f"{{{clean(self._example(names))}}}",
            ),
        )

    def _example(self, names: list[str]) -> str:
        """A column that could be words of a prompt: the second, for the first may be a number."""
        free = self._plan(dict.fromkeys(names, "")).extra
        return ([name for name in names if name in free] or names)[:2][-1]

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
        guess = wanted is None and self._template is None and not own
        plan = make_plan(
            names,
            lang=self._options.lang,
            prompt=prompt,
            guess=guess,
            lettering=self._options.lettering and not own,
        )
        if not own:
            self.log.plan(plan)
        return plan

    def _record(self, line: int, row: dict[str, Any], table: bool) -> Record:
        plan = self._plans.get(tuple(row)) or self._noted_plan(row)
        self._count_ignored(plan, row)
        prompt, column = self._prompt(plan, row, line)
        prompt, flags = split_flags(prompt)
        fields, extra = self._flagged(flags)
        fields |= row_fields(row, plan)
        kept = {name: row[name] for name in plan.extra if name != column}
        roles = plan.roles if column is None else {**plan.roles, "prompt": column}
        return Record(
            file=self.file,
            line=line,
            prompt=as_prompt(column or "template", prompt),
            columns=row,
            extra=self._without_secrets(kept) | extra,
            roles=roles,
            table=table,
            **fields,
        )

    def _prompt(
        self, plan: ColumnRoles, row: Mapping[str, Any], line: int
    ) -> tuple[str, str | None]:
        """The prompt of a row and its column, None if a template made it."""
        if self._template is not None:
            filled = self._filled(self._template, row)
            self.log.blank(self._template.blanks(row), line)
            return filled, None
        column = self._prompt_column(plan, row)
        if column is None:
            raise RowError(self._no_prompt_field(row))
        self.log.prompt(column)
        return as_prompt(column, row[column]), column

    def _prompt_column(self, plan: ColumnRoles, row: Mapping[str, Any]) -> str | None:
        try:
            return plan.prompt_column(row)
        except Ambiguous as error:
            columns = error.columns
        if columns not in self._seen.choices:
            if self._options.ask is None:
                raise self._several(columns)
            cells = {name: row[name] for name in columns}
            self._seen.choices[columns] = self._options.ask(self.file, cells)
        return self._seen.choices[columns]

    def _several(self, columns: tuple[str, ...]) -> UsageError:
        *first, last = map(clean, columns)
        names = _("{first} and {second}", first=", ".join(first), second=last)
        path = clean(self.file)
        if len(columns) == 2:
            message = _("'{path}' has two prompt columns: {columns}", path=path, columns=names)
        else:
            message = _("'{path}' has several prompt columns: {columns}", path=path, columns=names)
        hint = _("choose one: --prompt-field {column}", column=clean(columns[0]))
        return UsageError(message, hint=hint)

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
        if has_unread_resolution(row, plan):
            self._seen.ignored[plan.roles["resolution"]] += 1

    def _flagged(self, flags: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The fields that flags in a prompt set, and those with no meaning to us."""
        if not flags:
            return {}, {}
        plan = self._plan(flags, own=True)
        extra = {name: flags[name] for name in plan.extra}
        self._seen.ignored.update(extra.keys())
        return row_fields(flags, plan), extra


def _is_prose(header: str) -> bool:
    """Whether the only header reads like a prompt rather than a name."""
    key = normal(header)
    known = holds_prompt(key) or describes(key)
    return not known and (len(header) > _HEADER_LENGTH or " " in header)
