"""What requests add up to: money by currency, sandboxes apart. Pure."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from cogview_cli.i18n import _, _n
from cogview_cli.ledger import PAID_STATES, Entry, State
from cogview_cli.outcome import CURRENCY
from cogview_cli.pictures.takes import is_aside
from cogview_cli.terminal.reporter import amount


def cost(entry: Entry) -> Decimal | None:
    """What was surely paid; None where its price is not known."""
    if entry.by_sandbox or entry.state not in PAID_STATES:
        return Decimal(0)
    return entry.price


def perhaps(entry: Entry) -> Decimal:
    """What may have been paid beside that."""
    doubtful = entry.perhaps_paid and not entry.by_sandbox
    return (entry.price or Decimal(0)) if doubtful else Decimal(0)


class Totals:
    """Sums of many requests; `add` each. Currencies are never added up, a sandbox never counts."""

    def __init__(self) -> None:
        self.requests = self.sandboxed = self.saved = self.pending = self.unsent = 0
        self.paid: dict[str, Decimal] = {}
        self._perhaps: dict[str, Decimal] = {}
        self.unpriced: set[str] = set()

    def add(self, entry: Entry) -> None:
        """Counts one request."""
        self.saved += entry.state == State.SAVED
        self.unsent += entry.unsent
        self.pending += entry.state == State.PENDING and not entry.unsent
        if entry.by_sandbox:
            self.sandboxed += 1
            return
        self.requests += 1
        self._add_money(entry, cost(entry))

    def _add_money(self, entry: Entry, paid: Decimal | None) -> None:
        currency = entry.currency
        self.paid[currency] = self.paid.get(currency, Decimal(0)) + (paid or 0)
        self._perhaps[currency] = self._perhaps.get(currency, Decimal(0)) + perhaps(entry)
        if paid is None:
            self.unpriced.add(currency)

    @property
    def most(self) -> dict[str, Decimal]:
        """What was paid at most, with the unknown; empty where nothing is."""
        if not any(self._perhaps.values()):
            return {}
        return {name: self.paid[name] + self._perhaps[name] for name in self.paid}

    @property
    def paid_text(self) -> str:
        """`0.12 CNY + 0.02 USD`."""
        return _told(self.paid, self.unpriced)

    @property
    def most_text(self) -> str:
        """The same of what was paid at most; "" where nothing is unknown."""
        return _told(self.most, set()) if self.most else ""

    def line(self) -> str:
        """The closing line: how many, how much in each currency, how much at most."""
        if self.most:
            said = _n(
                "{count} request, paid {paid}, up to {most} with the unknown",
                "{count} requests, paid {paid}, up to {most} with the unknown",
                self.requests,
                paid=self.paid_text,
                most=self.most_text,
            )
        else:
            said = _n(
                "{count} request, paid {paid}",
                "{count} requests, paid {paid}",
                self.requests,
                paid=self.paid_text,
            )
        more = [_("{count} waiting at the vendor", count=self.pending)] if self.pending else []
        more += [_("{count} not sent yet", count=self.unsent)] if self.unsent else []
        more += [_("{count} in a sandbox, free", count=self.sandboxed)] if self.sandboxed else []
        return _("; ").join([said, *more])


def totals(entries: Iterable[Entry]) -> str:
    """The closing line of these requests."""
    sums = Totals()
    for entry in entries:
        sums.add(entry)
    return sums.line()


def _told(sums: dict[str, Decimal], unpriced: set[str]) -> str:
    """The sums that are not nothing, or whose rest is unknown; one of them in any case."""
    names = [name for name in sums if sums[name] or name in unpriced] or [*sums][:1] or [CURRENCY]
    parts = ((sums.get(name, Decimal(0)), name) for name in names)
    return " + ".join(f"{amount(known, unpriced=name in unpriced)} {name}" for known, name in parts)


# Groups.


class Group(NamedTuple):
    """The requests of one day, month, model or folder; those to a sandbox are another group."""

    name: str
    sandbox: bool


def _local(form: str) -> Callable[[Entry], str]:
    return lambda entry: time.strftime(form, time.localtime(entry.asked))


def _model(entry: Entry) -> str:
    return str(entry.body.get("model") or "?")


def _folder(entry: Entry) -> str:
    """Where its picture is, or was meant to go; a take belongs to the folder above `takes/`."""
    if entry.files:
        image = str(entry.files[0]["file"])
        folder = os.path.dirname(image)
        return (os.path.dirname(folder) if is_aside(entry) else folder) or "."
    destination = entry.target.get("destination", {})
    return str(destination.get("root") or "?") if isinstance(destination, dict) else "?"


GROUPINGS: dict[str, Callable[[Entry], str]] = {
    "day": _local("%Y-%m-%d"),
    "month": _local("%Y-%m"),
    "model": _model,
    "folder": _folder,
}


def grouped(entries: Iterable[Entry], by: str) -> list[tuple[Group, Totals]]:
    """The totals of each group, in the order of their names."""
    name_of, groups = GROUPINGS[by], dict[Group, Totals]()
    for entry in entries:
        group = Group(name_of(entry), entry.by_sandbox)
        groups.setdefault(group, Totals()).add(entry)
    return sorted(groups.items())


def group_record(group: Group, sums: Totals, by: str) -> dict[str, Any]:
    """The JSON object of a group; a sum that holds unknown prices is null."""
    paid = {name: _exact(sum, name in sums.unpriced) for name, sum in sums.paid.items()}
    most = {name: _exact(sum, name in sums.unpriced) for name, sum in sums.most.items()}
    return {
        "type": "total",
        "by": by,
        "name": group.name,
        "requests": sums.requests + sums.sandboxed,
        State.SAVED: sums.saved,
        "cost": paid,
        "cost_max": most or paid,
        **({"sandbox": True} if group.sandbox else {}),
    }


def _exact(sum: Decimal, unpriced: bool) -> str | None:
    return None if unpriced else str(sum)


def shown_folder(name: str) -> str:
    """A folder as people know it from here."""
    try:
        return str(Path(name).relative_to(Path.cwd())) if os.path.isabs(name) else name
    except (ValueError, OSError):
        return name
