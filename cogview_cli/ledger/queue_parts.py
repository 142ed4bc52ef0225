"""The parts of the vendor's queue: files of requests, and the batches made of them.

A part moves `draft` → `new` → `uploaded` → `creating` → `created` → `ended` → `closed`; each
step is on the disk before the call that it is about. Its requests are `pending` from the draft
on, so that nothing else sends them meanwhile.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from cogview_cli.api import image_urls
from cogview_cli.api.protocol import Answer
from cogview_cli.disk.locks import is_alive
from cogview_cli.errors import BudgetReached
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.ledger.claims import NEXT_SEQ, Claimed, claim
from cogview_cli.ledger.daily import day_began, limit_reached, spent_since
from cogview_cli.ledger.entry import (
    COLUMNS,
    SANDBOX_ACCOUNT,
    SANDBOX_SERVER_ACCOUNT,
    Entry,
    Intent,
    State,
    answer_columns,
    columns_of,
    entry_of,
    new_id,
    said_by_sandbox,
)
from cogview_cli.ledger.file import LedgerFile

ROWS_AT_ONCE = 400


class PartState(StrEnum):
    """How far a part is."""

    DRAFT = "draft"  # its requests are being written down
    NEW = "new"  # nothing is uploaded, or nobody knows of it
    UPLOADED = "uploaded"  # the vendor has the file; no batch was asked for
    CREATING = "creating"  # a batch was asked for; the vendor may have it
    CREATED = "created"
    ENDED = "ended"  # every result is in the ledger
    CLOSED = "closed"  # and every picture on disk, the vendor's files gone


# The vendor has no batch of these: nothing of them was sent for.
BEFORE_CREATE = (PartState.DRAFT, PartState.NEW, PartState.UPLOADED)
_OVER = (PartState.ENDED, PartState.CLOSED)


class Part(NamedTuple):
    """One row. `lines`: how many requests; `read`: how many were done at the last reading."""

    id: str
    run: str
    number: int
    namespace: str
    base_url: str
    account: str
    model: str
    price: Decimal | None
    currency: str
    asked: float
    state: PartState = PartState.DRAFT
    lines: int = 0
    file: str | None = None
    batch: str | None = None
    status: str | None = None
    completed: int = 0
    failed: int = 0
    output_file: str | None = None
    error_file: str | None = None
    read: int = 0

    @property
    def in_sandbox(self) -> bool:
        """Whether an in-process sandbox has it: it went with its process."""
        return self.account == SANDBOX_ACCOUNT

    @property
    def unsent(self) -> bool:
        """Whether nothing was asked of the vendor yet but to keep its file."""
        return self.state in BEFORE_CREATE

    @property
    def waiting(self) -> int:
        """How many requests take room in the queue, or will; nobody says that done ones do not."""
        return 0 if self.state in _OVER else self.lines


class Settled(NamedTuple):
    """How one request of a part ended."""

    key: str
    state: State
    answer: Answer | None = None
    code: str = ""
    message: Message | None = None
    expires: float | None = None


class QueueParts:
    """The parts in the ledger. Methods block; the ledger's `call` runs them off the loop."""

    def __init__(
        self,
        file: LedgerFile,
        run: Callable[[], str],
        clock: Callable[[], float],
        daily_limit: Callable[[], Decimal | None],
    ) -> None:
        self._file, self._run, self._clock, self._limit = file, run, clock, daily_limit

    # Reading.

    def open(self, namespace: str | None = None) -> list[Part]:
        """The parts that are not closed, of one folder or all, in the order of asking."""
        where = "state != ? AND (? IS NULL OR namespace = ?)"
        return self._select(where, PartState.CLOSED, namespace, namespace)

    def get(self, id: str) -> Part:
        """The part with this id; KeyError if there is none."""
        found = self._select("id = ?", id)
        if not found:
            raise KeyError(id)
        return found[0]

    def _select(self, where: str, *values: object) -> list[Part]:
        query = f"SELECT {', '.join(Part._fields)} FROM parts WHERE {where} ORDER BY rowid"
        return [_part_of(row) for row in self._file.rows(query, values)]

    def entries(self, part: str, *states: State) -> Iterator[list[Entry]]:
        """The requests of a part in these states, a few hundred at a time, in their order."""
        marks, last = ", ".join("?" * len(states)), 0
        query = (
            f"SELECT {COLUMNS}, NULL AS answer FROM requests WHERE part = ? AND seq > ?"
            f" AND state IN ({marks}) ORDER BY seq LIMIT {ROWS_AT_ONCE}"
        )
        while rows := self._file.rows(query, (part, last, *states)):
            yield [entry_of(row) for row in rows]
            last = rows[-1]["seq"]

    def lines(self, part: str) -> Iterator[list[Entry]]:
        """The requests to upload, in the order of the file's lines."""
        return self.entries(part, State.PENDING)

    def keys(self, part: str, *states: State) -> set[str]:
        """The keys of its requests in these states."""
        marks = ", ".join("?" * len(states))
        query = f"SELECT key FROM requests WHERE part = ? AND state IN ({marks})"
        return {row["key"] for row in self._file.rows(query, (part, *states))}

    def count(self, part: str, *states: State) -> int:
        """How many of its requests are in these states."""
        marks = ", ".join("?" * len(states))
        query = f"SELECT count(*) FROM requests WHERE part = ? AND state IN ({marks})"
        return int(self._file.rows(query, (part, *states))[0][0])

    # Writing.

    def begin(self, part: Part) -> Part:
        """Records a draft: gives it an id, this run and the next number of its folder."""
        now = self._clock()
        with self._file.transaction() as db:
            query = "SELECT coalesce(max(number), 0) + 1 FROM parts WHERE namespace = ?"
            number = db.execute(query, (part.namespace,)).fetchone()[0]
            part = part._replace(id=new_id(now), run=self._run(), number=number, asked=now)
            values = {**part._asdict(), "price": None if part.price is None else str(part.price)}
            names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
            db.execute(f"INSERT INTO parts ({names}) VALUES ({marks})", values)
        return part

    def intend(
        self, part: str, intents: Sequence[tuple[Intent, Collection[str]]]
    ) -> list[str | Claimed | BudgetReached]:
        """Records requests of a draft: of each the id, or why it is not taken.

        With each intent come the ids of earlier requests that it passes over. After one that
        crosses the day's limit none is taken.
        """
        with self._file.transaction() as db:
            room = self._room(db, intents[0][0]) if intents else None
            results = [self._intend(db, part, *each, room) for each in intents]
            taken = sum(isinstance(result, str) for result in results)
            db.execute("UPDATE parts SET lines = lines + ? WHERE id = ?", (taken, part))
        return results

    def _room(self, db: sqlite3.Connection, asked: Intent) -> _Room | None:
        limit = self._limit()
        if limit is None or asked.account == SANDBOX_ACCOUNT:
            return None
        return _Room(limit, spent_since(db, day_began(self._clock()), asked))

    def _intend(
        self,
        db: sqlite3.Connection,
        part: str,
        intent: Intent,
        known: Collection[str],
        room: _Room | None,
    ) -> str | Claimed | BudgetReached:
        price = intent.price or Decimal(0)
        if room is not None and room.spent + price > room.limit:
            return limit_reached(room.limit, room.spent, intent.currency)
        try:
            claim(db, intent.key, intent.namespace, known)
        except Claimed as error:
            return error
        if room is not None:
            room.spent += price
        values = columns_of(intent._replace(part=part), self._run(), self._clock())
        values["state"] = State.PENDING
        names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
        db.execute(f"INSERT INTO requests ({names}, seq) VALUES ({marks}, {NEXT_SEQ})", values)
        return str(values["id"])

    def note(self, part: str, **columns: Any) -> Part:
        """Notes what became known of a part."""
        parts = ", ".join(f"{name} = :{name}" for name in columns)
        with self._file.transaction() as db:
            db.execute(f"UPDATE parts SET {parts} WHERE id = :part", {**columns, "part": part})
        return self.get(part)

    def take_over(self, ids: Iterable[str]) -> set[str]:
        """Makes this process the one that looks after these parts; those that are ours now."""
        run, taken = self._run(), set()
        with self._file.transaction() as db:
            for id in ids:
                owner = db.execute("SELECT run FROM parts WHERE id = ?", (id,)).fetchone()[0]
                if owner == run or not is_alive(self._file.folder / "runs", owner):
                    db.execute("UPDATE parts SET run = ? WHERE id = ?", (run, id))
                    taken.add(id)
        return taken

    def end_sandboxes(self) -> None:
        """Ends the parts of in-process sandboxes whose process is gone."""
        for part in self._select("state != ? AND account = ?", PartState.CLOSED, SANDBOX_ACCOUNT):
            if part.id in self.take_over([part.id]):
                self.drop(part.id, Message.of("sandbox-ended"))

    def settle(self, part: str, results: Iterable[Settled]) -> int:
        """Keeps how requests of a part ended; how many of them were still open.

        A picture counts also where an error for the same request was read before it, and any
        word of the vendor's where nothing was known.
        """
        with self._file.transaction() as db:
            return sum(self._settle(db, part, result) for result in results)

    def _settle(self, db: sqlite3.Connection, part: str, result: Settled) -> int:
        open_states = [State.PENDING]
        if result.state == State.ANSWER:
            open_states += [State.REJECTED, State.NOT_SENT, State.UNKNOWN]
        elif result.state != State.UNKNOWN:
            open_states.append(State.UNKNOWN)
        values: dict[str, Any] = {
            "state": result.state,
            "run": self._run(),
            "code": result.code,
            "message": result.message.stored() if result.message else None,
            "expires": result.expires,
            **(answer_columns(result.answer) if result.answer else {}),
            **({"answered": self._clock()} if result.state == State.ANSWER else {}),
        }
        sets = ", ".join(f"{name} = :{name}" for name in values)
        sets += ", task = (SELECT batch FROM parts WHERE id = :part)"
        among = ", ".join(f"'{state}'" for state in open_states)
        where = f"key = :key AND +part = :part AND +state IN ({among})"
        named = {"key": result.key, "part": part}
        changed = db.execute(f"UPDATE requests SET {sets} WHERE {where}", {**values, **named})
        if changed.rowcount > 0 and result.answer:
            _note_server(db, result.answer, named)
        return max(0, changed.rowcount)

    def settle_rest(self, part: str, state: State, message: Message, code: str = "") -> None:
        """Ends every request of a part that is still open."""
        with self._file.transaction() as db:
            db.execute(
                "UPDATE requests SET state = ?, message = ?, code = ? WHERE part = ? AND state = ?",
                (state, message.stored(), code, part, State.PENDING),
            )

    def drop(self, part: str, message: Message, code: str = "") -> None:
        """Ends a part that no batch was made of: none of its requests was sent."""
        with self._file.transaction():
            self.settle_rest(part, State.NOT_SENT, message, code)
            self.note(part, state=PartState.CLOSED)


class _Room:
    """What is left of a day's limit, as a part is written down."""

    __slots__ = ("limit", "spent")

    def __init__(self, limit: Decimal, spent: Decimal) -> None:
        self.limit, self.spent = limit, spent


def _note_server(db: sqlite3.Connection, answer: Answer, named: dict[str, str]) -> None:
    """Whose answer it was, and what its clock said."""
    where = "key = :key AND +part = :part"
    if said_by_sandbox(answer):
        db.execute(
            f"UPDATE requests SET account = :sandbox WHERE {where} AND account != :ours",
            {"sandbox": SANDBOX_SERVER_ACCOUNT, "ours": SANDBOX_ACCOUNT, **named},
        )
    if (date := image_urls.server_date(answer.headers)) is not None:
        db.execute(
            "INSERT INTO servers (date, base_url) SELECT :date, base_url FROM requests"
            f" WHERE {where} ON CONFLICT (base_url) DO UPDATE SET date = excluded.date",
            {"date": date, **named},
        )


def _part_of(row: sqlite3.Row) -> Part:
    fields = {name: row[name] for name in Part._fields}
    price = fields.pop("price")
    fields["state"] = PartState(fields["state"])
    return Part(**fields, price=None if price is None else Decimal(price))
