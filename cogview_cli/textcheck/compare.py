"""Wanted text against what was read off a picture, each text at its best place. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple

from cogview_cli.textcheck.alignment import Edit, align
from cogview_cli.textcheck.line import Line, in_reading_order, line_of
from cogview_cli.textcheck.plain import composed, letters
from cogview_cli.textcheck.reading import Block

# A character read with less confidence is doubtful: it may be none at all.
DOUBTFUL_BELOW = 0.8


class TextResult(NamedTuple):
    """How the text of one picture compares with what was wanted.

    `found`: what stands at the best place of each wanted text, `""` where nothing does.
    `missing`: the wrong characters: "宝→室" where 室 stands for 宝, "宝" where nothing does, "→室"
    for one too many. `doubtful`: wanted characters that were read with low confidence.
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
    """One wanted text at its best place; fewer edits, then fewer doubts sort first."""

    edits: int
    doubts: int
    found: str
    missing: tuple[str, ...]
    doubtful: tuple[str, ...]
    score: float


def compare(
    wanted: Sequence[str], looks: Iterable[Sequence[Block]], *, strict: bool = False
) -> TextResult:
    """Compares what was read in one or more looks at a picture with the wanted texts.

    Each text counts as it was read best. `strict`: doubtful characters count as wrong.
    """
    lines = [in_reading_order(line_of(block) for block in look) for look in looks]
    matches = [min(_match(text, look) for look in lines) for text in wanted]
    return TextResult(
        wanted=tuple(wanted),
        found=tuple(match.found for match in matches),
        missing=tuple(chain.from_iterable(match.missing for match in matches)),
        doubtful=tuple(chain.from_iterable(match.doubtful for match in matches)),
        score=round(sum(match.score for match in matches) / len(matches), 4),
        ok=False,
    ).judged(strict=strict)


def _match(text: str, lines: Sequence[Line]) -> _Match:
    """A wanted text at its best place among the lines."""
    text = composed(text)
    wanted = letters(text)
    edits = align("".join(letter.plain for letter in wanted), lines)
    wrong = [edit for edit in edits if not edit.equal]
    doubts = [edit for edit in edits if edit.equal and _confidence(edit, lines) < DOUBTFUL_BELOW]
    return _Match(
        edits=len(wrong),
        doubts=len(doubts),
        found=_found(edits, lines),
        missing=tuple(_named(edit, text, lines) for edit in wrong),
        doubtful=tuple(text[wanted[edit.wanted].source] for edit in doubts),
        score=max(0.0, 1 - len(wrong) / len(wanted)),
    )


def _named(edit: Edit, text: str, lines: Sequence[Line]) -> str:
    """A wrong character and what stands there: `宝→室`, `宝`, `→室`."""
    asked = text[letters(text)[edit.wanted].source] if edit.wanted >= 0 else ""
    there = lines[edit.line].shown(edit.at) if edit.line >= 0 else ""
    return f"{asked}→{there}" if there else asked


def _confidence(edit: Edit, lines: Sequence[Line]) -> float:
    return lines[edit.line].letters[edit.at].confidence


def _found(edits: Sequence[Edit], lines: Sequence[Line]) -> str:
    """The text between the first and the last character of each line that was used."""
    spans: dict[int, list[int]] = {}
    if any(edit.equal for edit in edits):
        for edit in edits:
            if edit.line >= 0:
                spans.setdefault(edit.line, []).append(edit.at)
    return _joined(lines[line].between(min(at), max(at)) for line, at in spans.items())


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
