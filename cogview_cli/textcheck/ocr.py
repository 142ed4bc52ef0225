"""RapidOCR at one picture. Only the worker imports this, for it takes a second and 300 MB."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class Ocr:
    """The models, loaded once."""

    def read(self, path: Path, reduced: bool) -> dict[str, Any]:
        """The answer to a request: `blocks` as [text, box, confidences], and `reduced`."""
        raise NotImplementedError
