"""The size of a page that is to be sent, as people type it. Pure."""

from __future__ import annotations

import math
import re

from cogview_cli.errors import UsageError
from cogview_cli.i18n import _

# Also after mail has made it a third larger, this is below what mail services take (20 MB).
DEFAULT = "10MB"
_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "ki": 1024, "mi": 1024**2, "gi": 1024**3}
_SIZE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(?:([kmg]i?)?(b)?)", re.ASCII | re.IGNORECASE)


def looks_like_size(text: str) -> bool:
    """Whether `text` is meant as a size; a folder's name is not."""
    return _SIZE.fullmatch(text.strip()) is not None


def read_size(text: str) -> int:
    """`8MB`, `8M`, `7.5 MiB`, `900kB` in bytes. UsageError for anything else."""
    match = _SIZE.fullmatch(text.strip())
    if not match or not (match[2] or match[3]):
        raise UsageError(
            _("--embed '{text}' is no size", text=text), hint=_("such as: --embed 8MB")
        )
    return int(float(match[1]) * _UNITS[(match[2] or "").lower()])


def shown_size(size: int) -> str:
    """A size rounded up, so that it is enough: `8.1MB`, `640kB`."""
    if size >= 10**6:
        return f"{math.ceil(size / 10**5) / 10:g}MB"
    return f"{math.ceil(size / 1000)}kB"
