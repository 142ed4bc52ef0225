"""Text as it is compared: NFKC, without blanks, punctuation, pictographs and letter case. Pure."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import NamedTuple

_DROPPED = frozenset("~|^`´¨¯¸")
_VARIANTS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))


class Letter(NamedTuple):
    """One compared character: its plain form, and the number of the character it came from."""

    plain: str
    source: int


def letters(text: str) -> tuple[Letter, ...]:
    """The characters of `text` that are compared, in order."""
    return tuple(Letter(part, at) for at, char in enumerate(text) for part in _plain(char))


def plain(text: str) -> str:
    """`text` as it is compared: `"Ｈello, 世界！"` → `"hello世界"`."""
    return "".join(letter.plain for letter in letters(composed(text)))


def composed(text: str) -> str:
    """`text` with its accents on their letters (NFC), so that each is one character."""
    return unicodedata.normalize("NFC", text)


@lru_cache(maxsize=8192)
def _plain(char: str) -> str:
    return "".join(part for part in unicodedata.normalize("NFKC", char).casefold() if _kept(part))


def _kept(char: str) -> bool:
    """Letters, marks and digits, and the signs of money and sums."""
    kind = unicodedata.category(char)
    if kind[0] in "LN" or kind in ("Sc", "Sm"):
        return char not in _DROPPED
    return kind in ("Mn", "Mc") and not any(ord(char) in variants for variants in _VARIANTS)
