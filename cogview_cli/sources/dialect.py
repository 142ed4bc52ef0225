"""How a table is written: its delimiter, found in the first records. Pure."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

from cogview_cli.sources.aliases import describes, holds_prompt, is_telling, normal

DELIMITERS = ",;\t|"
# Excel takes the delimiter from a first line such as `sep=;`.
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
_RECORDS = 50


def find_delimiter(head: Sequence[str]) -> str:
    """The delimiter that a first line names, or that cuts the first lines most evenly.

    A comma if none cuts.
    """
    if named := SEPARATOR_LINE.fullmatch(head[0]):
        return named[1]
    best = max(DELIMITERS, key=lambda delimiter: _score(head, delimiter))
    return best if _score(head, best)[0] else ","


def looks_like_table(head: Sequence[str]) -> bool:
    """Whether the first line is a header that names a prompt column, whatever the file is called.

    Prose has commas too: every cell must be a name, and the next record must be cut
    the same way.
    """
    for delimiter in DELIMITERS:
        records = _records(head, delimiter)
        if len(records) > 1 and len(records[0]) == len(records[1]) and _is_header(records[0]):
            return True
    return False


def _is_header(cells: list[str]) -> bool:
    names = [normal(cell) for cell in cells]
    short = all(0 < len(name) <= 40 for name in names) and len(set(names)) == len(names)
    one_word = [normal(cell) for cell in cells if " " not in cell.strip()]
    return len(names) > 1 and short and any(map(is_telling, one_word))


def _score(head: Sequence[str], delimiter: str) -> tuple[bool, bool, float, int]:
    """Cuts the header; finds a prompt in it; how many records are as wide; how wide."""
    records = _records(head, delimiter)
    if not records:
        return False, False, 0.0, 0
    width = len(records[0])
    names = [normal(cell) for cell in records[0]]
    named = any(map(holds_prompt, names)) or any(map(describes, names))
    even = sum(len(record) == width for record in records) / len(records)
    return width > 1, named, even, width


def _records(head: Sequence[str], delimiter: str) -> list[list[str]]:
    """The first records, the last of which may be cut short."""
    reader = csv.reader((line + "\n" for line in head), delimiter=delimiter)
    records: list[list[str]] = []
    try:
        for record in reader:
            if any(record):
                records.append(record)
            if len(records) >= _RECORDS:
                break
    except csv.Error:
        pass  # what was read so far tells enough
    return records
