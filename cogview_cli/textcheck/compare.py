"""Wanted text against what was read off a picture, each text at its best place. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise
from typing import Any, NamedTuple

from cogview_cli.textcheck.alignment import Edit, align
from cogview_cli.textcheck.line import POINT, Line, in_reading_order, line_of, number_mark
from cogview_cli.textcheck.plain import composed, letters
from cogview_cli.textcheck.reading import Block

# A character read with less confidence is doubtful: it may be none at all.
DOUBTFUL_BELOW = 0.8
# Another look takes back a wrong character only if it is this sure of the wanted one.
SURE = 0.9
# And these, where nothing was seen at first, only if it is surer still: a scratch looks like them.
_STROKES = frozenset("一二丨1il")
SURE_OF_STROKE = 0.95


class TextResult(NamedTuple):
    """How the text of one picture compares with what was wanted.

    `found`: what stands at the best place of each wanted text, `""` where nothing does.
    `missing`: the wrong characters: "宝→室" where 室 stands for 宝, "宝" where nothing does, "→室"
    for one too many. `doubtful`: wanted characters that were read with low confidence, and "."
    for a decimal point that only one of the texts has.
    `score`: 0 to 1, 1 minus the edits a character, the mean over the wanted texts.
    `ok`: nothing wanted is wrong (nor doubtful, if that was to count).
    """

    wanted: tuple[str, ...]
    found: tuple[str, ...]
    missing: tuple[str, ...]
    doubtful: tuple[str, ...]
    score: float
    ok: bool

    def record(self) -> dict[str, Any]:
        """The object `text` of JSON lines and sidecars."""
        lists = {name: list(getattr(self, name)) for name in self._fields[:4]}
        return {**lists, "score": self.score, "ok": self.ok}

    def judged(self, *, strict: bool) -> TextResult:
        """The same, with doubtful characters counted as wrong or not."""
        return self._replace(ok=not self.missing and not (strict and self.doubtful))

    @classmethod
    def of_record(cls, record: object) -> TextResult | None:
        """What `record()` wrote; None for anything else."""
        if not isinstance(record, dict):
            return None
        lists = [record.get(name) for name in cls._fields[:4]]
        score, ok = record.get("score"), record.get("ok")
        if not all(map(_is_texts, lists)) or not _is_share(score) or not isinstance(ok, bool):
            return None
        wanted, found, missing, doubtful = (tuple(each or ()) for each in lists)
        return cls(wanted, found, missing, doubtful, float(score or 0), ok)


class _Match(NamedTuple):
    """One wanted text at its best place among the lines of one look."""

    text: str
    lines: Sequence[Line]
    edits: Sequence[Edit]

    @property
    def wrong(self) -> list[Edit]:
        return [edit for edit in self.edits if not edit.equal]

    @property
    def score(self) -> float:
        """1 minus the edits a wanted character, 0 at least."""
        return max(0.0, 1 - len(self.wrong) / len(letters(self.text)))

    def confidence(self, edit: Edit) -> float:
        """How sure the reader was of what stands there; 0 where nothing does."""
        return self.lines[edit.line].letters[edit.at].confidence if edit.line >= 0 else 0.0

    def doubtful(self) -> list[str]:
        """The wanted characters that are there, read with low confidence, and lost points."""
        doubts = (e for e in self.edits if e.equal and self.confidence(e) < DOUBTFUL_BELOW)
        unsure = [self.text[letters(self.text)[edit.wanted].source] for edit in doubts]
        return [*unsure, *self._points()]

    def _points(self) -> Iterator[str]:
        """A point for each place in a number where only one of the two texts has one.

        Points are not compared: 38.00 equals 3800, which is another price.
        """
        places = letters(self.text)
        for first, second in pairwise(self.edits):
            if not (first.equal and second.equal and _are_neighbours(first, second)):
                continue
            line = self.lines[first.line]
            sources = [places[edit.wanted].source for edit in (first, second)]
            asked = number_mark(self.text, *sources)
            there = number_mark(line.text, *(line.letters[e.at].source for e in (first, second)))
            if POINT in (asked, there) and "" in (asked, there):
                yield POINT

    def takes_back(self, earlier: _Match) -> bool:
        """Whether this look is better, and sure of each character that another found wrong."""
        if len(self.wrong) >= len(earlier.wrong):
            return False
        read = {e.wanted: self.confidence(e) for e in self.edits if e.equal}
        return all(read.get(edit.wanted, 1.0) >= earlier.enough(edit) for edit in earlier.wrong)

    def enough(self, edit: Edit) -> float:
        """The confidence in the wanted character that takes back something wrong."""
        if edit.line >= 0:
            return max(SURE, self.confidence(edit))
        return SURE_OF_STROKE if letters(self.text)[edit.wanted].plain in _STROKES else 0.0

    def confirms(self, earlier: _Match) -> bool:
        """Whether this look finds the same wrong, and is surer of it."""
        return [_named(self, edit) for edit in self.wrong] == [
            _named(earlier, edit) for edit in earlier.wrong
        ] and self.sureness > earlier.sureness

    @property
    def sureness(self) -> float:
        """The least confidence in what is wrong; 1 where nothing is."""
        return min(map(self.confidence, self.wrong), default=1.0)


class Comparison:
    """Wanted texts against one look at a picture after the other.

    Of each text the first look counts, unless a later one finds less wrong and is sure of it, or
    finds the same wrong and is surer.
    """

    def __init__(self, wanted: Sequence[str]) -> None:
        """`wanted`: not empty."""
        self._wanted = tuple(wanted)
        self._matches: list[_Match] = []

    def add(self, look: Iterable[Block]) -> None:
        """One more look, in any order of its blocks."""
        lines = in_reading_order(line_of(block) for block in look)
        if not self._matches:
            self._matches = [_match(composed(text), lines) for text in self._wanted]
            return
        for number, match in enumerate(self._matches):
            if match.wrong:
                other = _match(match.text, lines)
                counts = other.takes_back(match) or other.confirms(match)
                self._matches[number] = other if counts else match

    @property
    def uncertain(self) -> bool:
        """Whether another look could take back something wrong."""
        return any(match.sureness < SURE for match in self._matches)

    def result(self, *, strict: bool = False) -> TextResult:
        """What the looks so far, at least one, add up to. `strict`: doubtful counts as wrong."""
        matches = self._matches
        return TextResult(
            wanted=self._wanted,
            found=tuple(_found(match) for match in matches),
            missing=tuple(_named(match, edit) for match in matches for edit in match.wrong),
            doubtful=tuple(chain.from_iterable(match.doubtful() for match in matches)),
            score=round(sum(match.score for match in matches) / len(matches), 4),
            ok=False,
        ).judged(strict=strict)


def compare(
    wanted: Sequence[str], looks: Iterable[Iterable[Block]], *, strict: bool = False
) -> TextResult:
    """Compares what was read in one or more looks at a picture with the wanted texts."""
    comparison = Comparison(wanted)
    for look in looks:
        comparison.add(look)
    return comparison.result(strict=strict)


def _are_neighbours(first: Edit, second: Edit) -> bool:
    """Whether two characters follow each other in both texts."""
    one = (first.line, first.wanted + 1, first.at + 1)
    return one == (second.line, second.wanted, second.at)


def _match(text: str, lines: Sequence[Line]) -> _Match:
    plain = "".join(letter.plain for letter in letters(text))
    return _Match(text, lines, align(plain, lines))


def _named(match: _Match, edit: Edit) -> str:
    """A wrong character and what stands there: `宝→室`, `宝`, `→室`."""
    text = match.text
    asked = text[letters(text)[edit.wanted].source] if edit.wanted >= 0 else ""
    there = match.lines[edit.line].shown(edit.at) if edit.line >= 0 else ""
    return f"{asked}→{there}" if there else asked


def _found(match: _Match) -> str:
    """The text between the first and the last character of each line that was used."""
    spans: dict[int, list[int]] = {}
    if any(edit.equal for edit in match.edits):
        for edit in match.edits:
            if edit.line >= 0:
                spans.setdefault(edit.line, []).append(edit.at)
    return _joined(match.lines[line].between(min(at), max(at)) for line, at in spans.items())


def _joined(pieces: Iterable[str]) -> str:
    """Pieces in a row; a blank between Latin letters or digits."""
    whole = ""
    for piece in pieces:
        apart = whole[-1:].isascii() and piece[:1].isascii() and whole
        whole += f" {piece}" if apart else piece
    return whole


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
