"""What leaves the ledger: pictures that are on disk, and links that have died."""

from __future__ import annotations

import json
import sqlite3

from cogview_cli.api.image_urls import redact, without_pictures
from cogview_cli.api.links import links_end
from cogview_cli.api.protocol import Answer, Reply, decode
from cogview_cli.ledger.entry import State
from cogview_cli.ledger.file import PURGEABLE, TRIMMABLE

# Beyond a link's end, by the clock of its server: a machine of many may be a little ahead.
MARGIN_SECONDS = 86400.0
LINKS_AT_ONCE, PICTURES_AT_ONCE = 1000, 16


def trim_some(db: sqlite3.Connection) -> int:
    """Takes the pictures out of a few answers whose pictures are on disk; of how many."""
    query = f"SELECT id FROM requests INDEXED BY by_size WHERE {TRIMMABLE} LIMIT {PICTURES_AT_ONCE}"
    found = db.execute(query).fetchall()
    for row in found:
        _trim(db, row["id"])
    return len(found)


def trim(db: sqlite3.Connection, id: str) -> None:
    """Takes the pictures out of an answer, if they are on disk and it is large."""
    if db.execute(f"SELECT 1 FROM requests WHERE id = ? AND {TRIMMABLE}", (id,)).fetchone():
        _trim(db, id)


def _trim(db: sqlite3.Connection, id: str) -> None:
    answer = _answer(db, id)
    kept = answer._replace(raw=without_pictures(answer.raw))
    if kept == answer:
        db.execute("UPDATE requests SET trimmed = 1 WHERE id = ?", (id,))
        return
    db.execute(
        "UPDATE requests SET answer = ?, fetchable = fetchable AND ?, trimmed = 1 WHERE id = ?",
        (kept.raw, _has_link(kept), id),
    )


def purge(db: sqlite3.Connection) -> None:
    """Takes the signed part out of settled answers whose links have died."""
    for server in db.execute("SELECT base_url, date FROM servers").fetchall():
        rows = db.execute(
            f"SELECT id FROM requests WHERE {PURGEABLE} AND base_url = ? AND expires < ?"
            f" AND +state IN (?, ?) AND answer IS NOT NULL LIMIT {LINKS_AT_ONCE}",
            (*_past(server), State.SAVED, State.EXPIRED),
        )
        for row in rows.fetchall():
            _purge(db, row["id"], _past(server)[1])


def _past(server: sqlite3.Row) -> tuple[str, float]:
    return server["base_url"], server["date"] - MARGIN_SECONDS


def _purge(db: sqlite3.Connection, id: str, past: float) -> None:
    answer = _answer(db, id)
    end = links_end(answer)  # older versions noted what the link said, true or not
    if end is not None and end >= past:
        db.execute("UPDATE requests SET expires = ? WHERE id = ?", (end, id))
        return
    db.execute(
        "UPDATE requests SET answer = ?, fetchable = 0 WHERE id = ?", (redact(answer.raw), id)
    )


def _answer(db: sqlite3.Connection, id: str) -> Answer:
    query = "SELECT status, headers, answer, whole FROM requests WHERE id = ?"
    status, headers, raw, whole = db.execute(query, (id,)).fetchone()
    return Answer(status=status, headers=json.loads(headers), raw=raw, whole=bool(whole))


def _has_link(answer: Answer) -> bool:
    reply = decode(answer)
    images = reply.images if isinstance(reply, Reply) else ()
    return any((ref.url or "").startswith("http") for ref in images)
