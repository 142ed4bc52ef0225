"""Requests of a batch that brought no picture, as its ledger rows tell."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from cogview_cli.api.dialects import kind_of
from cogview_cli.api.error_codes import CODES, ErrorClass
from cogview_cli.gallery.items import Cost, GalleryItem, ItemStatus, Level
from cogview_cli.gallery.scan import levels
from cogview_cli.i18n import _
from cogview_cli.ledger import PAID_STATES, Entry, Ledger, State
from cogview_cli.ledger.open import existing_ledger

# Answers up to this size are looked at for content filters; larger ones hold a picture.
LONGEST_BYTES = 65536
# None of them has a picture. A rejection is told by its code.
_STATUS = {
    State.REJECTED: None,
    State.UNKNOWN: ItemStatus.UNKNOWN,
    State.ANSWER: ItemStatus.UNSAVED,
    State.PENDING: ItemStatus.UNSAVED,
    State.EXPIRED: ItemStatus.EXPIRED,
}


def without_picture(folder: Path, saved_keys: set[str]) -> list[GalleryItem]:
    """What a batch into `folder` (or below) asked for and has no picture of.

    `saved_keys` are those of the pictures' sidecars: a later try settled them.
    Without a ledger there is nothing; none is ever created. Raises MachineError
    for one that cannot be read.
    """
    with existing_ledger() as ledger:
        rows = list(_rows(ledger)) if ledger else []
    return select(rows, roots_of(folder), saved_keys)


def _rows(ledger: Ledger) -> Iterator[Entry]:
    for state in _STATUS:
        yield from ledger.history(state=state, longest=LONGEST_BYTES)


def roots_of(folder: Path) -> set[str]:
    """The names a batch may have written `folder` with."""
    return {os.path.abspath(folder), os.path.realpath(folder)}


def select(rows: Iterable[Entry], roots: set[str], saved_keys: set[str]) -> list[GalleryItem]:
    """The newest row of each key that belongs to one of `roots` and has no picture."""
    newest: dict[str, Entry] = {}
    for row in sorted(rows, key=lambda row: row.seq):
        if row.key not in saved_keys and _below(row.namespace, roots):
            newest[row.key] = row
    return [item_of(row) for row in newest.values()]


def _below(namespace: str, roots: set[str]) -> bool:
    return any(namespace == root or namespace.startswith(root + os.sep) for root in roots)


def item_of(row: Entry) -> GalleryItem:
    """A ledger row as an item without a picture."""
    return GalleryItem(
        status=_STATUS.get(row.state) or _rejection(row.code or ""),
        prompt=str(row.body.get("prompt", "")),
        model=str(row.body.get("model") or ""),
        size=str(row.body.get("size") or ""),
        quality=str(row.body.get("quality") or ""),
        cost=_cost(row),
        created=row.asked,
        filters=_filters(row),
        id=row.id,
        key=row.key,
        code=row.code or "",
        message=_words(row),
    )


def _rejection(code: str) -> ItemStatus:
    refused = kind_of(code) is ErrorClass.REFUSED
    return ItemStatus.REFUSED if refused else ItemStatus.FAILED


def _cost(row: Entry) -> Cost | None:
    if row.state not in PAID_STATES or row.price is None or row.by_sandbox:
        return None
    return Cost(amount=row.price, currency=row.currency)


def _words(row: Entry) -> str:
    """The server's own words or ours, or what the code means."""
    meaning = _(CODES[row.code].meaning) if row.code in CODES else ""
    return str(row.message or "") or meaning


def _filters(row: Entry) -> tuple[Level, ...]:
    from cogview_cli.api.protocol import decode

    return levels(decode(row.answer).content_filter) if row.answer else ()
