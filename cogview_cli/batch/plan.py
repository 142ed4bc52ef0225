"""The plan of a run: every wanted image and how it ended, in a temporary database.

SQLite keeps what does not fit its cache in an anonymous file, so a million rows need
no more memory than a thousand. Nothing here outlives the run; the ledger does that.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from cogview_cli.api import models
from cogview_cli.api.protocol import ImageRequest
from cogview_cli.batch.row import RowRequest, item_key, target_of
from cogview_cli.disk.destination import Destination
from cogview_cli.engine.job import Job
from cogview_cli.outcome import Outcome

CHUNK = 400
_SCHEMA = """
CREATE TABLE rows (
    r INTEGER PRIMARY KEY, file TEXT, line INTEGER, body TEXT, template TEXT, fields TEXT,
    source TEXT, columns TEXT, content BLOB, count INTEGER
);
CREATE TABLE items (
    i INTEGER PRIMARY KEY, r INTEGER, n INTEGER, key TEXT, model TEXT, todo TEXT DEFAULT 'send',
    known TEXT DEFAULT '', status TEXT, code TEXT, message TEXT, hint TEXT, outcome TEXT
);
"""


class Selection(NamedTuple):
    """Which rows are meant: from `start` (from 1), at most `limit`, one shard of several."""

    start: int = 1
    limit: int | None = None
    shard: tuple[int, int] = (1, 1)
    dedupe: bool = False

    def holds(self, index: int, content: bytes, before: int) -> bool:
        """Whether a row is meant; `before`: images of its content in earlier rows.

        A shard is chosen by content, so that it stays the same when lines move.
        """
        number, shards = self.shard
        last = self.start + self.limit if self.limit is not None else None
        if index < self.start or (last is not None and index >= last):
            return False
        if self.dedupe and before:
            return False
        return int.from_bytes(content[:8]) % shards == number - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One wanted image of the plan."""

    number: int
    index: int
    n: int
    key: str
    body: dict[str, Any]
    template: str
    fields: dict[str, Any]
    source: dict[str, Any]
    known: frozenset[str]

    def job(self, destination: Destination, namespace: str) -> Job:
        """This image as a job for the runner."""
        return Job(
            row=self.index,
            n=self.n,
            request=ImageRequest.from_body(self.body),
            target=target_of(destination, self.template, self.fields, self.n, self.key),
            key=self.key,
            namespace=namespace,
            source=self.source,
            known=self.known,
        )


