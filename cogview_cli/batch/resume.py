"""What an earlier run has left to do, item by item. Pure but for looking at files.

The ledger is asked by key; the sidecars in the output folder are the second witness,
for a ledger that was lost or belongs to another machine.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

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


class Made(NamedTuple):
    """A picture of the folder as its sidecar tells of it.

    `row` is the row it was made of: file, its own id or "", its line or 0 if it has an id.
    """

    key: str
    image: str
    prompt: str
    row: tuple[str, str, int]


class Sidecars:
    """The images of a folder by the key in their sidecars; read at the first question."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def image(self, key: str) -> str | None:
        """The image whose sidecar carries `key`."""
        found = self._images.get(key)
        return found and found.image

    def made(self) -> Iterable[Made]:
        """Every image that has a key, in no order."""
        return self._images.values()

    @cached_property
    def _images(self) -> dict[str, Made]:
        return {made.key: made for made in map(_made, _sidecars(self.folder)) if made.key}


def _sidecars(folder: Path) -> Iterator[str]:
    """Every sidecar below `folder` that lies beside its image."""
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        images = set(names)
        for name in names:
            if name.endswith(sidecar.SUFFIX) and name.removesuffix(sidecar.SUFFIX) in images:
                yield os.path.join(root, name)


def _made(path: str) -> Made:
    """What a sidecar tells, with an empty key where it holds none."""
    image = path.removesuffix(sidecar.SUFFIX)
    try:
        content = sidecar.read(Path(path))
    except (OSError, ValueError):
        content = {}
    key, prompt, source = (content.get(name) for name in ("key", "prompt", "source"))
    return Made(
        key=key if isinstance(key, str) else "",
        image=image,
        prompt=prompt if isinstance(prompt, str) else "",
        row=_row(source if isinstance(source, dict) else {}),
    )


def _row(source: dict[str, Any]) -> tuple[str, str, int]:
    file, id, line = (source.get(name) for name in ("file", "row_id", "line"))
    own = id if isinstance(id, str) else ""
    return str(file or ""), own, line if not own and isinstance(line, int) else 0
