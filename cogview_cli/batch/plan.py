"""The plan of a run: every wanted image and how it ended, in a temporary database.

SQLite keeps what does not fit its cache in an anonymous file, so a million rows need
no more memory than a thousand. Nothing here outlives the run; the ledger does that.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

from cogview_cli.batch.item import Counts, Item
from cogview_cli.batch.name_table import NameTable, storable
from cogview_cli.batch.plan_results import PlanResults, any_of, place_of, to_text
from cogview_cli.batch.resume import Action
from cogview_cli.batch.row import RowRequest, item_key
from cogview_cli.batch.selection import Selection
from cogview_cli.sources.secrets import without_secrets

CHUNK = 400
# More than a run takes, and sums of it still fit into a number of SQLite.
MOST_COUNT = 2**36
_SCHEMA = f"""
CREATE TABLE rows (
    r INTEGER PRIMARY KEY, file TEXT, line INTEGER, body TEXT, template TEXT, fields TEXT,
    source TEXT, columns TEXT, roles TEXT, sheet INTEGER, content BLOB, count INTEGER, own TEXT,
    wanted TEXT
);
CREATE TABLE items (
    i INTEGER PRIMARY KEY, r INTEGER, n INTEGER, key TEXT, model TEXT,
    copy INTEGER DEFAULT 1, action TEXT DEFAULT '{Action.SEND}', known TEXT DEFAULT '',
    earlier TEXT, made TEXT, retakes INTEGER DEFAULT 0, status TEXT, message TEXT, hint TEXT,
    alike TEXT, outcome TEXT
);
"""


_TO_SEND = f"action = '{Action.SEND}'"
_TO_FETCH = f"action = '{Action.FETCH}'"
_TO_CHECK = f"action = '{Action.READ}'"
_SETTLED = f"action NOT IN ({any_of([Action.SEND, Action.FETCH, Action.READ, Action.WAIT])})"
_WAITING = f"action = '{Action.WAIT}' AND status IS NULL"
_DOUBTFUL = f"action IN ({any_of([Action.WAIT, Action.UNKNOWN])}) AND status IS NULL"
_UNFINISHED = "status IS NULL"
_COUNTED = (_TO_SEND, _TO_FETCH, _UNFINISHED, _WAITING, _TO_CHECK)


class Found(NamedTuple):
    """What earlier runs have left of an item.

    `known`: ids of the requests to pass over, or of the one to fetch. `earlier`: what they have
    paid. `made`: id and files of the request whose picture is there, as JSON.
    """

    action: Action
    known: str
    earlier: str | None
    made: str | None


class Plan(PlanResults):
    """Rows first (`add`), then `arrange` makes items of those that are meant."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(_SCHEMA)
        # Nothing here needs to survive: no journal, no sync.
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute("BEGIN")
        self._name_tables = 0
        self._waiting: list[tuple[Any, ...]] = []

    def close(self) -> None:
        """Frees the memory and the anonymous file."""
        self._db.close()

    def add(self, row: RowRequest) -> None:
        """One more row."""
        record = row.record
        columns = to_text(without_secrets(row.columns)) if record.columns else None
        own = to_text(without_secrets(record.columns)) if record.columns else None
        self._waiting.append(
            (
                row.index, storable(record.file), record.line, to_text(row.request.body()),
                row.template, to_text(row.fields), to_text(row.source), columns,
                to_text(record.roles), record.table, row.content,
                min(row.count, MOST_COUNT), own, to_text(row.wanted) if row.wanted else None,
            )
        )  # fmt: skip
        if len(self._waiting) >= CHUNK:
            self._flush()

    def _flush(self) -> None:
        marks = ", ".join("?" * 14)
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

    def items(self) -> Iterator[Item]:
        """All items in order."""
        return chain.from_iterable(self._chunks())

    def to_send(self, model: str | None = None) -> Iterator[Item]:
        """The items to ask for, all of them or those of one model."""
        if model is None:
            return chain.from_iterable(self._chunks(_TO_SEND))
        return chain.from_iterable(self._chunks(f"{_TO_SEND} AND items.model = ?", model))

    def to_fetch(self) -> Iterator[Item]:
        """The items whose image is paid for and can be had for nothing."""
        return chain.from_iterable(self._chunks(_TO_FETCH))

    def to_check(self) -> Iterator[Item]:
        """The items whose picture is there, to be read and perhaps asked for again."""
        return chain.from_iterable(self._chunks(_TO_CHECK))

    def with_text(self) -> Iterator[list[Item]]:
        """The items whose picture is to carry some text, a few hundred at a time."""
        return self._chunks("wanted IS NOT NULL")

    def settled(self) -> Iterator[list[Item]]:
        """The items that need nothing more, a few hundred at a time."""
        return self._chunks(_SETTLED)

    def not_to_send(self) -> Iterator[list[Item]]:
        """The settled items and those to fetch, a few hundred at a time."""
        return self._chunks(f"NOT ({_TO_SEND})")

    def waiting_chunks(self) -> Iterator[list[Item]]:
        """The items that wait in the vendor's queue, a few hundred at a time."""
        return self._chunks(_WAITING)

    def doubtful_chunks(self) -> Iterator[list[Item]]:
        """Those, and the unknown ones that are not reported yet."""
        return self._chunks(_DOUBTFUL)

    def unfinished(self) -> Iterator[Item]:
        """The items whose end is not noted yet."""
        return chain.from_iterable(self._chunks(_UNFINISHED))

    def _chunks(self, where: str = "1", *values: object) -> Iterator[list[Item]]:
        """The items that `where` selects in order, a few hundred at a time."""
        select = (
            "SELECT i, items.r, n, key, body, template, fields, source, known, copy,"
            " wanted, action, made"
            " FROM items JOIN rows USING (r)"
        )
        for page in self._pages(select, where, *values):
            yield [Item.of_columns(*row) for row in page]

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

    def found(self, findings: Iterable[tuple[Action, str, str | None, str | None, int]]) -> None:
        """Stores what was found of items: a `Found` and the item's number."""
        update = "UPDATE items SET action = ?, known = ?, earlier = ?, made = ? WHERE i = ?"
        self._db.executemany(update, findings)

    def decide(self, decisions: Iterable[tuple[Action, str, int]]) -> None:
        """Stores (what to do, ids of the requests to pass over, item number)."""
        self._db.executemany("UPDATE items SET action = ?, known = ? WHERE i = ?", decisions)

    def decide_takes(self, decisions: Iterable[tuple[Action, int, int]]) -> None:
        """Stores (what to do, how many more takes at most, item number)."""
        self._db.executemany("UPDATE items SET action = ?, retakes = ? WHERE i = ?", decisions)

    def retakes(self) -> dict[str, int]:
        """How many more takes each model may have to make."""
        query = f"SELECT model, sum(retakes) FROM items WHERE NOT ({_SETTLED}) GROUP BY model"
        return {model: count for model, count in self._db.execute(query) if count}

    def counts(self) -> Counts:
        """How many items there are, and how many of them are still to be worked on."""
        parts = (f"coalesce(sum({part}), 0)" for part in _COUNTED)
        query = f"SELECT count(*), {', '.join(parts)} FROM items"
        return Counts(*self._db.execute(query).fetchone())

    def models(self) -> dict[str, int]:
        """How many items each model has."""
        return self._models("1")

    def models_to_send(self, *, first: bool = False) -> dict[str, int]:
        """How many items each model has to make; `first`: those never asked for before."""
        return self._models(f"{_TO_SEND} AND known = ''" if first else _TO_SEND)

    def _models(self, where: str) -> dict[str, int]:
        query = f"SELECT model, count(*) FROM items WHERE {where} GROUP BY model"
        return dict(self._db.execute(query).fetchall())

    # The rows.

    def row_count(self) -> int:
        """How many rows the sources have."""
        return int(self._db.execute("SELECT count(*) FROM rows").fetchone()[0])

    def image_count(self, selection: Selection) -> int:
        """How many images the rows from `start` within `limit` make; shards are not counted."""
        self._flush()
        last = selection.start + (self.row_count() if selection.limit is None else selection.limit)
        query = "SELECT coalesce(sum(count), 0) FROM rows WHERE r >= ? AND r < ?"
        return int(self._db.execute(query, (selection.start, last)).fetchone()[0])

    def has_key(self, key: str) -> bool:
        """Whether an item of the plan has this key."""
        self._db.execute("CREATE INDEX IF NOT EXISTS by_key ON items (key)")
        found = self._db.execute("SELECT 1 FROM items WHERE key = ?", (key,)).fetchone()
        return found is not None

    def repeated_rows(self) -> int:
        """How many rows ask for the same image as an earlier one."""
        query = "SELECT count(*) - count(DISTINCT content) FROM rows"
        return int(self._db.execute(query).fetchone()[0])

    def name_of_row(self, index: int) -> tuple[str, dict[str, Any]]:
        """The name template of a row and the values it uses."""
        query = "SELECT template, fields FROM rows WHERE r = ?"
        template, fields = self._db.execute(query, (index,)).fetchone()
        return template, json.loads(fields)

    def named_rows(self) -> Iterator[tuple[int, str, dict[str, Any], int]]:
        """Row number, name template, values for it, and count of images of each row.

        But for those whose number is in the name: no other row has that.
        """
        found = self._db.execute(
            "SELECT r, template, fields, count FROM rows"
            " WHERE instr(template, '{index') = 0 ORDER BY r"
        )
        return ((r, template, json.loads(fields), count) for r, template, fields, count in found)

    def number(self, copies: Iterable[tuple[int, int, int]]) -> int:
        """Stores (which of the images of one name it is, row, n); how many items it concerns."""
        update = "UPDATE items SET copy = ? WHERE r = ? AND n = ?"
        return max(0, self._db.executemany(update, copies).rowcount)

    def place(self, index: int) -> str:
        """Where a row stands, such as `prompts.csv:37`."""
        query = "SELECT file, line FROM rows WHERE r = ?"
        return place_of(*self._db.execute(query, (index,)).fetchone())

    def first_of_other_count(self, count: int) -> tuple[int, int] | None:
        """The first row that does not make `count` images, and how many it makes."""
        query = "SELECT r, count FROM rows WHERE count != ? ORDER BY r LIMIT 1"
        found: tuple[int, int] | None = self._db.execute(query, (count,)).fetchone()
        return found

    def names(self) -> NameTable:
        """An empty table of names, kept beside the plan."""
        self._name_tables += 1
        return NameTable(self._db, f"names_{self._name_tables}")
