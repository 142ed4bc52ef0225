"""Whether the ledger can be trusted and written, without changing what it holds."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from cogview_cli.i18n import _
from cogview_cli.ledger.file import LedgerFile


def check_ledger(folder: Path) -> int | None:
    """How many requests the ledger of `folder` holds; None if there is none yet.

    Raises MachineError for one that is damaged or cannot be written.
    """
    if not (folder / "ledger.db").exists():
        return None
    file = LedgerFile(folder)
    try:
        with file.explained():
            _check_pages(file)
        with file.transaction() as db:  # a write like any other, of what is there
            db.execute(
                "UPDATE requests SET id = id WHERE rowid = (SELECT max(rowid) FROM requests)"
            )
            return int(db.execute("SELECT count(*) FROM requests").fetchone()[0])
    finally:
        file.close()


def _check_pages(file: LedgerFile) -> None:
    found = [str(row[0]) for row in file.rows("PRAGMA quick_check(1)")]
    if found != ["ok"]:
        raise sqlite3.DatabaseError(found[0] if found else _("unreadable"))
