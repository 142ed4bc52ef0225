"""What the ledger keeps of one request: the intent before it, the entry after it. Pure."""

import json
import os
import sqlite3
import time
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from cogview_cli.api.dialects import SANDBOX_SERVER
from cogview_cli.api.protocol import Answer
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.net.addresses import is_loopback

_decode = json.JSONDecoder().raw_decode


class State(StrEnum):
    """Where a request stands; the module `ledger` says what follows what."""

    INTENT = "intent"
    NOT_SENT = "not_sent"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    PENDING = "pending"
    ANSWER = "answer"
    SAVED = "saved"
    EXPIRED = "expired"
    RESOLVED = "resolved"


class Resolution(StrEnum):
    """What the user says about a request whose outcome is unknown; the `code` of its row."""

    RETRY = "retry"
    DROP = "drop"


# Money was spent; `unknown` may have cost as much again.
PAID_STATES = (State.ANSWER, State.SAVED, State.EXPIRED)
# Nobody can say whether money was spent; a decision about it does not make it unpaid.
DOUBTFUL_STATES = (State.INTENT, State.UNKNOWN, State.PENDING, State.RESOLVED)
# Rejected with a 200 and no code: blocked outright, and perhaps charged all the same.
BLOCKED = "status BETWEEN 200 AND 299 AND coalesce(code, '') = ''"

# The code of an answer whose image came whole and could not be shown to be a picture.
UNVERIFIED = "unverified"
# The account of requests to an in-process sandbox: they cost nothing.
SANDBOX_ACCOUNT = "sandbox"
# The account of requests whose answer says that `cogview sandbox` made it; no other server on
# this machine says so, and of one elsewhere it is not believed.
SANDBOX_SERVER_ACCOUNT = "sandbox-server"


class Intent(NamedTuple):
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
    # What was asked for and where it belongs, for commands without keys of their own.
    content: str | None = None
    # The part of a queue that it goes into; which take of its image it is.
    part: str | None = None
    take: int = 1


class Entry(NamedTuple):
    """One row: a request and everything known of it. Times are Unix seconds."""

    id: str
    key: str
    run: str
    state: State
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
    message: Message | None
    files: list[dict[str, Any]]
    # The order of asking; clocks jump.
    seq: int = 0
    content: str | None = None
    # The answer still holds the picture, or a link to it that may work.
    fetchable: bool = True
    # The HTTP status of the answer, also where its raw bytes are left out.
    status: int | None = None
    # The vendor's name for a request that is answered later.
    task: str | None = None
    part: str | None = None
    take: int = 1
    # What was read off its picture, as the sidecar has it.
    text: dict[str, Any] | None = None
    # It is written down for the vendor's queue, which has no batch of it yet: `history` asks.
    unsent: bool = False

    @property
    def perhaps_paid(self) -> bool:
        """Whether it may have cost its price although no picture came of it."""
        if self.in_sandbox or self.unsent:
            return False
        answered = self.status is not None and self.status // 100 == 2
        blocked = self.state == State.REJECTED and answered and not self.code
        return self.state in DOUBTFUL_STATES or blocked

    @property
    def obtainable(self) -> bool:
        """Whether its picture may be had without another request; a queue's is the queue's own."""
        with_server = self.state == State.PENDING and self.part is None
        return (self.state == State.ANSWER or with_server) and not self.in_sandbox

    @property
    def given_up(self) -> bool:
        """Whether the user wants the paid image of this request no more."""
        return self.state == State.EXPIRED and self.code == Resolution.DROP

    @property
    def in_sandbox(self) -> bool:
        """Whether an in-process sandbox was asked: its pictures went with it."""
        return self.account == SANDBOX_ACCOUNT

    @property
    def by_sandbox(self) -> bool:
        """Whether a sandbox was asked, here or in a process of its own: no money was spent."""
        return is_sandbox(self.account, self.base_url)


def is_sandbox(account: str, base_url: str) -> bool:
    """Whether a request with this account went to a sandbox on this machine."""
    if account == SANDBOX_SERVER_ACCOUNT:
        return is_loopback(urlsplit(base_url).hostname or "")
    return account == SANDBOX_ACCOUNT


# What a row holds of an entry, in this order. The raw answer, which may be large, is asked for
# behind it, or NULL in its place.
_FIELDS = tuple(name for name in Entry._fields if name not in ("answer", "unsent"))
COLUMNS = ", ".join((*_FIELDS, "headers", "whole"))
_STATUS, _FILES = _FIELDS.index("status"), _FIELDS.index("files")
_ANSWER = Entry._fields.index("answer")


def entry_of(row: sqlite3.Row) -> Entry:
    """The entry that a row holds: `COLUMNS`, then the raw answer."""
    *values, headers, whole, raw = row
    for place, read in _READERS:
        if values[place] is not None:
            values[place] = read(values[place])
    values[_FILES] = values[_FILES] or []
    answer = None
    if raw is not None:
        status = values[_STATUS]
        answer = Answer(status=status, headers=_read(headers), raw=raw, whole=bool(whole))
    values.insert(_ANSWER, answer)
    return Entry(*values)


def _read(text: str) -> Any:
    """The value of JSON of ours; `loads` looks for blanks and asks each time how to do it."""
    return _decode(text)[0]


_READ: dict[str, Callable[[Any], Any]] = {
    "state": State,
    "price": Decimal,
    "message": Message.from_stored,
    "fetchable": bool,
    **dict.fromkeys(("body", "target", "source", "files", "text"), _read),
}
# By place, as ten thousand rows are read at a time.
_READERS = [(_FIELDS.index(name), read) for name, read in _READ.items()]


def new_id(now: float) -> str:
    """A fresh id, local time first as in file names: `20261121-150405-9f2c1ab03d`."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}-{os.urandom(5).hex()}"


def columns_of(intent: Intent, run: str, now: float) -> dict[str, Any]:
    """The first values of a new row."""
    return {
        "id": new_id(now),
        "key": intent.key,
        "run": run,
        "state": State.INTENT,
        "attempt": 1,
        "asked": now,
        "price": None if intent.price is None else str(intent.price),
        "currency": intent.currency,
        "base_url": intent.base_url,
        "account": intent.account,
        "namespace": intent.namespace,
        "body": to_json(intent.body),
        "target": to_json(intent.target),
        "source": to_json(intent.source) if intent.source else None,
        "content": intent.content,
        "part": intent.part,
        "take": intent.take,
    }


def rescued_columns(entry: Entry) -> dict[str, Any]:
    """The first values of the row of a request that the ledger has lost."""
    intent = Intent(**{name: getattr(entry, name) for name in Intent._fields})
    first = columns_of(intent, entry.run, entry.asked)
    return {**first, "id": entry.id, "attempt": entry.attempt}


def answer_columns(answer: Answer) -> dict[str, Any]:
    """The values that an answer adds to its row."""
    return {
        "status": answer.status,
        "headers": to_json(answer.headers),
        "answer": answer.raw,
        "whole": int(answer.whole),
    }


def said_by_sandbox(answer: Answer | None) -> bool:
    """Whether the server calls itself our sandbox; `Entry.by_sandbox` says who is believed."""
    return answer is not None and answer.headers.get("server", "").startswith(SANDBOX_SERVER)


def to_json(value: object) -> str:
    """Compact JSON that SQLite can keep, half surrogate pairs escaped."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
