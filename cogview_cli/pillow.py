"""Pillow without a word of its own on stderr.

It has opinions on the metadata of a file, and says them by `warnings` and `logging`. Both are
silenced for the whole process: `warnings.catch_warnings` is not for one thread alone.
"""

from __future__ import annotations

import logging
import re
import threading
import warnings
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

# Of the formats that pictures are saved in, those that Pillow may have a decoder for: not HEIC.
DECODERS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
_MODULES = r"PIL(\.|$)"
_FILTER = ("ignore", None, Warning, re.compile(_MODULES), 0)
_NOWHERE = logging.NullHandler()
_adding = threading.Lock()


def open_image(
    source: Path | str | IO[bytes], formats: tuple[str, ...] | None = None
) -> Image.Image:
    """`Image.open`, and silence from then on. Raises what that raises."""
    from PIL import Image

    _silence()
    return Image.open(source, formats=formats)


def _silence() -> None:
    logging.getLogger("PIL").addHandler(_NOWHERE)
    with _adding:
        # To add it once more would take it away for a moment.
        if _FILTER not in warnings.filters:
            warnings.filterwarnings("ignore", module=_MODULES)
