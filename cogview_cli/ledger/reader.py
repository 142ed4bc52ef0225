"""What the ledger tells of requests, always in the order they were asked. Raw answers apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from cogview_cli.disk.locks import is_alive
from cogview_cli.ledger.entry import (
    COLUMNS,
    SANDBOX_ACCOUNT,
    SANDBOX_SERVER_ACCOUNT,
    UNVERIFIED,
    Entry,
    State,
    entry_of,
)
from cogview_cli.ledger.file import LedgerFile

if TYPE_CHECKING:
    from cogview_cli.ledger.search import Search


class LedgerReader:
    """The questions. An answer may be large, so that entries of lists come without."""

    def __init__(self, file: LedgerFile) -> None:
        self._file = file
        self.folder = file.folder

    def get(self, id: str) -> Entry:
        """The entry with this id; KeyError if there is none."""
        # Bytes of the command line that are no text are no id either; SQLite takes text only.
        found = self._select("id = ?", id.encode("utf-8", "replace").decode(), longest=None)
        if not found:
            raise KeyError(id)
        return found[0]

    def has(self, id: str) -> bool:
        """Whether there is a request with this id."""
        return bool(self._file.rows("SELECT 1 FROM requests WHERE id = ?", (id,)))

    def ids_like(self, text: str, most: int) -> list[str]:
        """The id `text`; else the first `most` ids that begin so, or whose last part does."""
        if self.has(text):
            return [text]
        begins = "substr(id, 1, length(?)) = ? OR substr(id, -10, length(?)) = ?"
        query = f"SELECT id FROM requests WHERE {begins} ORDER BY seq DESC LIMIT ?"
        return [row["id"] for row in self._file.rows(query, (text,) * 4 + (most,))]

    def find_file(self, sha256: str) -> Entry | None:
        """The newest request that a saved picture with this hash came of."""
        listed = self._select("files IS NOT NULL AND instr(files, ?)", sha256)
        same = (e for e in listed if any(file.get("sha256") == sha256 for file in e.files))
        return next(iter(reversed([*same])), None)

    def search(self, wanted: Search) -> Iterator[Entry]:
        """The requests that are looked for, without raw answers, read as they are asked for."""
        from cogview_cli.ledger.search import found

        return found(self._file.rows, wanted)

    def by_key(self, namespace: str, keys: Iterable[str]) -> dict[str, list[Entry]]:
        """All requests for these keys in `namespace`, oldest first, by key; no raw answers."""
        wanted = tuple(keys)
        marks = ", ".join("?" * len(wanted))
        found = self._select(f"key IN ({marks}) AND namespace = ?", *wanted, namespace)
        found.sort(key=lambda entry: entry.key)
        return {key: list(entries) for key, entries in groupby(found, lambda entry: entry.key)}

    def retaken(self, namespace: str | None = None) -> list[list[Entry]]:
        """All requests for each image that was asked for again because of its text, oldest first.

        `namespace`: only those in it.
        """
        rows = self._file.rows(
            "SELECT DISTINCT namespace, key FROM requests"
            " WHERE take > 1 AND (? IS NULL OR namespace = ?)",
            (namespace, namespace),
        )
        return [self.by_key(row["namespace"], [row["key"]])[row["key"]] for row in rows]

    def by_content(self, content: str, *states: State) -> list[Entry]:
        """All requests for this content, or those in `states`, oldest first.

        But for those of living processes.
        """
        open_states = (State.INTENT, State.ANSWER, State.PENDING)
        return [
            entry
            for entry in self._select("content = ?", content)
            if not states or entry.state in states
            if entry.state not in open_states or not is_alive(self.folder / "runs", entry.run)
        ]

    def unfinished(self, *, unverified: bool = False, ours: str = "") -> list[Entry]:
        """Images that are paid, or with the server, and that no living process but `ours` works on.

        `unverified`: also those of which all that can be had is kept beside. Without their raw
        answers: `get` has each. What is in a queue is the queue's own.
        """
        paid = self.abandoned(State.ANSWER, ours)
        found = [entry for entry in paid if unverified or entry.code != UNVERIFIED]
        return found + [entry for entry in self.abandoned(State.PENDING) if entry.part is None]

    def history(
        self,
        *,
        since: float | None = None,
        state: State | None = None,
        longest: int | None = None,
    ) -> list[Entry]:
        """All requests in the order they were asked.

        Raw answers of more than `longest` bytes are left out.
        """
        where = "asked >= ? AND (? IS NULL OR state = ?)"
        return self._select(where, since or 0.0, state, state, longest=longest)

    def count_unknown(self) -> int:
        """How many requests may be paid without an answer; a sandbox's cost nothing."""
        query = "SELECT COUNT(*) FROM requests WHERE state = ? AND account NOT IN (?, ?)"
        values = State.UNKNOWN, SANDBOX_ACCOUNT, SANDBOX_SERVER_ACCOUNT
        return int(self._file.rows(query, values)[0][0])

    def _select(self, where: str, *values: object, longest: int | None = 0) -> list[Entry]:
        """The entries in the order of asking, without raw answers of more than `longest` bytes."""
        limit = "" if longest is None else f"CASE WHEN length(answer) <= {longest:d} THEN"
        answer = f"{limit} answer END" if limit else "answer"
        query = f"SELECT {COLUMNS}, {answer} AS answer FROM requests WHERE {where} ORDER BY seq"
        return [entry_of(row) for row in self._file.rows(query, values)]

    def has_sandbox_parts(self) -> bool:
        """Whether an in-process sandbox ever had a part of the queue."""
        query = "SELECT 1 FROM parts WHERE account = ? LIMIT 1"
        return bool(self._file.rows(query, (SANDBOX_ACCOUNT,)))

    def abandoned(self, state: State, ours: str = "") -> list[Entry]:
        """The entries in `state` whose process has ended, or is the run `ours`."""
        owners = self._file.rows("SELECT DISTINCT run FROM requests WHERE state = ?", (state,))
        with self._file.explained():
            dead = [
                row["run"]
                for row in owners
                if row["run"] == ours or not is_alive(self.folder / "runs", row["run"])
            ]
        marks = ", ".join("?" * len(dead))
        return self._select(f"state = ? AND run IN ({marks})", state, *dead) if dead else []
