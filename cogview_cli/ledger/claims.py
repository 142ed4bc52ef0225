"""One request at a time for an image."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

from cogview_cli.ledger.entry import State

# The next number in the order of asking.
NEXT_SEQ = "(SELECT coalesce(max(seq), 0) + 1 FROM requests)"


class Claimed(Exception):
    """Another request for the same image is in the ledger already."""


def claim(db: sqlite3.Connection, key: str, namespace: str, known: Collection[str]) -> None:
    """Claimed if a request for this image may have cost money or was rejected.

    Those in `known` are passed over.
    """
    others = db.execute(
        "SELECT id FROM requests WHERE key = ? AND namespace = ? AND state != ?",
        (key, namespace, State.NOT_SENT),
    )
    if any(row["id"] not in known for row in others):
        raise Claimed(key)
