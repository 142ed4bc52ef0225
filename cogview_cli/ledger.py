"""The ledger: what was asked, what came back, what is on disk. One SQLite file.

A request moves `intent` → `not_sent` | `rejected` | `unknown` | `answer`, and from
`answer` → `saved` | `expired`; `resolved` is the user's own decision about an
unknown one. Each step is on the disk before the next thing happens. No network.

Rollback journal and synchronous=EXTRA: several processes write, and linked SQLite
versions before 3.51.3 can corrupt a WAL file shared by several connections.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from cogview_cli.errors import MachineError
from cogview_cli.liveness import RunLock, is_alive
from cogview_cli.wire import Answer

T = TypeVar("T")
SCHEMA_VERSION = 1
BUSY_SECONDS = 60.0
# States in which money was spent; `unknown` may have cost as much again.
PAID_STATES = ("answer", "saved", "expired")

_SCHEMA = """
CREATE TABLE requests (
    id TEXT PRIMARY KEY, key TEXT NOT NULL, run TEXT NOT NULL, state TEXT NOT NULL,
    attempt INTEGER NOT NULL, asked REAL NOT NULL, price TEXT, currency TEXT NOT NULL,
    base_url TEXT NOT NULL, account TEXT NOT NULL, namespace TEXT NOT NULL,
    body TEXT NOT NULL, target TEXT NOT NULL, source TEXT,
    answered REAL, generate_s REAL, status INTEGER, headers TEXT, answer BLOB,
    whole INTEGER, expires REAL, code TEXT, message TEXT, files TEXT
) STRICT;
CREATE INDEX by_key ON requests (key);
CREATE INDEX by_state ON requests (state);
CREATE INDEX by_expiry ON requests (expires) WHERE expires IS NOT NULL;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A request about to be sent. `target` says where its images belong."""

    key: str
    body: dict[str, Any]
    target: dict[str, Any]
    price: Decimal | None
    currency: str
    base_url: str
    account: str
    namespace: str
    source: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row: a request and everything known of it. Times are Unix seconds."""

    id: str
    key: str
    run: str
    state: str
    attempt: int
    asked: float
    price: Decimal | None
    currency: str
    base_url: str
    account: str
    namespace: str
    body: dict[str, Any]
    target: dict[str, Any]
    source: dict[str, Any] | None
    answered: float | None
    generate_s: float | None
    answer: Answer | None
    expires: float | None
    code: str | None
    message: str | None
    files: list[dict[str, Any]] = field(default_factory=list)


def _entry(row: sqlite3.Row) -> Entry:
    fields = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a Row iterates values
    status, headers = fields.pop("status"), fields.pop("headers")
    raw, whole = fields.pop("answer"), fields.pop("whole")
    answer = None
    if raw is not None:
        answer = Answer(status=status, headers=json.loads(headers), raw=raw, whole=bool(whole))
    for name in ("body", "target", "source", "files"):
        fields[name] = json.loads(fields[name]) if fields[name] else None
    price = fields.pop("price")
    fields["files"] = fields["files"] or []
    return Entry(**fields, price=Decimal(price) if price is not None else None, answer=answer)


