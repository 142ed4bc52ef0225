"""What earlier `gen` of the same request and the same place have left.

What is paid for and not on disk is fetched before anything is paid, and counts as one of the
pictures wanted. With --once the pictures on disk count too, and so do unknown outcomes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from cogview_cli.disk.destination import Target
from cogview_cli.errors import UsageError
from cogview_cli.gen.plan import GenPlan
from cogview_cli.ledger import UNVERIFIED, Entry, State
from cogview_cli.pictures import sidecar


class Standing(Enum):
    """How the requests for one picture stand."""

    MADE = 1
    FETCH = 2
    LOST = 3
    NOTHING = 4


class Earlier(NamedTuple):
    """Requests that make new ones needless, the first asked for first.

    `known`: the ids of all that a new request passes over.
    """

    done: Sequence[Entry] = ()
    to_fetch: Sequence[Entry] = ()
    unknown: Sequence[Entry] = ()
    known: frozenset[str] = frozenset()


def unfetched(entries: Sequence[Entry]) -> Earlier:
    """What has to be fetched before anything is paid. `entries` of no living process."""
    return Earlier(to_fetch=[e for e in entries if _is_waiting(e) and e.code != UNVERIFIED])


def once(
    entries: Sequence[Entry], *, on_disk: Callable[[Entry], bool], retry_unknown: bool
) -> Earlier:
    """The same for --once. `retry_unknown`: what may have been paid is asked for again."""
    found: dict[Standing, list[Entry]] = {standing: [] for standing in Standing}
    numbers = {entry.id: number for number, entry in enumerate(entries)}
    for _key, of_key in groupby(sorted(entries, key=lambda entry: entry.key), lambda e: e.key):
        newest = sorted(of_key, key=lambda entry: numbers[entry.id], reverse=True)
        what, entry = _standing(newest, on_disk)
        if entry and not (what is Standing.LOST and retry_unknown):
            found[what].append(entry)
    for kind in found.values():
        kind.sort(key=lambda entry: numbers[entry.id])
    known = frozenset(entry.id for entry in entries)
    return Earlier(found[Standing.MADE], found[Standing.FETCH], found[Standing.LOST], known)


def _standing(
    newest: Sequence[Entry], on_disk: Callable[[Entry], bool]
) -> tuple[Standing, Entry | None]:
    """How the requests with one key stand, and by which of them."""
    for entry in newest:
        if entry.state == State.SAVED and on_disk(entry):
            return Standing.MADE, entry
    for entry in newest:
        if _is_waiting(entry) or (entry.state == State.SAVED and _has_link(entry)):
            return Standing.FETCH, entry
    for entry in newest:
        if entry.state == State.UNKNOWN:
            return Standing.LOST, entry
        if entry.state in (State.SAVED, State.EXPIRED, State.RESOLVED):
            break
    return Standing.NOTHING, None


def _is_waiting(entry: Entry) -> bool:
    """Whether it is paid for and its picture may be had; those of a sandbox go with it."""
    return entry.state == State.ANSWER and not entry.in_sandbox


def _has_link(entry: Entry) -> bool:
    """Whether the picture may be had a second time."""
    return entry.fetchable and not entry.in_sandbox


def on_disk(entry: Entry) -> bool:
    """Whether the pictures of an answer are where they were saved, in the size they had.

    A file that another request has made since is another picture.
    """
    return bool(entry.files) and all(
        _is_that(entry, Path(file["file"]), int(file["bytes"])) for file in entry.files
    )


def _is_that(entry: Entry, path: Path, size: int) -> bool:
    try:
        if not path.is_file() or path.stat().st_size != size:
            return False
    except OSError:
        return False
    beside = sidecar.sidecar_path(path)
    return not beside.exists() or sidecar.belongs_to(beside, entry.id, entry.key)


def same_picture(plan: GenPlan, target: Target) -> Path | None:
    """The picture under the wanted name, if its sidecar tells of this very request."""
    there = target.existing()
    if there is None:
        return None
    try:
        content = sidecar.read(sidecar.sidecar_path(there))
        size = content["image"]["bytes"]
        found = sidecar.read_request(sidecar.sidecar_path(there))
        same = found == plan.request and there.stat().st_size == size
    except (OSError, ValueError, KeyError, TypeError, UsageError):
        return None
    return there if same else None
