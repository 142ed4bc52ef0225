"""A ledger that an older version made is taken over whole."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from cogview_cli.ledger import Ledger
from tests.test_ledger import intent

# As 0.3.0 made it.
SCHEMA_0_3_0 = """
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
PRAGMA user_version = 1;
"""
LINK = b'{"data":[{"url":"https://h/x.png?Signature=S&Expires=1999999999"}]}'


def old_row(db: sqlite3.Connection, id: str, state: str, **more: object) -> None:
    """One row of a 0.3.0 ledger."""
    values = {
        "id": id, "key": id, "run": "dead", "state": state, "attempt": 1, "asked": 1000.0,
        "price": "0.06", "currency": "CNY", "base_url": "https://h", "account": "a",
        "namespace": "n", "body": json.dumps({"prompt": "p", "model": "m"}), "target": "{}",
        **more,
    }  # fmt: skip
    names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
    db.execute(f"INSERT INTO requests ({names}) VALUES ({marks})", values)


def old_ledger(folder: Path, *rows: tuple[str, str, dict[str, object]]) -> None:
    """A ledger file of 0.3.0 with these rows: id, state, other columns."""
    folder.mkdir(parents=True)
    with closing(sqlite3.connect(folder / "ledger.db", isolation_level=None)) as db:
        db.executescript(SCHEMA_0_3_0)
        for id, state, more in rows:
            old_row(db, id, state, **more)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    answer = {"status": 200, "headers": "{}", "answer": LINK, "whole": 1}
    old_ledger(
        tmp_path / "s",
        ("first", "saved", {**answer, "expires": 1999999999.0, "asked": 3000.0}),
        ("second", "unknown", {"asked": 2000.0}),
        ("third", "saved", {**answer, "expires": 0.0}),
        ("fourth", "answer", answer),
    )
    return tmp_path / "s"


def test_a_ledger_of_0_3_0_keeps_every_row_in_the_order_of_asking(folder: Path) -> None:
    """By sequence: the clock stood wrong at the first."""
    with Ledger(folder) as opened:
        found = opened.history()
        assert [entry.id for entry in found] == ["first", "second", "third", "fourth"]
        assert [entry.fetchable for entry in found] == [True, True, False, True]
        assert found[3].answer is not None and found[3].answer.raw == LINK
        assert {entry.price for entry in found} == {Decimal("0.06")}
        opened.intend(intent("new"))
    with Ledger(folder) as again:
        assert [entry.key for entry in again.history()][-1] == "new"


def test_the_new_columns_of_a_taken_over_ledger_equal_those_of_a_new_one(folder: Path) -> None:
    def schema(path: Path) -> set[tuple[object, ...]]:
        with Ledger(path), closing(sqlite3.connect(path / "ledger.db")) as db:
            names = db.execute("SELECT type, name, sql FROM sqlite_schema").fetchall()
            (version,) = db.execute("PRAGMA user_version").fetchone()
            return {*names, ("version", version)}

    assert schema(folder) == schema(folder.parent / "new")
