"""Text with `{…}` holes, as names and prompts are made from. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator


class Holes:
    """A kind of template: what may stand between braces; `{{` and `}}` are literal ones."""

    def __init__(self, hole: str) -> None:
        """`hole` is the pattern of a hole's inside; its first group is the hole's name."""
        self._piece = re.compile(rf"\{{\{{|\}}\}}|\{{{hole}\}}|[{{}}]")

    def find(self, text: str) -> Iterator[re.Match[str]]:
        """The holes of `text`, in order."""
        return (piece for piece in self._piece.finditer(text) if piece[1] is not None)

    def has_stray_brace(self, text: str) -> bool:
        """Whether a brace of `text` is neither part of a hole nor doubled."""
        return any(piece[0] in ("{", "}") for piece in self._piece.finditer(text))

    def fill(self, text: str, value: Callable[[re.Match[str]], str]) -> str:
        """`text` with `value` in place of each hole."""
        return self._piece.sub(lambda m: m[0][0] if m[1] is None else value(m), text)


def escape_braces(text: str) -> str:
    """A template that is filled as `text`."""
    return text.replace("{", "{{").replace("}", "}}")
