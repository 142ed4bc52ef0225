"""The pictures of a folder and what their sidecars say of them. Reads, never writes."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from cogview_cli.disk.names import PICTURE_SUFFIXES
from cogview_cli.errors import MachineError, UsageError
from cogview_cli.gallery.items import Cost, GalleryItem, ItemStatus, Lettering, Level, Picture
from cogview_cli.gallery.ours import is_our_sheet
from cogview_cli.i18n import _
from cogview_cli.pictures.sidecar import read, sidecar_path

SIDE_PIXELS = range(1, 2**20)
# Pictures that another one has taken the place of: of an edited row, and of an earlier take.
SET_ASIDE = ("replaced", "takes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """The pictures found, the paths of damaged sidecars, and folders that could not be read."""

    items: list[GalleryItem]
    damaged: list[str]
    unreadable: list[str]


def scan(folder: Path) -> Scan:
    """Every picture in `folder` and below; what is hidden or set aside is passed over.

    UsageError if there is no such folder, MachineError if it cannot be read.
    """
    found = Scan(items=[], damaged=[], unreadable=[])
    for path in _pictures(folder, found.unreadable):
        item = _item(folder, path, found.damaged)
        if item:
            found.items.append(item)
    return found


def _pictures(folder: Path, unreadable: list[str]) -> Iterator[Path]:
    _check(folder)
    skipped = unreadable.append
    for place, folders, files in os.walk(folder, onerror=lambda error: skipped(error.filename)):
        folders[:] = [name for name in folders if name not in SET_ASIDE and name[0] != "."]
        for name in files:
            path = Path(place, name)
            named = path.suffix.lower() in PICTURE_SUFFIXES and not name.startswith(".")
            if named and path.is_file():  # opening a pipe would wait for ever
                yield path


def _check(folder: Path) -> None:
    try:
        os.scandir(folder).close()
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(
            _("'{folder}' is not a folder", folder=folder),
            hint=_("give the folder of the pictures: cogview gallery ."),
        ) from None
    except OSError as error:
        raise MachineError(
            _("cannot read the folder '{folder}': {why}", folder=folder, why=error.strerror),
            hint=_("check its permissions"),
        ) from None


def _item(folder: Path, path: Path, damaged: list[str]) -> GalleryItem | None:
    """The item of the picture at `path`; None for a contact sheet of ours."""
    relative = path.relative_to(folder).as_posix()
    bare = GalleryItem(status=ItemStatus.SAVED, picture=Picture(path=relative))
    beside = sidecar_path(path)
    if not beside.is_file():
        return None if is_our_sheet(path) else bare
    item = _described(beside, relative)
    if item is None:
        damaged.append(sidecar_path(Path(relative)).as_posix())
    return item or bare


def _described(sidecar: Path, path: str) -> GalleryItem | None:
    try:
        return from_sidecar(read(sidecar), path)
    except (OSError, ValueError):
        return None


def from_sidecar(content: dict[str, Any], path: str) -> GalleryItem | None:
    """The item a sidecar describes; None if it is no sidecar of an image."""
    if not isinstance(content.get("prompt"), str):
        return None
    image, cost = _table(content, "image"), _table(content, "cost")
    drawn = content.get("sandbox") is True  # nobody was paid for it
    return GalleryItem(
        status=ItemStatus.SAVED,
        picture=Picture(path=path, width=_side(image, "width"), height=_side(image, "height")),
        prompt=content["prompt"],
        model=_word(content, "model"),
        size=_word(content, "size"),
        quality=_word(content, "quality"),
        cost=None if drawn else _cost(cost.get("amount"), _word(cost, "currency")),
        created=_seconds(content.get("created")),
        filters=levels(content.get("content_filter")),
        id=_word(content, "id"),
        key=_word(content, "key"),
        lettering=_lettering(content),
    )


def _lettering(content: dict[str, Any]) -> Lettering | None:
    """What a check of the text has found; None if there was none."""
    text = _table(content, "text")
    wanted, found, ok = text.get("wanted"), text.get("found"), text.get("ok")
    if not isinstance(wanted, list) or not isinstance(found, list) or not isinstance(ok, bool):
        return None
    return Lettering(wanted=_joined(wanted), found=_joined(found), ok=ok)


def _joined(texts: list[Any]) -> str:
    return " / ".join(text for text in texts if isinstance(text, str) and text)[:500]


def levels(found: Any) -> tuple[Level, ...]:
    """The content filter's entries, as far as they are well formed."""
    entries = found if isinstance(found, list | tuple) else []
    return tuple(
        Level(role=_word(entry, "role"), level=_word(entry, "level"))
        for entry in entries
        if isinstance(entry, dict)
    )


def _table(content: dict[str, Any], name: str) -> dict[str, Any]:
    value = content.get(name)
    return value if isinstance(value, dict) else {}


def _word(content: dict[str, Any], name: str) -> str:
    """A short text or a number as text; empty for anything else."""
    value = content.get(name)
    plain = isinstance(value, str | int | float) and not isinstance(value, bool)
    return str(value)[:200] if plain else ""


def _side(image: dict[str, Any], name: str) -> int | None:
    value = image.get(name)
    return value if type(value) is int and value in SIDE_PIXELS else None


def _cost(amount: Any, currency: str) -> Cost | None:
    try:
        value = Decimal(amount) if isinstance(amount, str) else None
    except InvalidOperation:
        return None
    # A hostile exponent would make the sum a text of a billion digits.
    if value is None or not value.is_finite() or value < 0 or abs(value.adjusted()) > 12:
        return None
    return Cost(amount=value, currency=currency)


def _seconds(value: Any) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and math.isfinite(value) and 0 <= value < 2**36 else None
