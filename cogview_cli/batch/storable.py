"""Values as a plan keeps them in SQLite. Pure."""

from __future__ import annotations

import json


def place_of(file: str, line: int) -> str:
    """`prompts.csv:37`."""
    return f"{file}:{line}"


def to_text(value: object) -> str:
    """A value as JSON."""
    return storable(json.dumps(value, ensure_ascii=False, default=str))


def storable(text: str) -> str:
    """Text that SQLite can keep: bytes of a file name that are no text are escaped."""
    return text.encode("utf-8", "backslashreplace").decode()
