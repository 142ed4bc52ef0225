"""What the tests of prompt files share: write a sample, read it, look at the records."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from cogview_cli.sources import Reading, ReadOptions, Record, RejectedRow


def reading(data: str | bytes, file: str = "p.txt", **options: Any) -> Reading:
    """A reading of `data`, written to `file` in the test's own folder."""
    Path(file).write_bytes(data.encode() if isinstance(data, str) else data)
    return Reading([file], ReadOptions(**options))


def read(data: str | bytes, file: str = "p.txt", **options: Any) -> list[Record | RejectedRow]:
    return list(reading(data, file, **options))


def records(data: str | bytes, file: str = "p.txt", **options: Any) -> list[Record]:
    """The records, none of which may be bad."""
    found = []
    for record in read(data, file, **options):
        assert isinstance(record, Record), record
        found.append(record)
    return found


def prompts(data: str | bytes, file: str = "p.txt", **options: Any) -> list[str]:
    return [record.prompt for record in records(data, file, **options)]


def one(data: str | bytes, file: str = "p.txt", **options: Any) -> Record:
    (record,) = records(data, file, **options)
    return record


def bad(data: str | bytes, file: str = "p.txt", **options: Any) -> RejectedRow:
    """The only bad record of a file."""
    (found,) = [item for item in read(data, file, **options) if isinstance(item, RejectedRow)]
    assert found.file == file
    return found


def from_stdin(data: str | bytes, **options: Any) -> list[Record]:
    """The records of piped `data`, none of which may be bad."""
    raw = data.encode() if isinstance(data, str) else data
    found = []
    for record in Reading(["-"], ReadOptions(**options), stdin=io.BytesIO(raw)):
        assert isinstance(record, Record), record
        found.append(record)
    return found
