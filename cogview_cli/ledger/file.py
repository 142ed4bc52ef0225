"""The ledger's file: one SQLite database that several processes write. No meaning here.

Rollback journal and synchronous=EXTRA: several processes write, and linked SQLite
versions before 3.51.3 can corrupt a WAL file shared by several connections. The journal
is truncated rather than deleted: as durable, and its folder need not be synced each time.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cogview_cli.config.store import LEDGER_NAME
from cogview_cli.disk.locks import LOCK_SUFFIX
from cogview_cli.errors import Locked, MachineError
from cogview_cli.i18n import _
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.ledger.entry import State

BUSY_SECONDS = 60.0
# Less free room than this is kept for the next answers.
FREE_BYTES_KEPT = 2 * 2**20
# None: a cache that is full would wait again for every page while a reader is at work.
SHRINK_BUSY_MS = 0
# Freed pages can be given back without a copy of the whole; takes hold with the first table
# of a file, or with a VACUUM.
_IN_PIECES = "PRAGMA auto_vacuum=INCREMENTAL"
# The conditions of partial indexes, which a query must repeat word for word.
PURGEABLE = "fetchable = 1 AND expires IS NOT NULL"
LARGE_BYTES = 16384
TRIMMABLE = f"state = '{State.SAVED}' AND trimmed = 0 AND length(answer) > {LARGE_BYTES}"

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
"""
# `seq`: the order in which requests were asked, whatever the clock said.
# `content`: what was asked and where it goes, as one hash; for `gen`.
# `fetchable`: the answer still holds the picture, or a link to it with its signature.
# `servers`: the time by each server's own clock, as of its newest answer.
_SECOND = f"""
ALTER TABLE requests ADD COLUMN seq INTEGER;
ALTER TABLE requests ADD COLUMN content TEXT;
ALTER TABLE requests ADD COLUMN fetchable INTEGER NOT NULL DEFAULT 1;
ALTER TABLE requests ADD COLUMN trimmed INTEGER NOT NULL DEFAULT 0;
UPDATE requests SET seq = rowid, fetchable = expires IS NOT 0;
CREATE TABLE servers (base_url TEXT PRIMARY KEY, date REAL NOT NULL) STRICT;
DROP INDEX IF EXISTS by_expiry;
CREATE UNIQUE INDEX by_seq ON requests (seq);
CREATE INDEX by_content ON requests (content);
CREATE INDEX by_asked ON requests (asked);
CREATE INDEX by_expiry ON requests (base_url, expires) WHERE {PURGEABLE};
CREATE INDEX by_size ON requests (seq) WHERE {TRIMMABLE};
"""
# `task`: what the vendor calls a request it has taken and answers later.
# `part`: the part of a queue that holds the request, a row of `parts`.
# `take`: which try at the same image it is, where lettering is asked for again.
# `text`: what was read off the picture.
_THIRD = """
ALTER TABLE requests ADD COLUMN task TEXT;
ALTER TABLE requests ADD COLUMN part TEXT;
ALTER TABLE requests ADD COLUMN take INTEGER NOT NULL DEFAULT 1;
ALTER TABLE requests ADD COLUMN text TEXT;
CREATE INDEX by_take ON requests (namespace, key) WHERE take > 1;
CREATE INDEX by_part ON requests (part, seq) WHERE part IS NOT NULL;
CREATE TABLE parts (
    id TEXT PRIMARY KEY, run TEXT NOT NULL, number INTEGER NOT NULL, namespace TEXT NOT NULL,
    base_url TEXT NOT NULL, account TEXT NOT NULL, model TEXT NOT NULL, price TEXT,
    currency TEXT NOT NULL, asked REAL NOT NULL, state TEXT NOT NULL, lines INTEGER NOT NULL,
    file TEXT, batch TEXT, status TEXT, completed INTEGER NOT NULL, failed INTEGER NOT NULL,
    output_file TEXT, error_file TEXT, read INTEGER NOT NULL
) STRICT;
"""
# What makes each version of the schema out of the one before.
_STEPS = (_SCHEMA, _SECOND, _THIRD)
SCHEMA_VERSION = len(_STEPS)


