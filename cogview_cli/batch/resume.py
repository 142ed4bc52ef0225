"""What an earlier run has left to do, item by item. Pure but for looking at files.

The ledger is asked by key; the sidecars in the output folder are the second witness,
for a ledger that was lost or belongs to another machine.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from cogview_cli.ledger import Entry, Resolution, State
from cogview_cli.pictures import sidecar


class Action(StrEnum):
    """What to do with an item; but for the first two, nothing."""

    SEND = "send"
    FETCH = "fetch"  # paid for already, so free
    DONE = "done"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    DROPPED = "dropped"


class Decision(NamedTuple):
    """What to do with an item, and why.

    `entry` is the request that says so, `image` the file that is there. `known` are ids
    of requests that a new one passes over.
    """

    action: Action
    entry: Entry | None = None
    image: str | None = None
    known: frozenset[str] = frozenset()


class Rules(NamedTuple):
    """What the user says about earlier trouble."""

    retry_failed: bool = False
    retry_unknown: bool = False


def decide(
    entries: Sequence[Entry],
    seen: Callable[[], str | None],
    rules: Rules,
    *,
    exists: Callable[[str], bool] = os.path.isfile,
    now: float | None = None,
) -> Decision:
    """What to do with an item that has these requests in the ledger, oldest first.

    `seen()` asks the sidecars for an image of the same key.
    """
    ours = [entry for entry in entries if entry.state not in (State.NOT_SENT, State.INTENT)]
    newest, when = ours[::-1], time.time() if now is None else now
    for entry in newest:
        if entry.state == State.SAVED and _all_there(entry, exists):
            return Decision(action=Action.DONE, entry=entry, image=entry.files[0]["file"])
    if waiting := _fetchable(newest, State.ANSWER, when):
        return Decision(action=Action.FETCH, entry=waiting)
    if image := seen():
        return Decision(action=Action.DONE, image=image)
    if deleted := _fetchable(newest, State.SAVED, when):
        return Decision(action=Action.FETCH, entry=deleted)
    return _without_image(newest, rules)


def _without_image(newest: Sequence[Entry], rules: Rules) -> Decision:
    send = Decision(action=Action.SEND, known=frozenset(entry.id for entry in newest))
    # What came before an image that once was there is settled.
    since = list(takewhile(lambda entry: entry.state not in (State.SAVED, State.EXPIRED), newest))
    states = [entry.state for entry in since]
    if State.UNKNOWN in states:
        entry = since[states.index(State.UNKNOWN)]
        return send if rules.retry_unknown else Decision(action=Action.UNKNOWN, entry=entry)
    if states[:1] == [State.REJECTED] and not rules.retry_failed:
        return Decision(action=Action.REFUSED, entry=since[0])
    if states[:1] == [State.RESOLVED] and since[0].code == Resolution.DROP:
        return Decision(action=Action.DROPPED, entry=since[0])
    return send


def _all_there(entry: Entry, exists: Callable[[str], bool]) -> bool:
    return bool(entry.files) and all(exists(file["file"]) for file in entry.files)


def _fetchable(newest: Sequence[Entry], state: State, now: float) -> Entry | None:
    """The newest request in `state` whose image can still be had without paying again."""
    return next((e for e in newest if e.state == state and e.good_until > now), None)


class Sidecars:
    """The images of a folder by the key in their sidecars; read at the first question."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def image(self, key: str) -> str | None:
        """The image whose sidecar carries `key`."""
        return self._images.get(key)

    @cached_property
    def _images(self) -> dict[str, str]:
        return {key: image for key, image in map(_key_and_image, _sidecars(self._folder)) if key}


def _sidecars(folder: Path) -> Iterator[str]:
    """Every sidecar below `folder` that lies beside its image."""
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        images = set(names)
        for name in names:
            if name.endswith(sidecar.SUFFIX) and name.removesuffix(sidecar.SUFFIX) in images:
                yield os.path.join(root, name)


def _key_and_image(path: str) -> tuple[str, str]:
    """The key that a sidecar holds, empty where it holds none, and its image."""
    image = path.removesuffix(sidecar.SUFFIX)
    try:
        key = sidecar.read(Path(path)).get("key")
    except (OSError, ValueError):
        return "", image
    return (key if isinstance(key, str) else ""), image