class Plan:
    """Rows first (`add`), then `arrange` makes items of those that are meant."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(_SCHEMA)
        # Nothing here needs to survive: no journal, no sync.
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute("BEGIN")
        self._waiting: list[tuple[Any, ...]] = []

    def close(self) -> None:
        """Frees the memory and the anonymous file."""
        self._db.close()

    def add(self, row: RowRequest) -> None:
        """One more row."""
        record = row.record
        columns = _json(record.columns) if record.columns else None
        self._waiting.append(
            (
                row.index, _storable(record.file), record.line, _json(row.request.body()),
                row.template, _json(row.fields), _json(row.source), columns, row.content, row.count,
            )
        )  # fmt: skip
        if len(self._waiting) >= CHUNK:
            self._flush()

    def _flush(self) -> None:
        marks = ", ".join("?" * 10)
        self._db.executemany(f"INSERT INTO rows VALUES ({marks})", self._waiting)
        self._waiting.clear()

    def arrange(self, host: str, selection: Selection) -> None:
        """Makes the items: each with its key, by content and occurrence."""
        self._flush()
        # Two reads of one table while the other is written: the cursor must be its own.
        found = self._db.execute(
            "SELECT r, content, count, json_extract(body, '$.model') AS model,"
            " coalesce(sum(count) OVER (PARTITION BY content ORDER BY r"
            " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before"
            " FROM rows ORDER BY r"
        )
        items = (
            (index, n, item_key(host, content, before + n), model)
            for index, content, count, model, before in found
            if selection.holds(index, content, before)
            for n in range(1, count + 1)
        )
        self._db.executemany("INSERT INTO items (r, n, key, model) VALUES (?, ?, ?, ?)", items)
        self._db.execute("CREATE INDEX by_row ON items (r)")

    # What is to be done.

    def chunks(self, where: str = "1", *values: object) -> Iterator[list[Item]]:
        """The items in order, a few hundred at a time; `where` selects among them."""
        select = (
            "SELECT i, items.r, n, key, body, template, fields, source, known"
            " FROM items JOIN rows USING (r)"
        )
        for page in self._pages(select, where, *values):
            yield [_item(row) for row in page]

    def key_chunks(self) -> Iterator[list[tuple[int, str]]]:
        """The number and key of every item in order, a few hundred at a time."""
        return self._pages("SELECT i, key FROM items")

    def _pages(self, select: str, where: str = "1", *values: object) -> Iterator[list[Any]]:
        """The rows of a query that begins with an item's number, in order of it."""
        last = 0
        query = f"{select} WHERE i > ? AND ({where}) ORDER BY i LIMIT ?"
        while page := self._db.execute(query, (last, *values, CHUNK)).fetchall():
            yield page
            last = page[-1][0]

    def items(self, where: str = "1", *values: object) -> Iterator[Item]:
        """The items in order, one by one."""
        for chunk in self.chunks(where, *values):
            yield from chunk

    def decide(self, decisions: Iterable[tuple[str, str, int]]) -> None:
        """Stores (what to do, ids of the requests to pass over, item number)."""
        self._db.executemany("UPDATE items SET todo = ?, known = ? WHERE i = ?", decisions)

    def count(self, where: str = "1", *values: object) -> int:
        """How many items."""
        query = f"SELECT count(*) FROM items WHERE {where}"
        return int(self._db.execute(query, values).fetchone()[0])

    def row(self, index: int) -> tuple[str, dict[str, Any]]:
        """The name template of a row and the values it uses."""
        found = self.query("SELECT template, fields FROM rows WHERE r = ?", index).fetchone()
        return found[0], json.loads(found[1])

    def rows(self) -> int:
        """How many rows the sources have."""
        return int(self._db.execute("SELECT count(*) FROM rows").fetchone()[0])

    def models(self, where: str = "1", *values: object) -> dict[str, int]:
        """How many items each model has."""
        query = f"SELECT model, count(*) FROM items WHERE {where} GROUP BY model"
        return dict(self._db.execute(query, values).fetchall())

    def price(self, where: str = "1", *values: object) -> Decimal:
        """What the items cost in CNY, as far as prices are known."""
        counts = self.models(where, *values).items()
        prices = ((models.price_of(name) or Decimal(0)) * many for name, many in counts)
        return sum(prices, Decimal(0))

    # How it went.

    def ended(self, outcome: Outcome, record: Any = None) -> None:
        """Notes how an item ended; `record` is kept for the report."""
        problem = outcome.problem
        self._db.execute(
            "UPDATE items SET status = ?, code = ?, message = ?, hint = ?, outcome = ?"
            " WHERE r = ? AND n = ?",
            (
                outcome.status,
                problem.code if problem else None,
                _storable(problem.message) if problem else None,
                problem.hint if problem else None,
                None if record is None else _json(record),
                outcome.row,
                outcome.n,
            ),
        )

    def query(self, text: str, *values: object) -> sqlite3.Cursor:
        """Any other question to the tables `rows` and `items`."""
        return self._db.execute(text, values)


def _item(row: tuple[Any, ...]) -> Item:
    number, index, n, key, body, template, fields, source, known = row
    return Item(
        number=number,
        index=index,
        n=n,
        key=key,
        body=json.loads(body),
        template=template,
        fields=json.loads(fields),
        source=json.loads(source),
        known=frozenset(known.split()),
    )


def _json(value: object) -> str:
    return _storable(json.dumps(value, ensure_ascii=False, default=str))


def _storable(text: str) -> str:
    """Text that SQLite can keep: bytes of a file name that are no text are escaped."""
    return text.encode("utf-8", "backslashreplace").decode()
