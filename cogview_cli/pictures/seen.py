"""Whether a saved picture is still there as it was saved."""

from __future__ import annotations

import hashlib
import os
import stat
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
    file = saved["file"]
    try:
        status = os.stat(file)
        if not stat.S_ISREG(status.st_mode):
            return Seen.MISSING
        whole = status.st_size == saved.get("bytes", status.st_size)
        if whole and (not verify or sha256(Path(file)) == saved.get("sha256")):
            return Seen.WHOLE
    except (OSError, ValueError):  # ValueError: a name that none can have
        return Seen.MISSING
    return Seen.CHANGED if _is_picture(Path(file)) else Seen.BROKEN


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
