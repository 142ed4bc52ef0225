"""Names and the row that claimed each first, beside a plan in its database."""

from __future__ import annotations

import sqlite3

from cogview_cli.batch.storable import storable


class NameTable:
    """Names and the row that claimed each first; like the plan, not bound by memory."""

    def __init__(self, db: sqlite3.Connection, table: str) -> None:
        self._db, self._table = db, table
        db.execute(f"CREATE TEMP TABLE {table} (name TEXT PRIMARY KEY, r INTEGER) WITHOUT ROWID")

    def claim(self, name: str, row: int) -> int | None:
        """Gives a free name to `row`; the row that has it already, or None."""
        owner = self.owner(name)
        if owner is None:
            insert = f"INSERT INTO {self._table} VALUES (?, ?)"
            self._db.execute(insert, (storable(name), row))
        return owner

    def owner(self, name: str) -> int | None:
        """The row that claimed `name`; None if none did."""
        query = f"SELECT r FROM {self._table} WHERE name = ?"
        found = self._db.execute(query, (storable(name),)).fetchone()
        return found and int(found[0])
