"""Names and the rows that claimed them, in a table beside the plan's."""

from __future__ import annotations

import sqlite3


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


def storable(text: str) -> str:
    """Text that SQLite can keep: bytes of a file name that are no text are escaped."""
    return text.encode("utf-8", "backslashreplace").decode()
