"""How a table is written: its delimiter, found in the first records. Pure."""

from __future__ import annotations

import csv
from collections.abc import Sequence

from cogview_cli.sources.columns import PROMPT_NAMES, normal

DELIMITERS = ",;\t|"
_RECORDS = 50


# `text` or `caption` may well be a tag in prose; these are column names and nothing else.
_TELLING = frozenset(name for name in PROMPT_NAMES if "prompt" in name or name.startswith("提示"))


def find_delimiter(head: Sequence[str]) -> str:
    """The delimiter that cuts the first lines most evenly; a comma if none cuts."""
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
    return len(names) > 1 and short and not _TELLING.isdisjoint(names)


def _score(head: Sequence[str], delimiter: str) -> tuple[bool, bool, float, int]:
    """Cuts the header; finds a prompt in it; how many records are as wide; how wide."""
    records = _records(head, delimiter)
    if not records:
        return False, False, 0.0, 0
    width = len(records[0])
    named = not PROMPT_NAMES.isdisjoint(map(normal, records[0]))
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
