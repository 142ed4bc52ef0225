"""Text for a terminal: foreign text made safe to show, widths, times."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable

SHOWN_LIMIT = 300

# Bidi controls and invisible format characters can reorder or hide what is shown.
# Compiled on first use, so that sending a request need not wait for it.
_UNSAFE = (
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
    "|[\U000e0000-\U000e007f]"
)
# What a line may end with: a word, or one wide character, with the marks that belong to it.
_PIECE = r" +|[“（「\[《]*(?:[^\s\u2e80-\uffef“”…]+|.)[，。；：、）！？”」…》,;!?)\]]*"


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    if char in "\n\r\t\u2028\u2029":
        return " "
    if ord(char) < 0x20:
        return "^" + chr(ord(char) + 0x40)
    return f"\\u{ord(char):04x}"


def clean(text: object, limit: int = SHOWN_LIMIT) -> str:
    """`text` on one line without control or bidi characters, cut to `limit` characters."""
    shown = re.sub(_UNSAFE, _escape, str(text)[: limit * 4])
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def json_safe(text: str) -> str:
    """JSON text with control and bidi characters escaped: equal data, harmless to show."""
    return re.sub(_UNSAFE, lambda match: json.dumps(match[0])[1:-1], text)


def cell_width(text: str) -> int:
    """Columns `text` takes on a terminal: two for a wide CJK character."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    marks = sum(unicodedata.combining(char) != 0 for char in text)
    return len(text) + wide - marks


def cut_cells(text: str, columns: int) -> str:
    """`text` cut with `…` to fit so many terminal columns."""
    if cell_width(text) <= columns:
        return text
    taken = 0
    for at, char in enumerate(text):
        taken += cell_width(char)
        if taken > columns - 1:
            return text[:at] + "…"
    return text + "…"


def clock(seconds: float | None) -> str:
    """`1:02:03`, `2:03`, or `?`."""
    if seconds is None:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def fold(text: str, columns: int, width: Callable[[str], int] = cell_width) -> list[str]:
    """`text` in lines of at most so many columns, Chinese too; only one long word is longer."""
    lines = [""]
    for piece in re.findall(_PIECE, text):
        if width(lines[-1] + piece.rstrip(" ")) > columns and lines[-1]:
            lines.append("")
        lines[-1] += piece if lines[-1] else piece.lstrip(" ")
    return [line.rstrip() for line in lines]
