"""Whether a saved picture is still there as it was saved."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import Enum, auto
from pathlib import Path
from typing import Any


class Seen(Enum):
    """What is under the name of a saved picture."""

    WHOLE = auto()
    CHANGED = auto()  # another picture: somebody has edited it
    BROKEN = auto()  # no picture any more
    MISSING = auto()


def look(saved: Mapping[str, Any], *, verify: bool = False) -> Seen:
    """What became of a `SavedFile` record: its size counts, with `verify` its hash too."""
    path = Path(saved["file"])
    try:
        if not path.is_file():
            return Seen.MISSING
        size = path.stat().st_size
        whole = size == saved.get("bytes", size)
        if whole and (not verify or sha256(path) == saved.get("sha256")):
            return Seen.WHOLE
    except OSError:
        return Seen.MISSING
    return Seen.CHANGED if _is_picture(path) else Seen.BROKEN


def sha256(path: Path) -> str:
    """The hash of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_picture(path: Path) -> bool:
    from cogview_cli.pictures.verify import NotAnImage, TooLarge, check  # loads the decoder

    try:
        check(path)
    except (NotAnImage, TooLarge, OSError):
        return False
    return True
