"""Marks of requests under way, in the folder of their pictures: for machines with other ledgers.

A job killed on one machine and run again on another finds its pictures there, but not its
ledger. So each request of a batch leaves a small file beside them before it is sent, which goes
when its picture is saved or when it provably cost nothing.
"""

import json
import os
import socket
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from cogview_cli.disk.atomic import sync_folder
from cogview_cli.ledger.entry import Entry

FOLDER, SUFFIX = ".cogview", ".sent"
LONGEST_BYTES = 4096
# Another run may remove the folder, empty, between its making and its use.
TRIES = 20


class Mark(NamedTuple):
    """One mark: of which request, by which machine. Empty where the file does not tell."""

    path: Path
    id: str = ""
    host: str = ""
    time: str = ""


def wanted(entry: Entry) -> bool:
    """Whether another machine would look for a mark of `entry`."""
    return _folder_of(entry) is not None


def put(entry: Entry) -> None:
    """Marks `entry` as sent, on the disk before this returns; OSError if that cannot be."""
    if (folder := _folder_of(entry)) is not None:
        _put(_path(folder, entry.key), json.dumps(_content(entry)).encode())


def put_all(entries: Iterable[Entry]) -> None:
    """As `put` for many, with one sync of each folder."""
    folders = set[Path]()
    for entry in entries:
        if (folder := _folder_of(entry)) is None:
            continue
        if folder not in folders:
            _make(folder)
            folders.add(folder)
        _write(_path(folder, entry.key), json.dumps(_content(entry)).encode(), sync=False)
    for folder in folders:
        sync_folder(folder)


def _put(mark: Path, data: bytes) -> None:
    folder = mark.parent
    for tries_left in reversed(range(TRIES)):
        try:
            _make(folder)
            _write(mark, data)
        except FileNotFoundError:
            if not tries_left or not folder.parent.is_dir():
                raise
        else:
            return


def _write(mark: Path, data: bytes, *, sync: bool = True) -> None:
    """Only the name must be on the disk: a mark that cannot be read is one all the same."""
    temporary = mark.with_name(f".{mark.stem}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        with temporary.open("xb") as file:
            file.write(data)
        os.replace(temporary, mark)
    except OSError as error:
        error.filename = error.filename or str(mark)  # a write does not say of which file
        raise
    if sync:
        sync_folder(mark.parent)


def drop(entry: Entry) -> None:
    """The picture of `entry` is on disk, or it cost nothing: no other machine need know."""
    if folder := _folder_of(entry):
        discard(_path(folder, entry.key))


def drop_all(entries: Iterable[Entry]) -> None:
    """As `drop` for many."""
    for entry in entries:
        drop(entry)


def discard(mark: Path) -> None:
    """Removes a mark, if it is there and can be."""
    with suppress(OSError):
        mark.unlink(missing_ok=True)


def remove_folder(output: Path) -> None:
    """Removes the folder of marks from `output` if it is empty."""
    with suppress(OSError):
        (output / FOLDER).rmdir()


class Marks:
    """The marks in an output folder; listed at the first question."""

    def __init__(self, output: Path) -> None:
        self._folder = output / FOLDER

    def of(self, key: str) -> Mark | None:
        """The mark of the image with this key. One that cannot be read is one all the same."""
        if key not in self._keys:
            return None
        path = _path(self._folder, key)
        try:
            with path.open("rb") as file:
                found = json.loads(file.read(LONGEST_BYTES))
            return Mark(path, *(str(found[name]) for name in ("id", "host", "time")))
        except FileNotFoundError:  # its run has just ended well
            return None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return Mark(path)

    @cached_property
    def _keys(self) -> frozenset[str]:
        try:
            names = os.listdir(self._folder)
        except OSError:
            return frozenset()
        return frozenset(name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX))


def _folder_of(entry: Entry) -> Path | None:
    """Where the mark of `entry` goes; None for what no other machine would look for."""
    if entry.in_sandbox or not os.path.isabs(entry.namespace):
        return None
    output = Path(entry.namespace)
    if not output.is_dir():  # a name that is no text is escaped in the ledger
        output = Path(entry.target.get("destination", {}).get("root", output))
    return output / FOLDER


def _path(folder: Path, key: str) -> Path:
    return folder / f"{key}{SUFFIX}"


def _make(folder: Path) -> None:
    try:
        folder.mkdir()
    except FileExistsError:
        return
    sync_folder(folder.parent)


def _content(entry: Entry) -> dict[str, str]:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"id": entry.id, "run": entry.run, "host": socket.gethostname(), "time": now}
