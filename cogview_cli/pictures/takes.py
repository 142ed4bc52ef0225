"""Where the takes of one picture lie: the best under its name, the others in `takes/` beside it.

Each later take is saved straight into `takes/`. Where it is the better one, the two change
places in steps that leave both pictures on the disk at every moment, under a name or another;
the hashes in the ledger tell the next run which is where, and the ledger learns of the new
names last. So a run that was killed is finished by doing the same again.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cogview_cli.disk.atomic import check_writable, move_new, open_new, own_name, sync_folder
from cogview_cli.disk.destination import Target
from cogview_cli.disk.holes import escape_braces
from cogview_cli.disk.names import STEM_BYTES, cut_bytes, with_number
from cogview_cli.errors import MachineError
from cogview_cli.i18n import _
from cogview_cli.pictures import sidecar
from cogview_cli.pictures.seen import sha256

if TYPE_CHECKING:
    from cogview_cli.ledger import Entry, Ledger  # loads SQLite, which a gallery can do without

FOLDER = "takes"
_NAME = r"-take([1-9][0-9]*)(?:-[0-9]+)*$"
# Room for "-take999" and a number behind it.
_ROOM_BYTES = 14


def is_take(image: str | Path, take: object = None) -> bool:
    """Whether a picture is called as those are that were not chosen, by its name and folder.

    `take`: its number, as its sidecar has it; people may use such names themselves.
    """
    folder, name = os.path.split(image)
    found = os.path.basename(folder) == FOLDER and re.search(_NAME, Path(name).stem)
    return bool(found and (take is None or found[1] == str(take)))


def is_aside(entry: Entry) -> bool:
    """Whether a request is a take that was not chosen, or one that brought no picture."""
    return bool(entry.target.get("aside"))


def take_stem(image: Path, take: int) -> str:
    """The name in `takes/` for a take of the picture `image`, without suffix."""
    return f"{cut_bytes(image.stem, STEM_BYTES - _ROOM_BYTES)}-take{take}"


def take_target(image: Path, target: Target, take: int) -> Target:
    """Where another take of the picture `image` goes."""
    destination = target.destination._replace(
        root=str(image.parent),
        template=f"{FOLDER}/{escape_braces(take_stem(image, take))}",
        on_exists="rename",
        number=1,
    )
    return Target(destination, target.fields, aside=True)


def check_folder(target: Target) -> None:
    """MachineError if no other take could be saved at `target`, before one is paid. Blocks."""
    folder, _stem = target.place()
    if os.path.lexists(folder) and not folder.is_dir():
        raise MachineError(
            _("'{path}' is not a folder", path=folder), hint=_("choose another --output")
        )
    check_writable(folder if folder.is_dir() else folder.parent)


class _File(NamedTuple):
    """A picture of a take as the ledger has it."""

    entry: Entry
    record: dict[str, Any]

    @property
    def path(self) -> Path:
        return Path(self.record["file"])

    def is_at(self, path: Path) -> bool:
        """Whether this very picture lies there."""
        try:
            same_size = path.is_file() and path.stat().st_size == self.record["bytes"]
            return same_size and sha256(path) == self.record["sha256"]
        except OSError:
            return False

    def beside(self, *images: Path) -> dict[str, Any] | None:
        """The content of this take's sidecar, from the first of these pictures that has it."""
        for image in images:
            with suppress(OSError, ValueError):
                content = sidecar.read(sidecar.sidecar_path(image))
                if content.get("id") == self.entry.id:
                    return content
        return None

    def record_at(self, path: Path) -> dict[str, Any]:
        """What the ledger has of the picture once it is at `path`."""
        beside = sidecar.sidecar_path(path)
        found = str(beside) if self.record.get("sidecar") or beside.exists() else None
        return {**self.record, "file": str(path), "sidecar": found}


def _files(entry: Entry) -> list[_File]:
    return [_File(entry, record) for record in entry.files]


def name_of(takes: Iterable[Entry]) -> Path | None:
    """The picture that has the name, as the ledger knows it; None if none has."""
    return next((Path(e.files[0]["file"]) for e in reversed([*takes]) if _has_name(e)), None)


def _has_name(entry: Entry) -> bool:
    return bool(entry.files) and not is_aside(entry)


def give_name(takes: Sequence[Entry], best: Entry) -> list[Entry]:
    """Gives the best take the name that another one has, which goes into `takes/`.

    Returns the entries that are changed, for the ledger; none if nothing is to be done, or if
    somebody has put another picture under the name. OSError leaves what the next run finishes.
    """
    holder = next((e for e in reversed(takes) if _has_name(e) and e.id != best.id), None)
    if holder is None or _has_name(best):
        return []
    swaps = list(_swaps(holder, best))
    if not all(swap.is_possible for swap in swaps):
        return []
    files = [_swapped(swap) for swap in swaps]
    place, target = Path(holder.files[0]["file"]), Target.from_record(holder.target)
    away = take_target(place, target, holder.take).record()
    return [
        holder._replace(files=[old for old, _new in files if old], target=away),
        best._replace(files=[new for _old, new in files if new], target=holder.target),
    ]


