"""The life of a request, step by step, each on the disk before the next thing happens.

A request moves `intent` → `not_sent` | `rejected` | `unknown` | `answer`, and from
`answer` → `saved` | `expired`; `resolved` is the user's own decision about an
unknown one. No network.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from decimal import Decimal
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from cogview_cli.api.protocol import Answer
from cogview_cli.disk.locks import ProcessLock, is_alive
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.ledger.daily import check_limit
from cogview_cli.ledger.entry import (
    SANDBOX_ACCOUNT,
    UNVERIFIED,
    Entry,
    Intent,
    Resolution,
    State,
    answer_columns,
    columns_of,
    entry_of,
    to_json,
)
from cogview_cli.ledger.file import LedgerFile
from cogview_cli.ledger.worker import Worker

T = TypeVar("T")


class Claimed(Exception):
    """Another request for the same image is in the ledger already."""


class Ledger:
    """The open ledger. Methods block; `call` runs one off the event loop, in order."""

    def __init__(
        self,
        folder: Path,
        *,
        clock: Callable[[], float] = time.time,
        patience: float | None = None,
    ) -> None:
        """Opens `ledger.db` in `folder`; MachineError if it can't be used: no ledger, no POST.

        `patience`: seconds to wait for another process that writes to it.
        """
        self._file = LedgerFile(folder, patience=patience)
        self.folder = folder
        self.path = self._file.path
        self._clock = clock
        self._worker = Worker(self._file)
        self._run: ProcessLock | None = None
        # What all runs together may spend in a day; None for no limit.
        self.daily_limit: Decimal | None = None

    async def call(self, method: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Runs a method of this ledger in its own thread; calls never overtake each other."""
        return await self._worker.call(partial(method, *args, **kwargs))

    async def keep(self, method: Callable[..., Any], *args: Any) -> None:
        """As `call`, for what has to be on record: being cancelled ends the wait, no more.

        The record is made all the same, before `close` returns, and the caller goes on.
        """
        with suppress(asyncio.CancelledError):
            await self.call(method, *args)

    async def complete(self, method: Callable[..., T], *args: Any) -> T:
        """As `call`, for what decides how a request is reported.

        A caller that is cancelled meanwhile learns the result first: its next wait is cancelled.
        """
        task, cancelled = asyncio.ensure_future(self.call(method, *args)), False
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError:
                cancelled = True
        if cancelled and (current := asyncio.current_task()):
            current.uncancel()
            current.cancel()
        return task.result()

    def close(self) -> None:
        """Waits for what is being written, then lets go of the file and the run."""
        self._worker.close()
        self._file.close()
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
            with self._file.explained():
                self._run = ProcessLock(self.folder / "runs")
        return self._run.name

    # Writing, in the order of a request's life.

    def intend(self, intent: Intent, known: Collection[str] = ()) -> Entry:
        """Records that `intent` is about to be sent: the claim on its key and namespace.

        Raises Claimed if the ledger has a request for it that may have cost money or
        that the API rejected, other than those in `known`, which the caller passes over;
        BudgetReached where it would cross the daily limit.
        """
        values = columns_of(intent, self.run, self._clock())
        names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
        with self._file.transaction() as db:
            _claim(db, intent.key, intent.namespace, known)
            self._check_day(db, intent)
            db.execute(f"INSERT INTO requests ({names}) VALUES ({marks})", values)
        return self.get(str(values["id"]))

    def intend_again(self, id: str, known: Collection[str] = ()) -> None:
        """Records that a request that cost nothing is about to be sent once more.

        Raises Claimed and BudgetReached as `intend` does.
        """
        again = "state = ?, run = ?, asked = ?, attempt = attempt + 1"
        values = State.INTENT, self.run, self._clock(), id
        entry = self.get(id)
        with self._file.transaction() as db:
            _claim(db, entry.key, entry.namespace, {*known, id})
            self._check_day(db, entry)
            db.execute(f"UPDATE requests SET {again} WHERE id = ?", values)

    def _check_day(self, db: sqlite3.Connection, asked: Intent | Entry) -> None:
        if self.daily_limit is not None and asked.account != SANDBOX_ACCOUNT:
            price = asked.price or Decimal(0)
            check_limit(db, self.daily_limit, price, asked.currency, self._clock())

    def not_sent(self, id: str, message: Message, code: str = "") -> None:
        """The try provably cost nothing."""
        self._set(id, state=State.NOT_SENT, message=message.stored(), code=code)

    def rejected(self, id: str, answer: Answer, code: str, message: Message) -> None:
        """The API refused the request for good."""
        self._set(
            id, state=State.REJECTED, code=code, message=message.stored(), **answer_columns(answer)
        )

    def unknown(self, id: str, message: Message, answer: Answer | None, code: str = "") -> None:
        """The request was sent and its outcome cannot be known; keeps what arrived."""
        extra = answer_columns(answer) if answer else {}
        self._set(id, state=State.UNKNOWN, message=message.stored(), code=code, **extra)

    def answer(
        self, id: str, answer: Answer, generate_s: float, expires: float | None = None
    ) -> Entry:
        """The raw answer, before anything happens with it; when its link dies, Unix seconds."""
        self._set(
            id,
            state=State.ANSWER,
            answered=self._clock(),
            generate_s=generate_s,
            expires=expires,
            **answer_columns(answer),
        )
        return self.get(id)

    def expires(self, id: str, at: float | None) -> None:
        """When the image's link dies, Unix seconds."""
        self._set(id, expires=at)

    def saved(self, id: str, files: list[dict[str, Any]]) -> None:
        """All images of the answer are on disk and checked."""
        self._set(id, state=State.SAVED, files=to_json(files), message=None, code="")

    def files_so_far(self, id: str, files: list[dict[str, Any]]) -> None:
        """Some images of the answer are on disk."""
        self._set(id, files=to_json(files))

    def unsaved(self, id: str, message: Message, code: str = "") -> None:
        """Why the paid image is not on disk yet; the answer stays.

        With the code UNVERIFIED there is nothing more to fetch: what came is kept beside.
        """
        self._set(id, message=message.stored(), code=code)

    def undelivered(self, id: str, message: Message) -> None:
        """The images are on disk, but not where they were meant to go."""
        self._set(id, state=State.ANSWER, message=message.stored(), code="")

    def expired(self, id: str, message: Message) -> None:
        """The paid image can no longer be fetched."""
        self._set(id, state=State.EXPIRED, message=message.stored())

    def resolved(self, id: str, decision: Resolution) -> None:
        """The user's decision about an unknown outcome."""
        self._set(id, state=State.RESOLVED, code=decision)

    def _set(self, id: str, **columns: Any) -> None:
        parts = [f"{name} = :{name}" for name in columns]
        with self._file.transaction() as db:
            db.execute(
                f"UPDATE requests SET {', '.join(parts)} WHERE id = :id", {**columns, "id": id}
            )

    # Start of a run, and reading.

    def settle_dead_runs(self) -> list[Entry]:
        """Turns the intents of processes that died into `unknown`; returns those.

        What a sandbox had made for them is gone with it.
        """
        for entry in self._abandoned(State.ANSWER):
            if entry.in_sandbox:
                self.expired(entry.id, Message.of("sandbox-ended"))
        found = self._abandoned(State.INTENT)
        for entry in found:
            self._settle(entry.id)
        return found

    def take_over(self, ids: Iterable[str]) -> set[str]:
        """Makes this process the one that finishes these requests; those that are ours now.

        The others belong to a living process: two that save one image would write one file.
        """
        run, taken = self.run, set()
        with self._file.transaction() as db:
            for id in ids:
                owner = db.execute("SELECT run FROM requests WHERE id = ?", (id,)).fetchone()[0]
                if owner == run or not is_alive(self.folder / "runs", owner):
                    db.execute("UPDATE requests SET run = ? WHERE id = ?", (run, id))
                    taken.add(id)
        return taken

    def _abandoned(self, state: State) -> list[Entry]:
        """The entries in `state` whose process has ended."""
        owners = self._file.rows("SELECT DISTINCT run FROM requests WHERE state = ?", (state,))
        with self._file.explained():
            dead = [row["run"] for row in owners if not is_alive(self.folder / "runs", row["run"])]
        marks = ", ".join("?" * len(dead))
        return self._select(f"state = ? AND run IN ({marks})", state, *dead) if dead else []

    def _settle(self, id: str) -> None:
        message = Message.of("process-ended").stored()
        with self._file.transaction() as db:
            db.execute(
                "UPDATE requests SET state = ?, message = ? WHERE id = ? AND state = ?",
                (State.UNKNOWN, message, id, State.INTENT),
            )

    def purge_expired_links(self, redact: Callable[[bytes], bytes]) -> None:
        """Takes the signed part out of answers whose link has expired; they then expire at 0."""
        with self._file.transaction() as db:
            rows = db.execute(
                "SELECT id, answer FROM requests"
                " WHERE expires > 0 AND expires < ? AND answer IS NOT NULL"
                " AND +state IN (?, ?) LIMIT 1000",
                (self._clock(), State.SAVED, State.EXPIRED),
            ).fetchall()
            for row in rows:
                db.execute(
                    "UPDATE requests SET answer = ?, expires = 0 WHERE id = ?",
                    (redact(row["answer"]), row["id"]),
                )

    def get(self, id: str) -> Entry:
        """The entry with this id; KeyError if there is none."""
        # Bytes of the command line that are no text are no id either; SQLite takes text only.
        found = self._select("id = ?", id.encode("utf-8", "replace").decode())
        if not found:
            raise KeyError(id)
        return found[0]

    def by_key(self, namespace: str, keys: Iterable[str]) -> dict[str, list[Entry]]:
        """All requests for these keys in `namespace`, oldest first, by key."""
        wanted = tuple(keys)
        marks = ", ".join("?" * len(wanted))
        found = self._select(f"key IN ({marks}) AND namespace = ?", *wanted, namespace)
        found.sort(key=lambda entry: entry.key)
        return {key: list(entries) for key, entries in groupby(found, lambda entry: entry.key)}

    def by_content(self, content: str, state: State | None = None) -> list[Entry]:
        """All requests for this content, oldest first, but for those of living processes."""
        found = self._select("content = ? AND (? IS NULL OR +state = ?)", content, state, state)
        open_states = (State.INTENT, State.ANSWER)
        return [
            entry
            for entry in found
            if entry.state not in open_states or not is_alive(self.folder / "runs", entry.run)
        ]

    def unfinished(self, *, unverified: bool = False) -> list[Entry]:
        """Paid images that are not on disk and that no living process works on.

        `unverified`: also those of which all that can be had is kept beside.
        """
        found = self._abandoned(State.ANSWER)
        return [entry for entry in found if unverified or entry.code != UNVERIFIED]

    def history(self, *, since: float | None = None, state: State | None = None) -> list[Entry]:
        """All requests in the order they were asked."""
        return self._select("asked >= ? AND (? IS NULL OR state = ?)", since or 0.0, state, state)

    def _select(self, where: str, *values: object) -> list[Entry]:
        query = f"SELECT * FROM requests WHERE {where} ORDER BY asked, rowid"
        return [entry_of(row) for row in self._file.rows(query, values)]


def _claim(db: sqlite3.Connection, key: str, namespace: str, known: Collection[str]) -> None:
    others = db.execute(
        "SELECT id FROM requests WHERE key = ? AND namespace = ? AND state != ?",
        (key, namespace, State.NOT_SENT),
    )
    if any(row["id"] not in known for row in others):
        raise Claimed(key)
