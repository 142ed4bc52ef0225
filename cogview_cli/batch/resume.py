"""What an earlier run has left to do, item by item. Pure but for looking at files.

The ledger is asked by key; the sidecars in the output folder are the second witness,
for a ledger that was lost or belongs to another machine.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

from cogview_cli.ledger import Entry


class Decision(NamedTuple):
    """What to do with an item: `send`, `fetch` (free), or nothing more.

    `done`, `unknown`, `refused` and `dropped` need nothing; `entry` is the request that
    says so, `image` the file. `known` are ids of requests that a new one passes over.
    """

    todo: str
    entry: Entry | None = None
    image: str | None = None
    known: frozenset[str] = frozenset()


class Rules(NamedTuple):
    """What the user says about earlier trouble."""

    retry_failed: bool = False
    retry_unknown: bool = False


def verdict(
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
    ours = [entry for entry in entries if entry.state not in ("not_sent", "intent")]
    newest, when = ours[::-1], time.time() if now is None else now
    for entry in newest:
        if entry.state == "saved" and _all_there(entry, exists):
            return Decision(todo="done", entry=entry, image=entry.files[0]["file"])
    if waiting := _fetchable(newest, "answer", when):
        return Decision(todo="fetch", entry=waiting)
    if image := seen():
        return Decision(todo="done", image=image)
    if deleted := _fetchable(newest, "saved", when):
        return Decision(todo="fetch", entry=deleted)
    return _without_image(newest, rules)


def _without_image(newest: Sequence[Entry], rules: Rules) -> Decision:
    send = Decision(todo="send", known=frozenset(entry.id for entry in newest))
    # What came before an image that once was there is settled.
    since = list(takewhile(lambda entry: entry.state not in ("saved", "expired"), newest))
    states = [entry.state for entry in since]
    if "unknown" in states:
        entry = since[states.index("unknown")]
        return send if rules.retry_unknown else Decision(todo="unknown", entry=entry)
    if states[:1] == ["rejected"] and not rules.retry_failed:
        return Decision(todo="refused", entry=since[0])
    if states[:1] == ["resolved"] and since[0].code == "drop":
        return Decision(todo="dropped", entry=since[0])
    return send


def _all_there(entry: Entry, exists: Callable[[str], bool]) -> bool:
    return bool(entry.files) and all(exists(file["file"]) for file in entry.files)


def _fetchable(newest: Sequence[Entry], state: str, now: float) -> Entry | None:
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
        return {key: image for key, image in map(_read, _sidecars(self._folder)) if key}


def _sidecars(folder: Path) -> Iterator[str]:
    """Every `NAME.json` below `folder` that lies beside a `NAME`."""
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        images = set(names)
        for name in names:
            if name.endswith(".json") and name.removesuffix(".json") in images:
                yield os.path.join(root, name)


def _read(sidecar: str) -> tuple[str, str]:
    image = sidecar.removesuffix(".json")
    try:
        with open(sidecar, encoding="utf-8") as file:
            content: Any = json.load(file)
    except (OSError, ValueError, RecursionError):
        return "", image
    key = content.get("key") if isinstance(content, dict) else None
    return (key if isinstance(key, str) else ""), image
