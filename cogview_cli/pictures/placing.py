"""A checked file gets its name: converted, published beside others, or kept unverified."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cogview_cli.disk.atomic import open_new, own_name, publish
from cogview_cli.disk.destination import Target
from cogview_cli.disk.names import SAVED_SUFFIXES, with_number
from cogview_cli.disk.unreadable import why_unreadable
from cogview_cli.i18n import _
from cogview_cli.ledger import UNVERIFIED, Entry
from cogview_cli.outcome import SavedFile
from cogview_cli.pictures import sidecar
from cogview_cli.pictures.arrival import Fetched
from cogview_cli.pictures.convert import convert
from cogview_cli.pictures.failure import Arrived
from cogview_cli.pictures.sidecar import UNVERIFIED_SUFFIX
from cogview_cli.pictures.verify import READABLE, sniff


class Place(NamedTuple):
    """Where the images of one answer go.

    `resuming`: a file of the same content under the wanted name is an earlier run's.
    """

    entry: Entry
    target: Target
    folder: Path
    stem: str
    resuming: bool

    def name(self, number: int) -> str:
        """The stem of the image `number` of the answer, from 0."""
        return self.stem if number == 0 else f"{self.stem}-{number + 1}"


def place_image(
    place: Place, part: Path, fetched: Fetched, number: int
) -> tuple[SavedFile, list[str]]:
    """Publishes a checked image in the wanted format; what people should be warned of."""
    fetched, warnings = _as_wanted(part, place.target.destination.format, fetched)
    info = fetched.info
    suffix = SAVED_SUFFIXES[info.format]
    path = _published(place, part, place.name(number), suffix, fetched.sha256, asked=number == 0)
    saved = SavedFile(
        file=str(path),
        sidecar=None,
        format=info.format,
        width=info.width,
        height=info.height,
        bytes=fetched.bytes,
        sha256=fetched.sha256,
    )
    first = f"{place.name(number)}{path.suffix}"
    newer = _newer_kept(place.target, first, path)
    return saved, [*(warning(path.name) for warning in warnings), *newer]


def _newer_kept(target: Target, wanted: str, path: Path) -> list[str]:
    """What to say where --on-exists overwrite has replaced nothing."""
    if target.destination.on_exists != "overwrite" or path.name == wanted:
        return []
    return [
        _(
            "'{name}' is newer than the request for this picture, and is kept: see '{other}'",
            name=wanted,
            other=path.name,
        )
    ]


def keep_unverified(
    place: Place, part: Path, arrived: Arrived, number: int, before: SavedFile | None
) -> SavedFile:
    """Keeps what came, whatever it is; where it is, or what is kept instead.

    `before`: what was kept of this image. A page of words neither takes its place nor lies
    beside it; bytes of a picture take the place of a page, and of the beginning of them.
    """
    if before is None or before.format != UNVERIFIED or not is_intact(before):
        return _place_unverified(place, part, arrived, number)
    if arrived.foreign:
        return before
    page = _is_foreign(Path(before.file))
    if arrived.cut and not page and before.bytes >= arrived.bytes:
        return before
    replaced = page or _begins_with(part, Path(before.file))
    kept = _place_unverified(place, part, arrived, number)
    if kept.file != before.file and replaced:
        discard_unverified(before, place.entry)
    return kept


def _begins_with(longer: Path, shorter: Path) -> bool:
    """Whether there is nothing in `shorter` that is not in `longer`."""
    beginning = shorter.read_bytes()
    with longer.open("rb") as file:
        return file.read(len(beginning)) == beginning


def kept_unverified(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The ledger's records of files, for images that go elsewhere: what will be in the way.

    They are counted from the first image on, so those behind one that is saved are left out.
    """
    return list(itertools.takewhile(lambda record: record["format"] == UNVERIFIED, records))


def _is_foreign(path: Path) -> bool:
    with path.open("rb") as file:
        return sniff(file.read(32)) is None


def _place_unverified(place: Place, part: Path, arrived: Arrived, number: int) -> SavedFile:
    path = _published(place, part, place.name(number), UNVERIFIED_SUFFIX, arrived.sha256)
    return SavedFile(
        file=str(path),
        sidecar=None,
        format=UNVERIFIED,
        width=0,
        height=0,
        bytes=arrived.bytes,
        sha256=arrived.sha256,
    )


