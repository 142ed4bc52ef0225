"""What earlier runs have paid for an image of the plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from cogview_cli.batch.resume import Decision
from cogview_cli.ledger import PAID_STATES, Entry
from cogview_cli.outcome import CURRENCY, money
from cogview_cli.pictures import sidecar


def paid_before(found: Decision, entries: Sequence[Entry]) -> str:
    """`0.06`, `0.01 USD`, or a sum of several currencies; "" for nothing that is known.

    By the requests of the ledger; where another machine made the picture, by its sidecar.
    """
    sums: dict[str, Decimal] = {}
    for currency, price in _by_ledger(entries) if entries else _by_sidecar(found.image):
        sums[currency] = sums.get(currency, Decimal(0)) + price
    return " + ".join(_told(sum, currency) for currency, sum in sums.items())


def _told(sum: Decimal, currency: str) -> str:
    return str(sum) if currency == CURRENCY else money(sum, currency)


def _by_ledger(entries: Sequence[Entry]) -> Iterator[tuple[str, Decimal]]:
    for entry in entries:
        if entry.state in PAID_STATES and not entry.by_sandbox and entry.price is not None:
            yield entry.currency, entry.price


def _by_sidecar(image: str | None) -> Iterator[tuple[str, Decimal]]:
    if image is None:
        return
    try:
        content = sidecar.read(sidecar.sidecar_path(Path(image)))
        cost: Any = content.get("cost")
        price = Decimal(cost["amount"])
    except (OSError, ValueError, TypeError, KeyError, InvalidOperation):
        return
    if not content.get("sandbox") and price.is_finite() and isinstance(cost.get("currency"), str):
        yield cost["currency"], price
