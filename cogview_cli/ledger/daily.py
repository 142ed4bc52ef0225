"""What all runs of the user may spend in a day of local time together."""

from __future__ import annotations

import sqlite3
import time
from decimal import Decimal

from cogview_cli.errors import BudgetReached
from cogview_cli.i18n import _
from cogview_cli.ledger.entry import (
    BLOCKED,
    DOUBTFUL_STATES,
    PAID_STATES,
    SANDBOX_SERVER_ACCOUNT,
    Entry,
    Intent,
    State,
    is_sandbox,
)
from cogview_cli.outcome import money

_COUNTED = ", ".join(f"'{state}'" for state in (*PAID_STATES, *DOUBTFUL_STATES))
# Paid, perhaps paid and in flight; groups, since prices are decimals in text.
_SPENT = (
    "SELECT price, account, base_url, count(*) AS times FROM requests WHERE asked >= ?"
    f" AND (+state IN ({_COUNTED}) OR (+state = '{State.REJECTED}' AND {BLOCKED}))"
    " AND price IS NOT NULL AND currency = ? GROUP BY price, account, base_url"
)


def day_began(now: float) -> float:
    """When the day of `now` began in local time, Unix seconds."""
    date = time.localtime(now)
    return time.mktime((date.tm_year, date.tm_mon, date.tm_mday, 0, 0, 0, 0, 0, -1))


def spent_since(db: sqlite3.Connection, began: float, asked: Intent | Entry) -> Decimal:
    """What was spent or perhaps spent since `began`, in the currency of `asked`.

    A sandbox costs nothing; but one by its URL is a rehearsal, and limits itself.
    """
    found = db.execute(_SPENT, (began, asked.currency)).fetchall()
    counted = (row for row in found if _counts(row["account"], row["base_url"], asked))
    return sum((Decimal(row["price"]) * row["times"] for row in counted), Decimal(0))


def _counts(account: str, base_url: str, asked: Intent | Entry) -> bool:
    rehearsed = account == SANDBOX_SERVER_ACCOUNT and base_url == asked.base_url
    return rehearsed or not is_sandbox(account, base_url)


def check_limit(
    db: sqlite3.Connection, limit: Decimal, price: Decimal, asked: Intent | Entry, now: float
) -> None:
    """BudgetReached if `price` more would cross `limit` today.

    Inside the transaction that writes the intent: two processes cannot both take the rest.
    """
    spent = spent_since(db, day_began(now), asked)
    if spent + price > limit:
        raise limit_reached(limit, spent, asked.currency)


def limit_reached(limit: Decimal, spent: Decimal, currency: str) -> BudgetReached:
    """The error where `limit` leaves no room beside what was `spent` today."""
    return BudgetReached(
        _(
            "daily-limit {limit} leaves no room for another image today"
            " (spent or perhaps spent by all runs: {spent})",
            limit=money(limit, currency),
            spent=money(spent, currency),
        ),
        hint=_("go on tomorrow, or raise it: cogview config set daily-limit VALUE"),
    )
