"""What the ledger tells of requests, always in the order they were asked. Raw answers apart."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from cogview_cli.disk.locks import is_alive
from cogview_cli.ledger.entry import COLUMNS, UNVERIFIED, Entry, State, entry_of
from cogview_cli.ledger.file import LedgerFile


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

        `unverified`: also those of which all that can be had is kept beside. Without their raw
        answers: `get` has each.
        """
        found = self.abandoned(State.ANSWER)
        return [entry for entry in found if unverified or entry.code != UNVERIFIED]

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

    def _select(self, where: str, *values: object, longest: int | None = 0) -> list[Entry]:
        """The entries in the order of asking, without raw answers of more than `longest` bytes."""
        limit = "" if longest is None else f"CASE WHEN length(answer) <= {longest:d} THEN"
        answer = f"{limit} answer END" if limit else "answer"
        query = f"SELECT {COLUMNS}, {answer} AS answer FROM requests WHERE {where} ORDER BY seq"
        return [entry_of(row) for row in self._file.rows(query, values)]

    def abandoned(self, state: State) -> list[Entry]:
        """The entries in `state` whose process has ended."""
        owners = self._file.rows("SELECT DISTINCT run FROM requests WHERE state = ?", (state,))
        with self._file.explained():
            dead = [row["run"] for row in owners if not is_alive(self.folder / "runs", row["run"])]
        marks = ", ".join("?" * len(dead))
        return self._select(f"state = ? AND run IN ({marks})", state, *dead) if dead else []