class _Swap(NamedTuple):
    """One name: the picture that has it, at `place`, and the one that gets it, or `wanted`.

    Answers may have several pictures, one more than the other. `here`: where the new one lies.
    """

    old: _File | None
    new: _File | None
    place: Path
    wanted: Path
    here: Path | None

    @property
    def is_possible(self) -> bool:
        """Whether the new one is there, and nobody has put another under the name."""
        ours = [file for file in (self.old, self.new) if file]
        if self.new and self.here is None:
            return False
        return not self.place.exists() or any(file.is_at(self.place) for file in ours)


def _swaps(holder: Entry, best: Entry) -> Iterator[_Swap]:
    first = Path(holder.files[0]["file"])
    for number, (old, new) in enumerate(itertools.zip_longest(_files(holder), _files(best)), 1):
        if new is None:
            yield _Swap(old, None, old.path, old.path, None)
            continue
        stem, suffix = first.stem if number == 1 else f"{first.stem}-{number}", new.path.suffix
        place = old.path if old else _free(first.with_name(f"{stem}{suffix}"), new)
        wanted = _free(place.with_name(f"{place.stem}{suffix}"), new, taken=place)
        here = next((path for path in (new.path, wanted) if new.is_at(path)), None)
        yield _Swap(old, new, place, wanted, here)


def _swapped(swap: _Swap) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Lets the two change places; what the ledger has of each from then on."""
    old, new, place, wanted, here = swap
    kept = _keep(old, place) if old else None
    if new and here:
        if (content := new.beside(here, new.path, wanted)) is not None:
            _describe(wanted, content)
        _rename(here, wanted, replaced=place if old else None)
    if old and kept:
        _clear(place, wanted if new else None, kept, old)
    if new:
        _remove(sidecar.sidecar_path(new.path))
    gone, come = old and kept and old.record_at(kept), new and new.record_at(wanted)
    return gone or None, come or None


def _free(first: Path, file: _File, *, taken: Path | None = None) -> Path:
    """`first` or a number of it: the first that has this picture, or nothing, or is `taken`."""
    for path in _numbered(first):
        if path == taken or not os.path.lexists(path) or file.is_at(path):
            return path
    raise AssertionError  # the numbers do not end


def _numbered(first: Path) -> Iterator[Path]:
    for number in itertools.count(1):
        yield first.with_name(f"{with_number(first.stem, number)}{first.suffix}")


def _keep(old: _File, place: Path) -> Path:
    """Sees to it that the old picture is in `takes/` too, with its sidecar; its path there."""
    folder = place.parent / FOLDER
    folder.mkdir(exist_ok=True)
    kept = _free(folder / f"{take_stem(place, old.entry.take)}{place.suffix}", old)
    if not kept.exists() and old.is_at(place):
        _second_name(place, kept)
    if (content := old.beside(place, kept)) is not None:
        _describe(kept, {**content, "take": old.entry.take})
    sync_folder(folder)
    return kept


def _second_name(source: Path, target: Path) -> None:
    """A hard link, or a copy where the file system has none."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        part = own_name(target.with_name(f".cogview-{target.name}.part"))
        with source.open("rb") as there, open_new(part) as here:
            shutil.copyfileobj(there, here)
            here.flush()
            os.fsync(here.fileno())
        move_new(part, target)


def _describe(image: Path, content: dict[str, Any]) -> None:
    """Writes a sidecar that has moved, under the picture's new name."""
    described = content.get("image")
    named = {**(described if isinstance(described, dict) else {}), "file": image.name}
    sidecar.write(image, {**content, "image": named})


def _rename(here: Path, wanted: Path, *, replaced: Path | None) -> None:
    if here == wanted:
        return
    if wanted == replaced:
        os.replace(here, wanted)
    else:
        move_new(here, wanted, sync=False)
    sync_folder(wanted.parent)
    sync_folder(here.parent)


def _clear(place: Path, wanted: Path | None, kept: Path, old: _File) -> None:
    """Removes the old picture from a name that no other gets, if it is in `takes/` for certain."""
    if place == wanted or not old.is_at(kept):
        return
    if old.is_at(place):
        place.unlink()
    if not os.path.lexists(place) and old.beside(place) is not None:
        _remove(sidecar.sidecar_path(place))


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def discard_takes(takes: Iterable[Entry]) -> None:
    """Removes those that have not got the name, as they were saved."""
    aside = (entry for entry in takes if entry.files and not _has_name(entry))
    for file in itertools.chain.from_iterable(map(_files, aside)):
        if file.is_at(file.path):
            _remove(file.path)
            _remove(sidecar.sidecar_path(file.path))


def put_right(ledger: Ledger, namespace: str | None = None) -> None:
    """Finishes what a killed run had begun: the best take by what was read has the name.

    Blocks. What another process may have in hand is left alone; what fails is left for later.
    """
    for entries in ledger.retaken(namespace):
        from cogview_cli.ledger.takes import best_as_read, takes_of

        takes = takes_of(entries)
        best = best_as_read(takes)
        if best is None or _has_name(best) or any(map(ledger.in_hand_elsewhere, takes)):
            continue
        with suppress(OSError):
            ledger.moved(give_name(takes, best))
