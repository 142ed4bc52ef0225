"""What remains of a run: a report for people or spreadsheets, the failed rows, the groups."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from cogview_cli.batch.item import Group
from cogview_cli.batch.plan import Plan
from cogview_cli.disk.atomic import check_writable, whole_text
from cogview_cli.disk.names import with_number
from cogview_cli.errors import MachineError, UsageError
from cogview_cli.i18n import _
from cogview_cli.outcome import Summary

# A cell that begins so is a formula to a spreadsheet (OWASP ASVS 5.0, 1.2.10).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_COLUMNS = (
    "index", "n", "status", "file", "sidecar", "id", "prompt", "model", "size", "cost",
    "error_code", "error_message", "source_file", "source_line", "row_id",
)  # fmt: skip
# More where the text on the pictures was looked at.
_TEXT_COLUMNS = ("text_ok", "text_wanted", "text_found", "text_missing", "text_score")
# What earlier runs have paid for the image; the column `cost` is of this run.
_EARLIER = "earlier_cost"
_BOM = "\ufeff"
# How a report of ours begins.
_JSON_BEGINS = b'{"images": ['
_CSV_BEGINS = (_BOM + ",".join(_COLUMNS)).encode()


def report_format(path: str) -> str:
    """`csv` or `json` by the suffix; UsageError for any other."""
    suffix = Path(path).suffix.lower().lstrip(".")
    if suffix not in ("csv", "json"):
        raise UsageError(
            _("--report '{path}' is neither .csv nor .json", path=path), hint="--report report.csv"
        )
    return suffix


def check_report(path: str | None, sources: Sequence[str], *, overwrite: bool) -> None:
    """UsageError for a report that could not be written, before anything is paid.

    `overwrite`: a file that is no report may be replaced; a source never is.
    """
    if path is None:
        return
    report_format(path)
    if not Path(path).absolute().parent.is_dir():
        raise UsageError(
            _("--report '{path}': there is no such folder", path=path),
            hint=_("mkdir -p it first"),
        )
    try:
        check_writable(Path(path).absolute().parent)
    except MachineError as error:
        raise MachineError(error.message, hint=_("choose another place for the report")) from None
    if any(_is_same(path, source) for source in sources):
        raise UsageError(
            _("--report '{path}' is a source of this batch", path=path),
            hint=_("choose another name for the report"),
        )
    if not may_replace(Path(path), overwrite=overwrite):
        raise UsageError(
            _("--report '{path}' exists and is not a report", path=path),
            hint=_("choose another name for the report, or: --on-exists overwrite"),
        )


def _is_same(path: str, source: str) -> bool:
    """Whether a source is that very file, by whatever name or as stdin."""
    try:
        there = os.fstat(0) if source == "-" else os.stat(source)
        return os.path.samestat(os.stat(path), there)
    except OSError:
        return False


def may_replace(path: Path, *, overwrite: bool) -> bool:
    """Whether a report may take this name: it is free, a report of ours, or given up."""
    if not os.path.lexists(path):
        return True
    return path.is_file() and (overwrite or _is_report(path))


def _is_report(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_CSV_BEGINS)).startswith((_JSON_BEGINS, _CSV_BEGINS))
    except OSError:
        return False


def neutral(cell: object) -> str:
    """A cell that no spreadsheet runs; numbers stay numbers."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if isinstance(cell, str) and text.startswith(_FORMULA) else text


def write_report(path: Path, plan: Plan, summary: Summary, *, overwrite: bool) -> Path:
    """Writes the report whole, row by row, over an older one; where it is.

    What came under its name since the run began is left alone: the report gets a number.
    """
    write = _write_csv if report_format(str(path)) == "csv" else _write_json
    number = 1
    while True:
        place = path.with_name(f"{with_number(path.stem, number)}{path.suffix}")
        if may_replace(place, overwrite=overwrite and number == 1):
            with whole_text(place, os.replace) as file:
                write(file, plan, summary)
            return place
        number += 1


def _write_csv(file: TextIO, plan: Plan, summary: Summary) -> None:
    file.write(_BOM)  # spreadsheets take the text for UTF-8 only with a byte order mark
    own = own_columns(plan.column_names())
    ours = (*_COLUMNS, _EARLIER, *(_TEXT_COLUMNS if summary.checking else ()))
    writer = csv.writer(file)
    writer.writerow([*ours, *map(neutral, own.values())])
    for record in plan.records():
        error, source = record.get("error") or {}, record["source"]
        flat = {
            **record,
            "error_code": error.get("code"),
            "error_message": error.get("message"),
            "source_file": source["file"],
            "source_line": source["line"],
            **_flat_text(record.get("text")),
        }
        columns = source.get("columns", {})
        cells = [flat.get(name) for name in ours]
        writer.writerow(map(neutral, [*cells, *(_plain(columns.get(name)) for name in own)]))


def _flat_text(text: Mapping[str, Any] | None) -> dict[str, Any]:
    """What was read off a picture, one text behind the other; {} if nothing was."""
    if text is None:
        return {}
    joined = {f"text_{name}": " / ".join(text[name]) for name in ("wanted", "found", "missing")}
    return {**joined, "text_ok": str(text["ok"]).lower(), "text_score": text["score"]}


def own_columns(names: Sequence[str]) -> dict[str, str]:
    """The rows' own columns and what they are called in a report, beside its own names."""
    taken = {*_COLUMNS, _EARLIER, *_TEXT_COLUMNS}
    found: dict[str, str] = {}
    for name in names:
        called = name
        while called in taken:
            called = f"row_{called}"
        taken.add(called)
        found[name] = called
    return found


def _plain(value: object) -> object:
    """A value of a row as a cell: lists and objects as JSON."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def _write_json(file: TextIO, plan: Plan, summary: Summary) -> None:
    file.write(_JSON_BEGINS.decode())
    for number, record in enumerate(plan.records()):
        clean = {name: value for name, value in record.items() if value is not None}
        file.write((",\n" if number else "\n") + json.dumps(clean, ensure_ascii=False))
    file.write(f'\n], "summary": {json.dumps(summary.record(), ensure_ascii=False)}}}\n')


def group_line(group: Group, *, told: bool = False) -> str:
    """`refused 3: code 1301 …: prompts.txt:4, prompts.txt:9 and 1 more`; `told`: not why again."""
    more = group.images - len(group.places)
    line = _("{status} {count}", status=_(group.status.replace("_", " ")), count=group.images)
    if not told:
        line = _("{line}: {message}", line=line, message=group.message)
    if not group.places:
        return line
    places = ", ".join(group.places)
    if not more:
        return _("{line}: {places}", line=line, places=places)
    return _("{line}: {places} and {more} more", line=line, places=places, more=more)
