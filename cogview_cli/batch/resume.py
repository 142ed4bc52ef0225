"""What an earlier run has left to do, item by item. Pure but for looking at files.

The ledger is asked by key; the sidecars in the output folder are the second witness,
for a ledger that was lost or belongs to another machine.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cached_property, partial
from itertools import chain, takewhile
from pathlib import Path
from typing import Any, NamedTuple

from cogview_cli.ledger import Entry, Resolution, State
from cogview_cli.ledger.marks import Mark
from cogview_cli.pictures import sidecar
from cogview_cli.pictures.seen import Seen, look
from cogview_cli.pictures.takes import is_aside, is_take


class Action(StrEnum):
    """What to do with an item; but for the first three, nothing."""

    SEND = "send"
    FETCH = "fetch"  # paid for already, so free
    READ = "read-text"  # there, but its text was not read, or is to be asked for again
    WAIT = "wait"  # the vendor's queue has it
    DONE = "done"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    DROPPED = "dropped"


class Decision(NamedTuple):
    """What to do with an item, and why.

    `entry` is the request that says so, `image` the file that is there, `mark` that of another
    machine's request. `known` are ids of requests that a new one passes over, `spoilt` files
    that are not as they were saved.
    """

    action: Action
    entry: Entry | None = None
    image: str | None = None
    known: frozenset[str] = frozenset()
    mark: Mark | None = None
    spoilt: tuple[str, ...] = ()


class Rules(NamedTuple):
    """What the user says about earlier trouble."""

    retry_failed: bool = False
    retry_unknown: bool = False
    # Pictures are read: one whose next take is in the vendor's queue is waited for.
    takes: bool = False


def decide(
    entries: Sequence[Entry],
    seen: Callable[[Seen], str | None],
    rules: Rules,
    *,
    look: Callable[[Mapping[str, Any]], Seen] = look,
) -> Decision:
    """What to do with an item that has these requests in the ledger, oldest first.

    `seen` asks the sidecars for an image of the same key, as it was saved or edited. No clock
    is asked: only its server says that a link is dead, so an image that was paid for is fetched
    as long as that can be tried.
    """
    ours = [entry for entry in entries if entry.state not in (State.NOT_SENT, State.INTENT)]
    found = _without_takes(ours[::-1], seen, rules, look)
    if found.action == Action.SEND:
        return found._replace(known=frozenset(entry.id for entry in ours))
    later = (e for e in ours if e.take > 1 and e.state == State.PENDING and e.part)
    if rules.takes and found.action == Action.DONE and (queued := next(later, None)):
        return Decision(action=Action.WAIT, entry=queued)
    return found


def _without_takes(
    newest: Sequence[Entry],
    seen: Callable[[Seen], str | None],
    rules: Rules,
    look: Callable[[Mapping[str, Any]], Seen],
) -> Decision:
    """The same by the request that has the name: other takes neither help nor harm."""
    newest = [entry for entry in newest if not is_aside(entry)]
    looks = {entry.id: [look(file) for file in entry.files] for entry in newest}
    if whole := _whole(newest, looks):
        return Decision(action=Action.DONE, entry=whole, image=whole.files[0]["file"])
    spoilt = tuple(_spoilt(newest, looks))
    if waiting := _fetchable(newest, State.ANSWER) or _fetchable(newest, State.PENDING):
        return Decision(action=Action.FETCH, entry=waiting)
    if queued := next((e for e in newest if e.state == State.PENDING and e.part), None):
        return Decision(action=Action.WAIT, entry=queued)
    if image := seen(Seen.WHOLE):
        return Decision(action=Action.DONE, image=image)
    if deleted := _fetchable(newest, State.SAVED):
        return Decision(action=Action.FETCH, entry=deleted, spoilt=spoilt)
    for entry in newest:  # edited, and nothing else can be had: nobody pays for that
        if entry.state in (State.SAVED, State.EXPIRED) and _edited(looks[entry.id]):
            image = entry.files[0]["file"]
            return Decision(action=Action.DONE, entry=entry, image=image, spoilt=spoilt)
    if image := seen(Seen.CHANGED):
        return Decision(action=Action.DONE, image=image, spoilt=(image,))
    return _without_image(newest, rules)._replace(spoilt=spoilt)


def _whole(newest: Sequence[Entry], looks: Mapping[str, Sequence[Seen]]) -> Entry | None:
    """The newest request whose pictures are on disk as they were saved."""
    saved = (entry for entry in newest if entry.state == State.SAVED and entry.files)
    return next((entry for entry in saved if _all(looks[entry.id], Seen.WHOLE)), None)


def _without_image(newest: Sequence[Entry], rules: Rules) -> Decision:
    send = Decision(action=Action.SEND, known=frozenset(entry.id for entry in newest))
    if newest and newest[0].given_up:
        return Decision(action=Action.DROPPED, entry=newest[0])
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


def marked(decision: Decision, mark: Mark, entries: Sequence[Entry], rules: Rules) -> Decision:
    """The same for an item with a mark: who left it may have paid, unless `entries` tell more."""
    if decision.action != Action.SEND or mark.id in {entry.id for entry in entries}:
        return decision
    if rules.retry_unknown:
        return decision
    return Decision(action=Action.UNKNOWN, mark=mark)


def _all(looks: Sequence[Seen], wanted: Seen) -> bool:
    return all(found is wanted for found in looks)


def _edited(looks: Sequence[Seen]) -> bool:
    return Seen.CHANGED in looks and set(looks) <= {Seen.CHANGED, Seen.WHOLE}


def _spoilt(newest: Sequence[Entry], looks: Mapping[str, Sequence[Seen]]) -> Iterator[str]:
    for entry in newest:
        for file, found in zip(entry.files, looks[entry.id], strict=True):
            if found in (Seen.CHANGED, Seen.BROKEN):
                yield file["file"]


def _fetchable(newest: Sequence[Entry], state: State) -> Entry | None:
    """The newest request in `state` whose image may still be had without paying again.

    The pictures of an in-process sandbox go with it.
    """
    found = (entry for entry in newest if entry.state == state and not entry.in_sandbox)
    return next((entry for entry in found if entry.fetchable and not _is_queued(entry)), None)


def _is_queued(entry: Entry) -> bool:
    """Whether a queue has the request: it is asked there."""
    return entry.state == State.PENDING and entry.part is not None


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

    def __init__(self, folder: Path, *, verify: bool = False) -> None:
        """`verify`: an image counts only with the hash that its sidecar has."""
        self.folder = folder
        self._look = partial(look, verify=verify)

    def image(self, key: str, wanted: Seen = Seen.WHOLE) -> str | None:
        """The first image whose sidecar carries `key` and that is still so."""
        images = (made.image for made in self._images.get(key, ()))
        return next((image for image in images if self._seen(image) is wanted), None)

    def made(self) -> Iterable[Made]:
        """Every image that has a key, in no order."""
        return chain.from_iterable(self._images.values())

    def _seen(self, image: str) -> Seen:
        try:
            saved = sidecar.read(Path(image + sidecar.SUFFIX)).get("image")
        except (OSError, ValueError):
            return Seen.MISSING
        return self._look({**(saved if isinstance(saved, dict) else {}), "file": image})

    @cached_property
    def _images(self) -> dict[str, list[Made]]:
        found: dict[str, list[Made]] = {}
        for made in map(_made, _sidecars(self.folder)):
            if made.key:
                found.setdefault(made.key, []).append(made)
        return found


def _sidecars(folder: Path) -> Iterator[str]:
    """Every sidecar below `folder` that lies beside its image."""
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        images = set(names)
        for name in names:
            image = name.removesuffix(sidecar.SUFFIX)
            if name != image and image in images:
                yield os.path.join(root, name)


def _made(path: str) -> Made:
    """What a sidecar tells, with an empty key where it holds none, or is of a take aside."""
    image = path.removesuffix(sidecar.SUFFIX)
    try:
        content = sidecar.read(Path(path))
    except (OSError, ValueError):
        content = {}
    key, prompt, source = (content.get(name) for name in ("key", "prompt", "source"))
    aside = is_take(image, content.get("take") or "")
    return Made(
        key=key if isinstance(key, str) and not aside else "",
        image=image,
        prompt=prompt if isinstance(prompt, str) else "",
        row=_row(source if isinstance(source, dict) else {}),
    )


def _row(source: dict[str, Any]) -> tuple[str, str, int]:
    file, id, line = (source.get(name) for name in ("file", "row_id", "line"))
    own = id if isinstance(id, str) else ""
    return str(file or ""), own, line if not own and isinstance(line, int) else 0
