"""The earlier request that `gen --from` names: by a picture, a sidecar, or an id of history."""

from __future__ import annotations

import os
from pathlib import Path

from cogview_cli.api.request import ImageRequest, extra_fields
from cogview_cli.disk.names import PICTURE_SUFFIXES
from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.pictures.seen import sha256
from cogview_cli.pictures.sidecar import SUFFIX, read_request, sidecar_path


def past_request(what: str) -> ImageRequest:
    """The request to repeat. UsageError if `what` leads to none.

    A picture without a sidecar is looked up in the ledger by its bytes, wherever it went.
    """
    path = Path(what)
    if not os.path.lexists(path) and _may_be_id(path):
        return _by_id(what)
    if path.suffix.lower() == SUFFIX or not _is_picture(path):
        return read_request(path)
    if os.path.lexists(beside := sidecar_path(path)):
        return read_request(beside)
    return _by_bytes(path)


def _may_be_id(path: Path) -> bool:
    from cogview_cli.ledger.lookup import looks_like_id

    return looks_like_id(str(path))


def _is_picture(path: Path) -> bool:
    """Whether a file is no sidecar itself: by its suffix, or by the sidecar beside it."""
    return path.is_file() and (
        path.suffix.lower() in PICTURE_SUFFIXES or os.path.lexists(sidecar_path(path))
    )


def _by_id(what: str) -> ImageRequest:
    from cogview_cli.ledger.lookup import entry_by_id
    from cogview_cli.ledger.open import existing_ledger

    with existing_ledger() as ledger:
        if ledger is None:
            raise UsageError(_("there is no request '{id}'", id=what), hint="cogview history")
        return _request(entry_by_id(ledger, what).body)


def _by_bytes(path: Path) -> ImageRequest:
    from cogview_cli.ledger.open import existing_ledger

    with existing_ledger() as ledger:
        found = ledger.find_file(_digest(path)) if ledger else None
    if found is None:
        raise UsageError(
            _("nothing is known of the picture '{path}': it has no sidecar", path=path),
            hint=_("give a picture with its sidecar, or an id: cogview history"),
        )
    return _request(found.body)


def _digest(path: Path) -> str:
    try:
        return sha256(path)
    except OSError as error:
        raise UsageError(
            _("cannot read '{path}': {why}", path=path, why=error.strerror),
            hint=_("give a sidecar, such as cat.png.json"),
        ) from None


def _request(body: dict[str, object]) -> ImageRequest:
    """The request of a body that was sent; how the answer came is no part of it."""
    return ImageRequest.from_body({**body, "response_format": None}, extra_fields(body))
