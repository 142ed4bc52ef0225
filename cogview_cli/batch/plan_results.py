"""How the items of a plan have ended, and what a report takes from that."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

from cogview_cli.batch.item import FailedRow, Group
from cogview_cli.batch.name_table import storable
from cogview_cli.engine.failure import sameness
from cogview_cli.outcome import WITH_IMAGE, Outcome, Problem, Status

EXAMPLES = 5
_ENCODER = json.JSONEncoder(ensure_ascii=False, default=str)
# Kinds of failure told one by one; servers may word each another way.
GROUPS = 12


def any_of(values: Iterable[str]) -> str:
    """Values of ours as a list in SQL."""
    return ", ".join(f"'{value}'" for value in values)


_NO_IMAGE = f"status NOT IN ({any_of(WITH_IMAGE)})"
# Not what is paid or may be: to ask for it again from a file would pay it twice.
_TO_ASK_AGAIN = f"status IN ({any_of([Status.REFUSED, Status.FAILED])})"


class PlanResults:
    """The part of a plan that is filled while the run goes on."""

    _db: sqlite3.Connection

    def ended(self, outcome: Outcome, record: Any = None) -> None:
        """Notes how an item ended; `record` is kept for the report."""
        problem = outcome.problem
        self._db.execute(
            "UPDATE items SET status = ?, message = ?, hint = ?, alike = ?, outcome = ?"
            " WHERE r = ? AND n = ?",
            (
                outcome.status,
                *(_why(problem) if problem else (None, None, None)),
                None if record is None else to_text(record),
                outcome.row,
                outcome.n,
            ),
        )

    def images_of_row(self, index: int) -> list[str] | None:
        """The files of a row's images in order; None as long as one of them is missing."""
        query = "SELECT status, outcome FROM items WHERE r = ? ORDER BY n"
        found = self._db.execute(query, (index,)).fetchall()
        if any(status not in WITH_IMAGE for status, _ in found):
            return None
        # Taken out of the JSON here: SQLite has no word for a name whose bytes are no text.
        files = [json.loads(records or "[{}]")[0].get("file") for _, records in found]
        return files if all(files) else None

    def records(self) -> Iterator[dict[str, Any]]:
        """The `--json` records of all items, each with its source, in the order of the source."""
        found = self._db.execute(
            "SELECT r, n, status, outcome, file, line, body, json_extract(source, '$.row_id'),"
            " own, earlier FROM items JOIN rows USING (r) ORDER BY i"
        )
        for index, n, status, kept, file, line, body, row_id, columns, earlier in found:
            bare = {"type": "image", "status": status or Status.NOT_SENT, "index": index, "n": n}
            request = json.loads(body)
            bare |= {name: request.get(name) for name in ("prompt", "model", "size")}
            id = {} if row_id is None else {"row_id": row_id}
            source = {"file": file, "line": line}
            source |= {"columns": json.loads(columns)} if columns else {}
            for record in json.loads(kept) if kept else [bare]:
                yield {**record, **id, "earlier_cost": earlier, "source": source}
                earlier = None  # several pictures of one answer were paid once

    def column_names(self) -> list[str]:
        """The names of the rows' own columns, in the order in which they come."""
        found = self._db.execute("SELECT own FROM rows WHERE own IS NOT NULL ORDER BY r")
        return list(dict.fromkeys(name for (own,) in found for name in json.loads(own)))

    def failed_rows(self) -> Iterator[FailedRow]:
        """The rows to ask again for images that were refused or failed."""
        found = self._db.execute(
            "SELECT body, columns, roles, sheet, count(*) FROM items JOIN rows USING (r)"
            f" WHERE {_TO_ASK_AGAIN} GROUP BY r ORDER BY r"
        )
        for body, columns, roles, table, missing in found:
            own = json.loads(columns) if columns else {}
            yield FailedRow(json.loads(body), own, json.loads(roles), bool(table), missing)

    def groups(self) -> list[Group]:
        """What brought no image, or not all of it, by how and why it ended; largest first."""
        found = self._db.execute(
            "SELECT status, alike, min(message), min(hint), count(*) FROM items"
            f" WHERE message IS NOT NULL OR ({_NO_IMAGE} AND status != ?)"
            " GROUP BY status, alike ORDER BY count(*) DESC, min(i) LIMIT ?",
            (Status.NOT_SENT, GROUPS),
        ).fetchall()
        return [
            Group(Status(status), message or "", hint or "", count, self._places(status, alike))
            for status, alike, message, hint, count in found
        ]

    def _places(self, status: str, alike: str | None) -> tuple[str, ...]:
        """Where a few of the rows stand whose items ended so."""
        found = self._db.execute(
            "SELECT DISTINCT file, line FROM items JOIN rows USING (r)"
            " WHERE status = ? AND alike IS ? ORDER BY i LIMIT ?",
            (status, alike, EXAMPLES),
        )
        return tuple(place_of(*row) for row in found)


def _why(problem: Problem) -> tuple[str, str, str]:
    """Why an item brought no image, the hint, and what it has in common with others."""
    cause = storable(problem.reason or problem.message)
    return cause, problem.hint, sameness(problem.code, cause)


def place_of(file: str, line: int) -> str:
    """`prompts.csv:37`."""
    return f"{file}:{line}"


def to_text(value: object) -> str:
    """A value as JSON that SQLite can keep."""
    return storable(_ENCODER.encode(value))
