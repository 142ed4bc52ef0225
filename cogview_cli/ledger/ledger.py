"""The life of a request, step by step, each on the disk before the next thing happens.

A request moves `intent` → `not_sent` | `rejected` | `unknown` | `pending` | `answer`, from
`pending` (the server has it and can be asked again) → `answer`, or one of the other three, and
from `answer` → `saved` | `expired`; `resolved` is the user's own decision about an unknown or
a pending one. No network.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from decimal import Decimal
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cogview_cli.api import image_urls
from cogview_cli.api.protocol import Answer
from cogview_cli.disk.locks import ProcessLock, is_alive
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.ledger.claims import NEXT_SEQ, claim
from cogview_cli.ledger.entry import (
    PAID_STATES,
    SANDBOX_ACCOUNT,
    SANDBOX_SERVER_ACCOUNT,
    Entry,
    Intent,
    Resolution,
    State,
    answer_columns,
    columns_of,
    rescued_columns,
    said_by_sandbox,
    to_json,
)
from cogview_cli.ledger.file import LedgerFile
from cogview_cli.ledger.reader import LedgerReader
from cogview_cli.ledger.upkeep import purge_some, to_purge, to_trim, trim, trim_some
from cogview_cli.ledger.worker import Worker

if TYPE_CHECKING:
    from cogview_cli.ledger.queue_parts import QueueParts

T = TypeVar("T")
# Less than a commit takes, and longer than a task that was just woken needs to say what it wants.
NEXT_CALL_SECONDS = 0.002
_SERVER_CLOCK = (
    "INSERT INTO servers (date, base_url) SELECT ?, base_url FROM requests WHERE id = ?"
    " ON CONFLICT (base_url) DO UPDATE SET date = excluded.date"
)


class Ledger(LedgerReader):
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
        super().__init__(LedgerFile(folder, patience=patience))
        self.path = self._file.path
        self._clock = clock
        self._worker = Worker(self._file)
        self._run: ProcessLock | None = None
        # What all runs together may spend in a day; None for no limit.
        self.daily_limit: Decimal | None = None

    @cached_property
    def parts(self) -> QueueParts:
        """The parts of the vendor's queue; their methods go through `call` as well."""
        from cogview_cli.ledger.queue_parts import QueueParts  # a `gen` has nothing to do with it

        return QueueParts(self._file, lambda: self.run, self._clock, lambda: self.daily_limit)

    async def call(self, method: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Runs a method of this ledger in its own thread; calls never overtake each other."""
        return await self._worker.call(partial(method, *args, **kwargs))

    async def call_with_next(self, method: Callable[..., T], *args: Any) -> T:
        """As `call`, in one commit with the call that follows, if that comes at once."""
        return await self._worker.call(partial(method, *args), patience=NEXT_CALL_SECONDS)

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
        return await self._worker.complete(partial(method, *args))

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

    def is_ours(self, run: str) -> bool:
        """Whether a run is this process's; asks without beginning one."""
        return self._run is not None and self._run.name == run

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
            claim(db, intent.key, intent.namespace, known)
            self._check_day(db, intent)
            db.execute(f"INSERT INTO requests ({names}, seq) VALUES ({marks}, {NEXT_SEQ})", values)
        return self.get(str(values["id"]))

    def intend_again(self, id: str, known: Collection[str] = ()) -> None:
        """Records that a request that cost nothing is about to be sent once more.

        Raises Claimed and BudgetReached as `intend` does.
        """
        again = f"state = ?, run = ?, asked = ?, seq = {NEXT_SEQ}, attempt = attempt + 1"
        values = State.INTENT, self.run, self._clock(), id
        entry = self.get(id)
        with self._file.transaction() as db:
            claim(db, entry.key, entry.namespace, {*known, id})
            self._check_day(db, entry)
            db.execute(f"UPDATE requests SET {again} WHERE id = ?", values)

    def _check_day(self, db: sqlite3.Connection, asked: Intent | Entry) -> None:
        if self.daily_limit is not None and asked.account != SANDBOX_ACCOUNT:
            from cogview_cli.ledger.daily import check_limit

            check_limit(db, self.daily_limit, asked.price or Decimal(0), asked, self._clock())

    def not_sent(self, id: str, message: Message, code: str = "") -> None:
        """The try provably cost nothing."""
        self._set(id, state=State.NOT_SENT, message=message.stored(), code=code)

    def rejected(self, id: str, answer: Answer, code: str, message: Message) -> None:
        """The API refused the request for good."""
        self._set(
            id,
            answer,
            state=State.REJECTED,
            code=code,
            message=message.stored(),
            **answer_columns(answer),
        )

    def unknown(self, id: str, message: Message, answer: Answer | None, code: str = "") -> None:
        """The request was sent and its outcome cannot be known; keeps what arrived."""
        extra = answer_columns(answer) if answer else {}
        self._set(id, answer, state=State.UNKNOWN, message=message.stored(), code=code, **extra)

    def pending(self, id: str, task: str, said: Answer | None = None) -> None:
        """The server has taken the request as `task` and can be asked for its answer.

        `said`: the answer that names the task.
        """
        self._set(id, said, state=State.PENDING, task=task, message=None, code="")

    def answer(
        self, id: str, answer: Answer, generate_s: float, expires: float | None = None
    ) -> Entry:
        """The raw answer, before anything happens with it.

        `expires`: when its links have died, Unix seconds by its server's clock.
        """
        with self._file.transaction() as db:
            self._set(
                id,
                answer,
                state=State.ANSWER,
                answered=self._clock(),
                generate_s=generate_s,
                expires=expires,
                **answer_columns(answer),
            )
            if (date := image_urls.server_date(answer.headers)) is not None:
                db.execute(_SERVER_CLOCK, (date, id))
        return self.get(id)

    def take_back(self, entry: Entry) -> bool:
        """Puts a rescued answer into the ledger, with its request if that is gone.

        False if it was known already: nothing is written over what came of it since.
        """
        assert entry.answer is not None
        columns = rescued_columns(entry)
        names, marks = ", ".join(columns), ", ".join(f":{name}" for name in columns)
        with self._file.transaction() as db:
            found = db.execute("SELECT state FROM requests WHERE id = ?", (entry.id,)).fetchone()
            if found and found["state"] in PAID_STATES:
                return False
            if not found:
                insert = f"INSERT INTO requests ({names}, seq) VALUES ({marks}, {NEXT_SEQ})"
                db.execute(insert, columns)
            answered = entry.generate_s or 0.0, entry.expires
            self.answer(entry.id, entry.answer, *answered)
        return True

    def saved(self, id: str, files: list[dict[str, Any]]) -> None:
        """All images of the answer are on disk and checked: what was inline is taken out."""
        with self._file.transaction() as db:
            self._set(id, state=State.SAVED, files=to_json(files), message=None, code="")
            trim(db, id)

    def files_so_far(self, id: str, files: list[dict[str, Any]]) -> None:
        """Some images of the answer are on disk."""
        self._set(id, files=to_json(files))

    def unsaved(self, id: str, message: Message, code: str = "") -> None:
        """Why the paid image is not on disk yet; the answer stays.

        With the code UNVERIFIED there is nothing more to fetch: what came is kept beside.
        """
        self._set(id, message=message.stored(), code=code)

    def was_read(self, id: str, text: dict[str, Any]) -> None:
        """What was read off the picture, as the sidecar has it."""
        self._set(id, text=to_json(text))

    def moved(self, entries: Iterable[Entry]) -> None:
        """The files of these requests have other names: all of them, or none."""
        with self._file.transaction():
            for entry in entries:
                self._set(entry.id, files=to_json(entry.files), target=to_json(entry.target))

    def undelivered(self, id: str, message: Message) -> None:
        """The images are on disk, but not where they were meant to go."""
        self._set(id, state=State.ANSWER, message=message.stored(), code="")

    def expired(self, id: str, message: Message) -> None:
        """The paid image can no longer be fetched."""
        self._set(id, state=State.EXPIRED, message=message.stored())

    def resolved(self, id: str, decision: Resolution) -> None:
        """The user's decision about an unknown outcome."""
        self._set(id, state=State.RESOLVED, code=decision)

    def given_up(self, id: str) -> None:
        """The user's decision that a paid image is not to be fetched any more; it stays paid."""
        self._set(id, state=State.EXPIRED, code=Resolution.DROP)

    def _set(self, id: str, said: Answer | None = None, /, **columns: Any) -> None:
        """`said`: the answer that the change comes from; its server may be a sandbox."""
        parts = [f"{name} = :{name}" for name in columns]
        with self._file.transaction() as db:
            db.execute(
                f"UPDATE requests SET {', '.join(parts)} WHERE id = :id", {**columns, "id": id}
            )
            if said_by_sandbox(said):
                db.execute(
                    "UPDATE requests SET account = ? WHERE id = ? AND account != ?",
                    (SANDBOX_SERVER_ACCOUNT, id, SANDBOX_ACCOUNT),
                )

    # Start of a run.

    def settle_dead_runs(self) -> list[Entry]:
        """Turns the intents of processes that died into `unknown`; returns those.

        What a sandbox had made for them is gone with it.
        """
        for entry in (*self.abandoned(State.ANSWER), *self.abandoned(State.PENDING)):
            if entry.in_sandbox:
                self.expired(entry.id, Message.of("sandbox-ended"))
        if self.has_sandbox_parts():
            self.parts.end_sandboxes()
        found = self.abandoned(State.INTENT)
        for entry in found:
            self._settle(entry.id)
        return found

    def in_hand_elsewhere(self, entry: Entry) -> bool:
        """Whether another living process may be at work on this request."""
        ours = self._run is not None and self._run.name == entry.run
        return not ours and is_alive(self.folder / "runs", entry.run)

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

    def _settle(self, id: str) -> None:
        message = Message.of("process-ended").stored()
        with self._file.transaction() as db:
            db.execute(
                "UPDATE requests SET state = ?, message = ? WHERE id = ? AND state = ?",
                (State.UNKNOWN, message, id, State.INTENT),
            )

    def tidy(self) -> None:
        """Takes out of settled answers what nobody needs any more, and gives the room back.

        Links go once they have died by their server's own clock, with a day to spare.
        """
        # Asked first without the lock that a write takes: mostly there is nothing to do.
        for found, work in ((to_trim, trim_some), (to_purge, purge_some)):
            while ids := found(self._file.rows):
                with self._file.transaction() as db:
                    work(db, ids)
        self._file.shrink()