def discard_unverified(kept: SavedFile, entry: Entry) -> None:
    """Removes what was kept of an image, now that it is there; nothing that was changed."""
    path = Path(kept.file)
    beside = sidecar.sidecar_path(path)
    if kept.format == UNVERIFIED and is_intact(kept) and path.suffix == UNVERIFIED_SUFFIX:
        path.unlink(missing_ok=True)
        if sidecar.belongs_to(beside, entry.id, entry.key):
            beside.unlink(missing_ok=True)


def is_intact(known: SavedFile) -> bool:
    """Whether the file is there as it was saved."""
    path = Path(known.file)
    return path.is_file() and sha256(path) == known.sha256


def sha256(path: Path) -> str:
    """The hash of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


Caution = Callable[[str], str]


def _as_wanted(part: Path, wanted: str, fetched: Fetched) -> tuple[Fetched, list[Caution]]:
    """The image in the format asked for; as it came where that cannot be."""
    warnings: list[Caution] = []
    if not fetched.info.ended:
        warnings.append(lambda name: _("'{name}' arrived without its end marker", name=name))
    if wanted in ("original", fetched.info.format):
        if fetched.info.format.upper() not in READABLE:
            warnings.append(_unusual(fetched.info.format))
        return fetched, warnings
    try:
        return _converted(part, wanted, fetched.info.format), warnings
    except OSError as error:
        if error.errno is not None:  # this disk's; Pillow's own have no number
            raise
        return fetched, [*warnings, _unconverted(wanted, error)]
    except Exception as error:  # a codec raises anything, on metadata above all
        return fetched, [*warnings, _unconverted(wanted, error)]


def _unusual(format: str) -> Caution:
    return lambda name: _(
        "'{name}' is {format}, a format the API does not document; kept as received",
        name=name,
        format=format.upper(),
    )


def _unconverted(wanted: str, error: Exception) -> Caution:
    why = why_unreadable(error)
    return lambda name: _(
        "'{name}' could not be converted to {format}: {why}; kept as received",
        name=name,
        format=wanted.upper(),
        why=why,
    )


def _converted(part: Path, wanted: str, found: str) -> Fetched:
    other = own_name(part.with_suffix(f".{wanted}.part"))
    try:
        with open_new(other) as file:
            info = convert(part, file, wanted, found)
            file.flush()
            os.fsync(file.fileno())
        other.replace(part)
    finally:
        other.unlink(missing_ok=True)
    return Fetched(bytes=part.stat().st_size, sha256=sha256(part), info=info)


def _published(
    place: Place, part: Path, stem: str, suffix: str, digest: str, *, asked: bool = False
) -> Path:
    """`asked`: the name is the one that was asked for, which may replace what had it then.

    Further images of an answer, and what is kept unverified, always take a free one.
    """
    if place.resuming and (ours := _ours(part.parent, stem, suffix, digest)):
        return ours
    first = part.parent / f"{stem}{suffix}"
    replaceable = asked and _may_replace(place.target, first)
    return publish(
        part,
        part.parent,
        stem,
        suffix,
        # Where nothing is now, what comes in the next moment is somebody else's.
        overwrite=replaceable and os.path.lexists(first),
        free=lambda path: (replaceable and path == first) or _is_free(path, place.entry),
        sync=not place.target.destination.sidecar,  # the sidecar's name is synced with it
    )


def _ours(folder: Path, stem: str, suffix: str, digest: str) -> Path | None:
    """The file an earlier, killed run published before it could say so."""
    for number in itertools.count(1):
        path = folder / f"{with_number(stem, number)}{suffix}"
        if not os.path.lexists(path):
            return None
        if path.is_file() and not path.is_symlink() and sha256(path) == digest:
            return path
    return None


def _may_replace(target: Target, image: Path) -> bool:
    """Whether --on-exists overwrite may take a name: only from a file that was there before.

    Not from a folder, FIFO or device.
    """
    if target.destination.on_exists != "overwrite":
        return False
    return all(
        target.may_replace(path)
        and (not os.path.lexists(path) or os.path.isfile(path) or os.path.islink(path))
        for path in (image, sidecar.sidecar_path(image))
    )


def _is_free(path: Path, entry: Entry) -> bool:
    """A name is free if neither an image nor somebody else's sidecar has it."""
    beside = sidecar.sidecar_path(path)
    return not os.path.lexists(beside) or sidecar.belongs_to(beside, entry.id, entry.key)
