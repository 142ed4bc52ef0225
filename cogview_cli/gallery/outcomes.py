"""Requests of a batch that brought no picture, as its ledger rows tell."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
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
    roots = roots_of(folder)
    with existing_ledger() as ledger:
        rows = list(_rows(ledger)) if ledger else []
        lacking = [
            row for row in rows if row.key not in saved_keys and _below(row.namespace, roots)
        ]
        made = ledger.history(state=State.SAVED, longest=0) if ledger and lacking else []
    return select(lacking, [row for row in made if _is_in(row, roots)])


def _rows(ledger: Ledger) -> Iterator[Entry]:
    for state in _STATUS:
        yield from ledger.history(state=state, longest=LONGEST_BYTES)


def roots_of(folder: Path) -> set[str]:
    """The names a batch may have written `folder` with."""
    return {os.path.abspath(folder), os.path.realpath(folder)}


def select(rows: Iterable[Entry], made: Sequence[Entry]) -> list[GalleryItem]:
    """The newest row of each key, but for those that a later one of `made` has settled."""
    newest = {row.key: row for row in sorted(rows, key=lambda row: row.seq)}
    settled = made_later(list(newest.values()), made)
    return [item_of(row) for row in newest.values() if row.id not in settled]


def made_later(rows: Sequence[Entry], made: Sequence[Entry]) -> set[str]:
    """The ids of rows whose picture a later request brought.

    One for the same image settles anything. What was refused is also settled by a later run
    that asked for the same prompt, or for another one in the same row; one picture settles one.
    """
    last = {entry.key: entry.seq for entry in made}
    settled = {row.id for row in rows if last.get(row.key, -1) > row.seq}
    refused = [row for row in rows if row.state == State.REJECTED and row.id not in settled]
    alike: dict[object, list[Entry]] = {}
    for row in refused:
        for likeness in _likenesses(row):
            alike.setdefault(likeness, []).append(row)
    keys = {row.key for row in rows}
    for entry in made:
        if entry.key not in keys:
            found = (row for name in _likenesses(entry) for row in alike.get(name, ()))
            settled.update([row.id for row in found if _may_settle(entry, row, settled)][:1])
    return settled


def _may_settle(made: Entry, row: Entry, settled: set[str]) -> bool:
    return row.seq < made.seq and row.run != made.run and row.id not in settled


def _likenesses(entry: Entry) -> list[object]:
    """What a request may have in common with a later one that is for the same picture."""
    row = _row(entry)
    return [str(entry.body.get("prompt")), *([] if row is None else [row])]


def _row(entry: Entry) -> tuple[str, object] | None:
    """What tells the row of a prompt file from others: the file, and its id or else its line."""
    source = entry.source or {}
    if "file" not in source:
        return None
    return str(source["file"]), source.get("row_id", source.get("line"))


def _is_in(entry: Entry, roots: set[str]) -> bool:
    """Whether its picture was saved into one of `roots`."""
    return any(_below(str(file["file"]), roots) for file in entry.files)


def _below(place: str, roots: set[str]) -> bool:
    return any(place == root or place.startswith(root + os.sep) for root in roots)


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
