"""The text that a picture should carry: given, or quoted in its prompt. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from cogview_cli.textcheck.plain import plain

_PAIRS = {
    "「": "」", "『": "』", "﹁": "﹂", "﹃": "﹄", "《": "》", "«": "»", "‘": "’", "“": "”",
}  # fmt: skip
_CLOSING = frozenset(_PAIRS.values())
_STRAIGHT = frozenset('"＂')
_DOUBLE = frozenset("“”") | _STRAIGHT
_CJK = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC")


class _Open(NamedTuple):
    """A quotation mark that waits for its end: where it stands, and the mark that ends it."""

    at: int
    closing: str


def wanted_texts(prompt: str, text: Sequence[str] | None = None) -> tuple[str, ...] | None:
    """The texts that the picture of `prompt` should carry; None where nothing can be judged.

    `text`: what `--text` or the row's `text` column says; it goes before the prompt, and
    `[""]` switches the check off. None or nothing: what the prompt puts in quotation marks,
    if it has at least two letters or one CJK character. Outer quotations hold inner ones.
    """
    found = [piece.strip() for piece in text] if text else _quoted(prompt)
    return tuple(_once(found)) or None


def unasked(prompt: str, wanted: Sequence[str]) -> list[str]:
    """The wanted texts that the prompt does not hold: only by chance will a picture carry them."""
    said = plain(prompt)
    return [text for text in wanted if plain(text) not in said]


def _once(texts: Iterable[str]) -> Iterator[str]:
    """Each text that has something to compare, the first time it is there."""
    seen = {""}
    for text in texts:
        if (compared := plain(text)) not in seen:
            seen.add(compared)
            yield text


def _quoted(prompt: str) -> list[str]:
    """The outermost quotations of `prompt` that are words, in order."""
    quotations = _Quotations(prompt).found()
    return [piece for piece in (prompt[a:b].strip() for a, b in quotations) if _is_words(piece)]


def _is_words(piece: str) -> bool:
    return any(map(_is_cjk, piece)) or sum(map(str.isalpha, piece)) >= 2


def _is_cjk(char: str) -> bool:
    return char.isalpha() and unicodedata.name(char, "").startswith(_CJK)


class _Quotations:
    """Finds the quotations of one prompt.

    Where the double marks “ and ” do not pair up (”so“, “so“, “so") each is taken for the end
    of the one before.
    """

    def __init__(self, prompt: str) -> None:
        self._prompt = prompt
        self._open: list[_Open] = []
        self._directed = _pairs_up(char for char in prompt if char in "“”")

    def found(self) -> list[tuple[int, int]]:
        """Beginning and end of the outermost quotations, without their marks."""
        spans = sorted(self._spans())
        outer: list[tuple[int, int]] = []
        for begin, end in spans:
            if not outer or begin >= outer[-1][1]:
                outer.append((begin, end))
        return outer

    def _spans(self) -> Iterator[tuple[int, int]]:
        for at, char in enumerate(self._prompt):
            begin = self._closes(at, char)
            if begin is not None:
                yield begin + 1, at
            elif closing := self._opens(at, char):
                self._open.append(_Open(at, closing))

    def _closes(self, at: int, char: str) -> int | None:
        """Where the quotation began that ends here; those left open inside it are none."""
        kind = self._kind(char)
        if (kind not in _CLOSING and kind not in _STRAIGHT) or _is_apostrophe(self._prompt, at):
            return None
        for depth in reversed(range(len(self._open))):
            if self._open[depth].closing == kind:
                begin = self._open[depth].at
                del self._open[depth:]
                return begin
        return None

    def _opens(self, at: int, char: str) -> str | None:
        """The mark that would end a quotation that begins here; None if none begins."""
        kind = self._kind(char)
        if kind in _STRAIGHT:
            return None if _is_inch(self._prompt, at) else kind
        return _PAIRS.get(kind)

    def _kind(self, char: str) -> str:
        """The mark, or `"` for one that says nothing of its direction."""
        undirected = char in _STRAIGHT or (char in _DOUBLE and not self._directed)
        return '"' if undirected else char


def _pairs_up(marks: Iterable[str]) -> bool:
    depth = 0
    for mark in marks:
        depth += 1 if mark == "“" else -1
        if depth < 0:
            return False
    return depth == 0


def _around(prompt: str, at: int) -> tuple[str, str]:
    return prompt[at - 1 : at] if at else "", prompt[at + 1 : at + 2]


def _is_apostrophe(prompt: str, at: int) -> bool:
    """Whether a ’ is part of a word (don’t) or begins one (’tis)."""
    if prompt[at] != "’":
        return False
    before, after = _around(prompt, at)
    return _is_latin(after) and (not before or before.isspace() or _is_latin(before))


def _is_latin(char: str) -> bool:
    return char.isalpha() and unicodedata.name(char, "").startswith("LATIN")


def _is_inch(prompt: str, at: int) -> bool:
    """Whether a straight mark behind a number means inches: 5'10" tall, a 6" phone."""
    before, after = _around(prompt, at)
    return before.isdigit() and not after.isalnum()