class LedgerFile:
    """The open database. Safe to use from several threads; MachineError if it fails."""

    def __init__(self, folder: Path, *, patience: float | None = None) -> None:
        """Opens `ledger.db` in `folder`; MachineError if it can't be used.

        `patience`: seconds to wait for another process that writes; BUSY_SECONDS by default.
        """
        self._patience = BUSY_SECONDS if patience is None else patience
        self.folder = folder
        self.path = folder / LEDGER_NAME
        self._lock = threading.RLock()
        with self.explained():
            _prepare_folder(folder, self.path)
            self._db = self._connect()

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(
            self.path, timeout=self._patience, isolation_level=None, check_same_thread=False
        )
        db.row_factory = sqlite3.Row
        try:
            if not self.path.stat().st_size:  # later it would be a write at each start
                db.execute(_IN_PIECES)
            db.execute("PRAGMA journal_mode=TRUNCATE")
            db.execute("PRAGMA synchronous=EXTRA")
            # What is purged, such as the signed part of a link, leaves no trace in the file.
            db.execute("PRAGMA secure_delete=ON")
            _migrate(db)
        except BaseException:
            db.close()
            raise
        return db

    @contextmanager
    def explained(self) -> Iterator[None]:
        """What SQLite and the system say, in the user's words."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if _is_lock(error):
                raise self._locked() from error
            raise MachineError(
                Message.of("ledger-error", path=self.path, why=error),
                hint=_(
                    "free some space or check the folder's permissions; nothing is sent without it"
                ),
            ) from error
        except sqlite3.DatabaseError as error:
            raise MachineError(
                Message.of("ledger-damaged", path=self.path, why=error),
                hint=_(
                    "move it aside, then run again: mv '{path}' '{path}.broken'", path=self.path
                ),
            ) from error
        except OSError as error:
            why = error.strerror or error
            if str(error.filename).endswith(LOCK_SUFFIX):
                raise _foreign_lock(Path(error.filename), why) from error
            raise MachineError(
                Message.of("state-folder", path=self.folder, why=why),
                hint=_("set COGVIEW_STATE_DIR to a folder that can be written, or to auto"),
            ) from error

    def _locked(self) -> Locked:
        return Locked(
            Message.of("ledger-locked", path=self.path, seconds=f"{self._patience:.0f}"),
            hint=_(
                "run it again when that one has ended; it is shown by: fuser '{path}'",
                path=self.path,
            ),
        )

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction: on the disk when the block ends, or undone.

        Inside another one it is part of that one: on the disk when the outer one ends.
        """
        with self._lock, self.explained():
            if self._db.in_transaction:
                yield self._db
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._check_open()
                self._db.commit()
            except BaseException:
                # A commit can fail too; left open, it would block every later write.
                self._db.rollback()
                raise

    @contextmanager
    def step(self) -> Iterator[None]:
        """A part of the transaction under way that is undone alone if the block raises."""
        with self.explained():
            self._check_open()
            self._db.execute("SAVEPOINT step")
            try:
                yield
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK TO step")
                raise
            finally:
                if self._db.in_transaction:
                    self._db.execute("RELEASE step")

    def _check_open(self) -> None:
        """A full disk makes SQLite undo a transaction by itself: nothing may go on then."""
        if not self._db.in_transaction:
            raise sqlite3.OperationalError(_("the transaction was undone"))

    def rows(self, query: str, values: Iterable[object] = ()) -> list[sqlite3.Row]:
        """What a query finds."""
        with self._lock, self.explained():
            return self._db.execute(query, tuple(values)).fetchall()

    def shrink(self) -> None:
        """Gives freed room back to the disk, where it is much; what fails is left for next time."""
        with self._lock, suppress(sqlite3.Error):
            free = self._pragma("freelist_count") * self._pragma("page_size")
            if free < FREE_BYTES_KEPT:
                return
            self._db.execute(f"PRAGMA busy_timeout = {SHRINK_BUSY_MS}")
            try:
                self._give_back(free)
            finally:
                self._db.execute(f"PRAGMA busy_timeout = {self._patience * 1000:.0f}")

    def _give_back(self, free: int) -> None:
        if self._pragma("auto_vacuum"):
            self._give_back_pages(free // self._pragma("page_size"))
        elif free * 2 > self._pragma("page_count") * self._pragma("page_size"):
            self._db.execute(_IN_PIECES)  # of an older version
            self._db.execute("VACUUM")

    def _give_back_pages(self, count: int) -> None:
        """One by one, for `execute` takes a single step of the pragma; in one commit.

        As a script it would wait again for every page while a reader is at work.
        """
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for _ in range(count):
                self._db.execute("PRAGMA incremental_vacuum(1)")
            self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.rollback()

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    def close(self) -> None:
        """Gives room back, then lets go of the file."""
        self.shrink()
        self._db.close()


def _foreign_lock(path: Path, why: object) -> MachineError:
    """Whether its owner lives cannot be told, so nothing of that run is touched."""
    return MachineError(
        Message.of("file-error", path=path, why=why),
        hint=_("once no cogview of another user is at work here: rm -f '{path}'", path=path),
    )


def _is_lock(error: sqlite3.Error) -> bool:
    """Whether another connection is in the way; a full or broken disk is another matter."""
    # Errors of our own have no code. The low byte is the kind, the rest says more of it.
    code = getattr(error, "sqlite_errorcode", None) or 0
    return code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


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
            _("the ledger was written by a newer cogview"),
            hint=_("upgrade cogview, then run it again"),
        )
    for step in _STEPS[version:]:
        for statement in filter(str.strip, step.split(";")):
            db.execute(statement)
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    db.commit()
