"""What leaves the ledger: pictures that are on disk, and links that have died."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence

from cogview_cli.api.image_urls import redact, without_pictures
from cogview_cli.api.links import links_end
from cogview_cli.api.protocol import Answer, Reply, decode
from cogview_cli.ledger.entry import State
from cogview_cli.ledger.file import PURGEABLE, TRIMMABLE

# Beyond a link's end, by the clock of its server: a machine of many may be a little ahead.
MARGIN_SECONDS = 86400.0
# Runs a query that only reads.
Ask = Callable[..., Sequence[sqlite3.Row]]
LINKS_AT_ONCE, PICTURES_AT_ONCE = 1000, 4


def to_trim(ask: Ask) -> list[str]:
    """A few answers with pictures that are on disk."""
    query = f"SELECT id FROM requests INDEXED BY by_size WHERE {TRIMMABLE} LIMIT {PICTURES_AT_ONCE}"
    return [row["id"] for row in ask(query)]


def trim_some(db: sqlite3.Connection, ids: Iterable[str]) -> None:
    """Takes the pictures out of these answers."""
    for id in ids:
        trim(db, id)


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


def to_purge(ask: Ask) -> list[str]:
    """Some settled answers whose links have died by the clock of their server."""
    found: list[str] = []
    for server in ask("SELECT base_url, date FROM servers"):
        query = (
            f"SELECT id FROM requests WHERE {PURGEABLE} AND base_url = ? AND expires < ?"
            f" AND +state IN (?, ?) AND answer IS NOT NULL LIMIT {LINKS_AT_ONCE}"
        )
        past = server["date"] - MARGIN_SECONDS
        values = (server["base_url"], past, State.SAVED, State.EXPIRED)
        found.extend(row["id"] for row in ask(query, values))
    return found


def purge_some(db: sqlite3.Connection, ids: Iterable[str]) -> None:
    """Takes the signed part out of these answers, unless their links live longer than noted."""
    for id in ids:
        answer = _answer(db, id)
        end = links_end(answer)  # older versions noted what the link said, true or not
        if end is not None and end >= _date(db, id) - MARGIN_SECONDS:
            db.execute("UPDATE requests SET expires = ? WHERE id = ?", (end, id))
        else:
            bare = redact(answer.raw)
            db.execute("UPDATE requests SET answer = ?, fetchable = 0 WHERE id = ?", (bare, id))


def _date(db: sqlite3.Connection, id: str) -> float:
    query = "SELECT date FROM servers JOIN requests USING (base_url) WHERE id = ?"
    return float(db.execute(query, (id,)).fetchone()[0])


def _answer(db: sqlite3.Connection, id: str) -> Answer:
    query = "SELECT status, headers, answer, whole FROM requests WHERE id = ?"
    status, headers, raw, whole = db.execute(query, (id,)).fetchone()
    return Answer(status=status, headers=json.loads(headers), raw=raw, whole=bool(whole))


def _has_link(answer: Answer) -> bool:
    reply = decode(answer)
    images = reply.images if isinstance(reply, Reply) else ()
    return any((ref.url or "").startswith("http") for ref in images)
