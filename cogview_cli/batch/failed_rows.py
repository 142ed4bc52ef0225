"""The rows to ask again, as a prompt file: one a folder, kept up to date."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import NamedTuple

from cogview_cli.batch.item import FailedRow
from cogview_cli.batch.plan import Plan
from cogview_cli.batch.row import ROW_FIELDS
from cogview_cli.batch.selection import Selection
from cogview_cli.config.store import state_dir
from cogview_cli.disk.atomic import clear_left, move_new, replace_whole, whole_text
from cogview_cli.disk.names import with_number
from cogview_cli.sources.aliases import holds_prompt, normal

NAME = "failed"
FOLDER = "failed-rows"


class Written(NamedTuple):
    """A file of failed rows that is as it was written; `note` remembers it."""

    path: Path
    note: Path


class Notes:
    """What this user's runs have written into a folder, so that nothing else is replaced.

    A note for each set of sources and part of their rows, in the state folder. A run over all
    rows takes the place of those over parts; a file of ours that is a source itself stands for
    the rows it was made of.
    """

    def __init__(self, folder: Path, sources: Sequence[str], selection: Selection) -> None:
        self._folder, self._whole = folder, selection.is_whole
        start = _digest(str(folder.resolve()))
        self._every = f"{start}-*.json"
        part = _digest(repr(selection._replace(dedupe=False)))
        self._own = f"{self._source_of(sources) or _digest(*sorted(map(_place, sources)))}-{part}"
        self._start = start

    @property
    def _notes(self) -> Path:
        return state_dir() / FOLDER

    def _source_of(self, sources: Sequence[str]) -> str | None:
        """The name of the sources that a file of ours was made of, if it is the only source."""
        for written in self._found(self._every):
            if [_place(source) for source in sources] == [str(written.path.resolve())]:
                return written.note.stem.split("-")[1]
        return None

    def ours(self) -> list[Written]:
        """The files that this run may replace, unchanged since they were written."""
        sources = self._own.split("-")[0]
        part = "*" if self._whole else self._own.split("-")[1]
        return list(self._found(f"{self._start}-{sources}-{part}.json"))

    def _found(self, pattern: str) -> Iterator[Written]:
        for note in sorted(self._notes.glob(pattern)):
            with suppress(OSError, ValueError, KeyError, TypeError):
                kept = json.loads(note.read_text("utf-8"))
                path = self._folder / kept["name"]
                if hashlib.sha256(path.read_bytes()).hexdigest() == kept["sha256"]:
                    yield Written(path, note)

    def keep(self, path: Path, data: bytes) -> None:
        """Remembers that `path` is ours as long as it holds `data`."""
        kept = {"name": path.name, "sha256": hashlib.sha256(data).hexdigest()}
        with suppress(OSError):
            self._notes.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_whole(
                self._notes / f"{self._start}-{self._own}.json", json.dumps(kept).encode()
            )


def keep_failed(folder: Path, plan: Plan, notes: Notes, *, complete: bool) -> Path | None:
    """Writes the rows to ask again for what they lack; where they are, None if there are none.

    The file has the form of its source: CSV for a table or a sheet, else JSONL. One of an
    earlier run is replaced, and removed when nothing has failed any more and the run was
    `complete`; what is not ours or was edited is left alone, and the new one gets a number. A
    folder that is gone, because nothing was sent, is not made for it.
    """
    rows = list(plan.failed_rows())
    if not folder.is_dir():
        return None
    clear_left(folder)
    if not rows:
        if complete:
            _remove(notes.ours())
        return None
    tables = all(row.table for row in rows)
    text = _failed_table(rows) if tables else "".join(map(_failed_line, rows))
    return _placed(folder, ".csv" if tables else ".jsonl", text.encode(), notes)


def _placed(folder: Path, suffix: str, data: bytes, notes: Notes) -> Path:
    ours = {written.path: written for written in notes.ours()}
    for number in count(1):
        path = folder / f"{with_number(NAME, number)}{suffix}"
        if path in ours or not os.path.lexists(path):
            try:
                _write(path, data, replace=path in ours)
            except FileExistsError:  # another shard has just taken the name
                continue
            break
        if _content(path) == data:
            break
    _remove([written for written in ours.values() if written.path != path])
    notes.keep(path, data)
    return path


def _write(path: Path, data: bytes, *, replace: bool) -> None:
    with whole_text(path, os.replace if replace else move_new) as file:
        file.write(data.decode())


def _remove(written: Sequence[Written]) -> None:
    for path, note in written:
        with suppress(OSError):
            path.unlink()
            note.unlink()


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _place(source: str) -> str:
    return source if source == "-" else str(Path(source).resolve())


def _digest(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _failed_table(rows: list[FailedRow]) -> str:
    """The rows in their own columns, with how many images each lacks."""
    own = [row.columns | {row.roles.get("count", "n"): row.missing} for row in rows]
    names = list(dict.fromkeys(name for row in own for name in row))
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(own)
    return "\ufeff" + out.getvalue()


def _failed_line(row: FailedRow) -> str:
    """The request under our names, with the row's columns of no meaning, its id and name."""
    own = {name: row.body[name] for name in ROW_FIELDS if name in row.body}
    asked = {**own, "n": row.missing}
    told = {column for role, column in row.roles.items() if role not in ("id", "name")}
    settled = {*asked, "watermark", "watermark_enabled"}
    kept = {
        name: value
        for name, value in row.columns.items()
        if name not in told and normal(name) not in settled and not holds_prompt(normal(name))
    }
    return json.dumps({**asked, **kept}, ensure_ascii=False) + "\n"
