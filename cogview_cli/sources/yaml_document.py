"""One YAML document, through the optional library PyYAML."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from typing import Any, TextIO

from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.sources.columns import normal
from cogview_cli.sources.json_document import document_records
from cogview_cli.sources.record import Record, RejectedRow, RowError
from cogview_cli.sources.rows import Rows
from cogview_cli.sources.values import checked_text
from cogview_cli.terminal.text import clean

# References can make a small document endless.
_VALUES_LIMIT = 1_000_000
_FILE_NAME = re.compile(r"\S+\.(?:txt|csv|tsv|jsonl?|md)")


def read_yaml(stream: TextIO, rows: Rows) -> Iterator[Record | RejectedRow]:
    """The records of a document; UsageError without PyYAML or for broken YAML."""
    value = _loaded(stream, rows.file)
    for record in document_records(_with_affixes(value), rows):
        yield _no_file_name(record)


def _loaded(stream: TextIO, file: str) -> Any:
    try:
        import yaml
    except ImportError:
        raise UsageError(
            _("'{path}' is YAML, which needs PyYAML", path=clean(file)),
            hint="pip install pyyaml",
        ) from None
    try:
        return _Plain().value(yaml.safe_load(stream))
    except RecursionError:
        raise UsageError(
            _("'{path}' is nested too deeply", path=clean(file)), hint=_("check the file")
        ) from None
    except (yaml.YAMLError, ValueError, RowError) as error:
        raise UsageError(
            _("'{path}' is not valid YAML: {reason}", path=clean(file), reason=clean(error)),
            hint=_("check the file"),
        ) from None


class _Plain:
    """Makes what YAML can hold what JSON can hold."""

    def __init__(self) -> None:
        self._left = _VALUES_LIMIT

    def value(self, value: Any) -> Any:
        """The value with text keys and dates as text; ValueError for what has no equivalent."""
        self._left -= 1
        if self._left < 0:
            raise ValueError(_("more than {limit} values", limit=_VALUES_LIMIT))
        if isinstance(value, dict):
            return {str(name): self.value(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, datetime.date):
            return value.isoformat()
        if isinstance(value, float) and value - value != 0:
            raise ValueError(_("the number {number}", number=value))
        if isinstance(value, str):
            return checked_text(value)
        if value is None or isinstance(value, bool | int | float):
            return value
        raise ValueError(_("a value of the kind {kind}", kind=type(value).__name__))


def _with_affixes(value: Any) -> Any:
    """`prompt: [...]` with `prefix` and `suffix` as the list of whole prompts."""
    if not isinstance(value, dict):
        return value
    own = {normal(name): item for name, item in value.items()}
    prompts = own.get("prompt")
    if not isinstance(prompts, list):
        return value
    prefix, suffix = (own.get(name) or "" for name in ("prefix", "suffix"))
    return [f"{prefix}{item}{suffix}" if isinstance(item, str) else item for item in prompts]


def _no_file_name(record: Record | RejectedRow) -> Record | RejectedRow:
    """Some tools read prompts from files named in the list; paying for the name helps nobody."""
    if isinstance(record, RejectedRow) or not _FILE_NAME.fullmatch(record.prompt):
        return record
    why = _(
        "'{name}' is the name of a file: give it to the command itself", name=clean(record.prompt)
    )
    return RejectedRow(record.file, record.line, why)
