"""What remains of a run: a report for people or spreadsheets, the failed rows, the groups."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from cogview_cli.batch.plan import Plan
from cogview_cli.disk.atomic import move_new, whole_text
from cogview_cli.disk.names import with_number
from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.outcome import Status, Summary

FAILED_NAME = "failed"
EXAMPLES = 5
# A cell that begins so is a formula to a spreadsheet (OWASP ASVS 5.0, 1.2.10).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_COLUMNS = (
    "index", "n", "status", "file", "sidecar", "id", "prompt", "model", "size", "cost",
    "error_code", "error_message", "source_file", "source_line",
)  # fmt: skip
_NO_IMAGE = "status NOT IN ('saved', 'skipped')"
# Not what is paid or may be: to ask for it again from a file would pay it twice.
_TO_ASK_AGAIN = "status IN ('refused', 'failed')"


def report_format(path: str) -> str:
    """`csv` or `json` by the suffix; UsageError for any other."""
    suffix = Path(path).suffix.lower().lstrip(".")
    if suffix not in ("csv", "json"):
        raise UsageError(
            _("--report '{path}' is neither .csv nor .json", path=path), hint="--report report.csv"
        )
    return suffix


def check_report(path: str | None) -> None:
    """UsageError for a report that could not be written, before anything is paid."""
    if path is None:
        return
    report_format(path)
    if not Path(path).absolute().parent.is_dir():
        raise UsageError(
            _("--report '{path}': there is no such folder", path=path),
            hint=_("mkdir -p it first"),
        )


def neutral(cell: object) -> str:
    """A cell that no spreadsheet runs; numbers stay numbers."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if isinstance(cell, str) and text.startswith(_FORMULA) else text


def write_report(path: Path, plan: Plan, summary: Summary) -> None:
    """Writes the report whole, row by row; an older one is replaced."""
    write = _write_csv if report_format(str(path)) == "csv" else _write_json
    with whole_text(path, os.replace) as file:
        write(file, plan, summary)


def _records(plan: Plan) -> Iterator[dict[str, Any]]:
    """The records of all items in the order of the source."""
    rows = plan.query(
        "SELECT r, n, status, outcome, file, line, body FROM items JOIN rows USING (r) ORDER BY i"
    )
    for index, n, status, kept, file, line, body in rows:
        bare = {"type": "image", "status": status or Status.NOT_SENT, "index": index, "n": n}
        request = json.loads(body)
        bare |= {name: request.get(name) for name in ("prompt", "model", "size")}
        for record in json.loads(kept) if kept else [bare]:
            yield {**record, "source": {"file": file, "line": line}}


def _write_csv(file: TextIO, plan: Plan, summary: Summary) -> None:
    file.write("\ufeff")  # spreadsheets take the text for UTF-8 only with a byte order mark
    writer = csv.DictWriter(file, _COLUMNS, extrasaction="ignore")
    writer.writeheader()
    for record in _records(plan):
        error = record.get("error") or {}
        flat = {
            **record,
            "error_code": error.get("code"),
            "error_message": error.get("message"),
            "source_file": record["source"]["file"],
            "source_line": record["source"]["line"],
        }
        writer.writerow({name: neutral(flat.get(name)) for name in _COLUMNS})


def _write_json(file: TextIO, plan: Plan, summary: Summary) -> None:
    file.write('{"images": [')
    for number, record in enumerate(_records(plan)):
        clean = {name: value for name, value in record.items() if value is not None}
        file.write((",\n" if number else "\n") + json.dumps(clean, ensure_ascii=False))
    file.write(f'\n], "summary": {json.dumps(summary.record(), ensure_ascii=False)}}}\n')


def write_failed(folder: Path, plan: Plan) -> Path | None:
    """The rows to ask again for what they lack, as a prompt file; None if there are none.

    An older file of other content is left alone: the new one gets a number. A folder
    that is gone, because nothing was sent, is not made for it.
    """
    text = "".join(_failed_rows(plan))
    if not text or not folder.is_dir():
        return None
    number = 1
    while True:
        path = folder / f"{with_number(FAILED_NAME, number)}.jsonl"
        if path.exists():
            if _content(path) == text:
                return path
            number += 1
            continue
        with whole_text(path, move_new) as file:
            file.write(text)
        return path


def _failed_rows(plan: Plan) -> Iterator[str]:
    rows = plan.query(
        "SELECT body, columns, count(*) FROM items JOIN rows USING (r)"
        f" WHERE {_TO_ASK_AGAIN} GROUP BY r ORDER BY r"
    )
    for body, columns, missing in rows:
        asked = {**json.loads(body), "n": missing}
        own = json.loads(columns) if columns else {}
        settled = {*asked, "watermark", "watermark_enabled"}
        kept = {name: value for name, value in own.items() if name.lower() not in settled}
        yield json.dumps({**asked, **kept}, ensure_ascii=False) + "\n"


def _content(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except (OSError, ValueError):
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Items that ended the same way, with the places of a few of them."""

    status: str
    code: str
    message: str
    hint: str
    count: int
    places: tuple[str, ...]

    @property
    def line(self) -> str:
        """`refused 3: code 1301 …: prompts.txt:4, prompts.txt:9 and 1 more`."""
        more = self.count - len(self.places)
        status = _(self.status.replace("_", " "))
        line = _(
            "{status} {count}: {message}", status=status, count=self.count, message=self.message
        )
        if not self.places:
            return line
        places = ", ".join(self.places)
        if not more:
            return _("{line}: {places}", line=line, places=places)
        return _("{line}: {places} and {more} more", line=line, places=places, more=more)


def groups(plan: Plan) -> list[Group]:
    """What brought no image, grouped by how it ended, the largest group first."""
    found = plan.query(
        "SELECT status, code, min(message), min(hint), count(*) FROM items"
        f" WHERE {_NO_IMAGE} AND (status != 'not_sent' OR message IS NOT NULL)"
        " GROUP BY status, code"
        " ORDER BY count(*) DESC, status, code"
    ).fetchall()
    return [
        Group(
            status=status,
            code=code or "",
            message=message or "",
            hint=hint or "",
            count=count,
            places=_places(plan, status, code),
        )
        for status, code, message, hint, count in found
    ]


def _places(plan: Plan, status: str, code: str | None) -> tuple[str, ...]:
    rows = plan.query(
        "SELECT DISTINCT file, line FROM items JOIN rows USING (r)"
        " WHERE status = ? AND code IS ? ORDER BY i LIMIT ?",
        status,
        code,
        EXAMPLES,
    )
    return tuple(f"{file}:{line}" for file, line in rows)
