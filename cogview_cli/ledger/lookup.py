"""One request by what people type of its id."""

from __future__ import annotations

import re

from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.ledger.entry import Entry
from cogview_cli.ledger.reader import LedgerReader
from cogview_cli.terminal.text import clean

# Shorter beginnings of an id are a typing error rather than a name.
SHORTEST = 4
_SHOWN = 3


def looks_like_id(text: str) -> bool:
    """Whether `text` may be an id, its beginning, or the beginning of its last part."""
    return len(text) >= SHORTEST and re.fullmatch(r"[0-9a-f-]+", text, re.ASCII) is not None


def full_id(ledger: LedgerReader, text: str) -> str:
    """The only id that begins so, or whose last part does; `text` itself if there is none.

    UsageError for several, some of which are named.
    """
    ids = ledger.ids_like(text, _SHOWN + 1) if looks_like_id(text) else []
    if len(ids) > 1:
        some = ", ".join(ids[:_SHOWN]) + (" …" if len(ids) > _SHOWN else "")
        raise UsageError(
            _("'{id}' may be several requests: {some}", id=clean(text), some=some),
            hint=_("give more of the id"),
        )
    return ids[0] if ids else text


def entry_by_id(ledger: LedgerReader, text: str, *, hint: str = "cogview history") -> Entry:
    """The request with this id, perhaps shortened. UsageError for none, with `hint`, or several."""
    try:
        return ledger.get(full_id(ledger, text))
    except KeyError:
        raise UsageError(_("there is no request '{id}'", id=clean(text)), hint=hint) from None
