"""`--template`: a prompt made from the columns of a row. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cogview_cli.disk.holes import Holes
from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.sources.columns import find_column
from cogview_cli.sources.record import RowError
from cogview_cli.sources.values import as_label, shown
from cogview_cli.terminal.text import clean

_COLUMNS = Holes(r"([^{}]+)")


class PromptTemplate:
    """Text with `{column}` holes; `{{` and `}}` are literal braces.

    Raises UsageError for a stray brace.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        if _COLUMNS.has_stray_brace(text):
            raise UsageError(
                _("template '{template}': stray brace", template=clean(text)),
                hint=_("write {{ or }} for a literal brace"),
            )
        self.holes = list(dict.fromkeys(hole[1].strip() for hole in _COLUMNS.find(text)))
        self._found: set[str] = set()
        if not self.holes:
            raise UsageError(
                _("template '{template}' names no column", template=clean(text)),
                hint=_("name a column in braces: --template '{name}海报'"),
            )

    def fill(self, row: Mapping[str, Any]) -> str:
        """The prompt; RowError if the row lacks a column."""
        values = {hole: self._value(hole, row) for hole in self.holes}
        return _COLUMNS.fill(self._text, lambda hole: values[hole[1].strip()])

    def blanks(self, row: Mapping[str, Any]) -> list[str]:
        """The holes that a row fills with nothing."""
        columns = ((hole, find_column(hole, row)) for hole in self.holes)
        return [
            hole for hole, column in columns if column is not None and not str(row[column]).strip()
        ]

    def _value(self, hole: str, row: Mapping[str, Any]) -> str:
        column = find_column(hole, row)
        if column is None:
            raise RowError(_("no column '{column}' for the template", column=clean(hole)))
        self._found.add(hole)
        value = row[column]
        if value is None or isinstance(value, list | dict):
            raise RowError(
                _(
                    "field {field}: {value} does not fit into the template",
                    field=column,
                    value=shown(value),
                )
            )
        if isinstance(value, str):
            return value
        return (
            ("true" if value else "false")
            if isinstance(value, bool)
            else as_label(column, value) or ""
        )

    def check_columns(self, file: str, names: Iterable[str]) -> None:
        """Raises UsageError if a hole names none of a table's columns."""
        names = list(names)
        for hole in self.holes:
            if find_column(hole, names) is None:
                raise unknown_hole(file, hole, names)

    def check_found(self, file: str, names: Iterable[str]) -> None:
        """Raises UsageError if a hole was in no row at all."""
        for hole in self.holes:
            if hole not in self._found:
                raise unknown_hole(file, hole, names)


def unknown_hole(file: str, hole: str, names: Iterable[str]) -> UsageError:
    """The error for a hole that no row of the file can fill."""
    columns = clean(", ".join(names)) or _("none")
    message = _(
        "'{path}' has no column '{column}', which the template names",
        path=clean(file),
        column=clean(hole),
    )
    return UsageError(message, hint=_("columns: {columns}", columns=columns))