def new_id(now: float) -> str:
    """A fresh id that sorts by time, such as `20261121-150405-9f2c1a`."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now))}-{secrets.token_hex(3)}"


class Ledger:
    """The open ledger. Methods block; `call` runs one off the event loop, in order."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        """Opens `ledger.db` in `folder`; MachineError if it can't be used: no ledger, no POST."""
        self.folder = folder
        self.path = folder / "ledger.db"
        self._clock = clock
        self._lock = threading.Lock()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._run: RunLock | None = None
        with self._explained():
            _prepare_folder(folder, self.path)
            self._db = self._connect()

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        db.row_factory = sqlite3.Row
        try:
            db.execute("PRAGMA journal_mode=DELETE")
            db.execute("PRAGMA synchronous=EXTRA")
            _migrate(db)
        except BaseException:
            db.close()
            raise
        return db

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            hint = "free some space or check the folder's permissions; nothing is sent without it"
            raise MachineError(f"the ledger '{self.path}': {error}", hint=hint) from error
        except sqlite3.DatabaseError as error:
            hint = f"move it aside, then run again: mv '{self.path}' '{self.path}.broken'"
            raise MachineError(
                f"the ledger '{self.path}' is damaged: {error}", hint=hint
            ) from error
        except OSError as error:
            hint = "set COGVIEW_STATE_DIR to a folder that can be written"
            raise MachineError(
                f"the state folder '{self.folder}': {error.strerror or error}", hint=hint
            ) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._explained():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.commit()
            except BaseException:
                # A commit can fail too; left open, it would block every later write.
                self._db.rollback()
                raise

    async def call(self, method: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Runs a method of this ledger in its own thread; calls never overtake each other."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._worker, lambda: method(*args, **kwargs))

    def close(self) -> None:
        """Waits for what is being written, then lets go of the file and the run."""
        self._worker.shutdown(wait=True)
        self._db.close()
        if self._run:
            self._run.release()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def run(self) -> str:
        """This process's run; its lock tells others that our intents are alive."""
        if self._run is None:
            with self._explained():
                self._run = RunLock(self.folder / "runs")
        return self._run.name

    # Writing, in the order of a request's life.

    def intend(self, intent: Intent) -> Entry:
        """Records that `intent` is about to be sent."""
        run, now = self.run, self._clock()
        values = {
            "id": new_id(now),
            "key": intent.key,
            "run": run,
            "state": "intent",
            "attempt": 1,
            "asked": now,
            "price": None if intent.price is None else str(intent.price),
            "currency": intent.currency,
            "base_url": intent.base_url,
            "account": intent.account,
            "namespace": intent.namespace,
            "body": _json(intent.body),
            "target": _json(intent.target),
            "source": _json(intent.source) if intent.source else None,
        }
        names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
        with self._transaction() as db:
            db.execute(f"INSERT INTO requests ({names}) VALUES ({marks})", values)
        return self.get(str(values["id"]))

    def intend_again(self, id: str) -> None:
        """Records that a request that cost nothing is about to be sent once more."""
        self._set(id, state="intent", run=self.run, asked=self._clock(), bump=True)

    def not_sent(self, id: str, message: str, code: str = "") -> None:
        """The try provably cost nothing."""
        self._set(id, state="not_sent", message=message, code=code)

    def rejected(self, id: str, answer: Answer, code: str, message: str) -> None:
        """The API refused the request for good."""
        self._set(id, state="rejected", code=code, message=message, **_answer_columns(answer))

    def unknown(self, id: str, message: str, answer: Answer | None, code: str = "") -> None:
        """The request was sent and its outcome cannot be known; keeps what arrived."""
        extra = _answer_columns(answer) if answer else {}
        self._set(id, state="unknown", message=message, code=code, **extra)

    def answer(self, id: str, answer: Answer, generate_s: float) -> None:
        """The raw answer, before anything is read out of it."""
        now = self._clock()
        self._set(
            id, state="answer", answered=now, generate_s=generate_s, **_answer_columns(answer)
        )

    def expires(self, id: str, at: float | None) -> None:
        """When the image's link dies, Unix seconds."""
        self._set(id, expires=at)

    def saved(self, id: str, files: list[dict[str, Any]]) -> None:
        """All images of the answer are on disk and checked."""
        self._set(id, state="saved", files=_json(files), message=None)

    def files_so_far(self, id: str, files: list[dict[str, Any]]) -> None:
        """Some images of the answer are on disk."""
        self._set(id, files=_json(files))

    def unsaved(self, id: str, message: str) -> None:
        """Why the paid image is not on disk yet; the answer stays."""
        self._set(id, message=message)

    def expired(self, id: str, message: str) -> None:
        """The paid image can no longer be fetched."""
        self._set(id, state="expired", message=message)

    def resolved(self, id: str, decision: str) -> None:
        """The user's decision about an unknown outcome: `retry` or `drop`."""
        self._set(id, state="resolved", code=decision)

    def _set(self, id: str, *, bump: bool = False, **columns: Any) -> None:
        parts = [f"{name} = :{name}" for name in columns]
        if bump:
            parts.append("attempt = attempt + 1")
        with self._transaction() as db:
            db.execute(
                f"UPDATE requests SET {', '.join(parts)} WHERE id = :id", {**columns, "id": id}
            )

    # Start of a run, and reading.

    def settle_dead_runs(self) -> list[Entry]:
        """Turns the intents of processes that died into `unknown`; returns those."""
        intents = self._select("state = 'intent'")
        owners = {entry.run for entry in intents}
        dead = {run for run in owners if not is_alive(self.folder / "runs", run)}
        found = [entry for entry in intents if entry.run in dead]
        for entry in found:
            self._settle(entry.id)
        return found

    def _settle(self, id: str) -> None:
        message = "the process ended between sending the request and keeping the answer"
        with self._transaction() as db:
            db.execute(
                "UPDATE requests SET state = 'unknown', message = ?"
                " WHERE id = ? AND state = 'intent'",
                (message, id),
            )

    def purge_expired_links(self, redact: Callable[[bytes], bytes]) -> None:
        """Takes the signed part out of answers whose link has expired."""
        with self._transaction() as db:
            rows = db.execute(
                "SELECT id, answer FROM requests WHERE expires < ? AND answer IS NOT NULL"
                " AND state IN ('saved', 'expired') LIMIT 1000",
                (self._clock(),),
            ).fetchall()
            for row in rows:
                db.execute(
                    "UPDATE requests SET answer = ?, expires = NULL WHERE id = ?",
                    (redact(row["answer"]), row["id"]),
                )

    def get(self, id: str) -> Entry:
        """The entry with this id; KeyError if there is none."""
        found = self._select("id = ?", id)
        if not found:
            raise KeyError(id)
        return found[0]

    def unfinished(self) -> list[Entry]:
        """Paid images that are not on disk and that no living process works on."""
        waiting = self._select("state = 'answer'")
        return [entry for entry in waiting if not is_alive(self.folder / "runs", entry.run)]

    def history(self, *, since: float | None = None, state: str | None = None) -> list[Entry]:
        """All requests in the order they were asked."""
        return self._select("asked >= ? AND (? IS NULL OR state = ?)", since or 0.0, state, state)

    def _select(self, where: str, *values: object) -> list[Entry]:
        query = f"SELECT * FROM requests WHERE {where} ORDER BY asked, rowid"
        with self._lock, self._explained():
            return [_entry(row) for row in self._db.execute(query, values)]


def _prepare_folder(folder: Path, path: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600)):
        if os.name != "nt":
            os.chmod(path, 0o600)


def _migrate(db: sqlite3.Connection) -> None:
    if db.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION:
        return
    db.execute("BEGIN IMMEDIATE")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        db.rollback()
        raise MachineError(
            "the ledger was written by a newer cogview", hint="upgrade cogview, then run it again"
        )
    if version == 0:
        for statement in filter(str.strip, _SCHEMA.split(";")):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    db.commit()


def _answer_columns(answer: Answer) -> dict[str, Any]:
    return {
        "status": answer.status,
        "headers": _json(answer.headers),
        "answer": answer.raw,
        "whole": int(answer.whole),
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
