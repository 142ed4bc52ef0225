"""The place among lines of text where a wanted text stands with the fewest edits. Pure.

A text may begin and end anywhere in a line, and go on from the end of one line at the beginning
of any other; no line is used twice. Two passes: an exact one, which settles most pictures, and an
edit distance over all lines at once that keeps a few ways of reaching each place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cogview_cli.textcheck.line import Line

# Equal numbers of edits are told apart so: rather one character too many than a wrong one, rather a
# wrong one beside the last than one from somewhere else, and that rather than none.
_DROP, _EXTRA = 1.01, 0.999
_NEAR, _FAR = 0.001, 0.02
# Ways kept for one place, which differ in the lines they have used up.
_WAYS = 3
# How far the exact pass goes before it leaves the rest to the other.
_EXACT_STEPS, _EXACT_DEPTH = 20_000, 200


class Edit(NamedTuple):
    """One step of an alignment: `wanted`, a place in the wanted text, against `at` in a line.

    -1 stands for nothing on that side: a wanted character that is not there, or one too many.
    """

    wanted: int
    line: int
    at: int
    equal: bool


class _Way(NamedTuple):
    """How a place was reached: cost, the lines used (bits), and the steps, last first."""

    cost: float
    used: int
    steps: tuple[_Way, Edit] | None


_Place = tuple[int, int]
_Layer = dict[_Place, list[_Way]]


def align(wanted: str, lines: Sequence[Line]) -> list[Edit]:
    """The edits from `wanted` (plain, not empty) to its best place; equal characters included."""
    lines = list(lines)
    exact = _Exact(wanted, lines).found()
    if exact is not None:
        return exact
    return _Nearest(wanted, lines).found()


class _Exact:
    """Looks for a place that needs no edit, depth first."""

    def __init__(self, wanted: str, lines: list[Line]) -> None:
        self._wanted, self._lines = wanted, lines
        self._texts = [tuple(letter.plain for letter in line.letters) for line in lines]
        self._joined = ["".join(text) for text in self._texts]
        self._dead: set[tuple[int, tuple[str, ...]]] = set()
        self._left = _EXACT_STEPS

    def found(self) -> list[Edit] | None:
        """The edits, all of them equal; None if there is no such place, or none found in time."""
        for number, text in enumerate(self._joined):
            for start in range(len(text)):
                pieces = self._from(number, start)
                if pieces is not None:
                    return [edit for piece in pieces for edit in piece]
        return None

    def _from(self, number: int, start: int) -> list[list[Edit]] | None:
        if _cut_number(self._lines[number], start):
            return None
        return self._piece(0, frozenset(), number, start)

    def _piece(
        self, at: int, used: frozenset[int], number: int, start: int
    ) -> list[list[Edit]] | None:
        """The rest of the text from `at`, going on at `start` of a line."""
        line, text = self._lines[number], self._joined[number]
        length = min(len(text) - start, len(self._wanted) - at)
        if not length or text[start : start + length] != self._wanted[at : at + length]:
            return None
        edits = [Edit(at + k, number, start + k, True) for k in range(length)]
        if at + length == len(self._wanted):
            return None if _cut_number(line, start + length) else [edits]
        rest = self._rest(at + length, used | {number})
        return None if rest is None else [edits, *rest]

    def _rest(self, at: int, used: frozenset[int]) -> list[list[Edit]] | None:
        state = at, tuple(sorted(self._joined[number] for number in used))
        self._left -= 1
        if state in self._dead or self._left < 0 or len(used) > _EXACT_DEPTH:
            return None
        for number in range(len(self._lines)):
            if number not in used:
                pieces = self._piece(at, used, number, 0)
                if pieces is not None:
                    return pieces
        self._dead.add(state)
        return None


def _cut_number(line: Line, at: int) -> bool:
    """Whether a number of the line goes on across `at`: 38 is not what stands in 138."""
    return at < len(line.letters) and line.letters[at].in_number


class _Nearest:
    """The edit distance, one layer of places for each wanted character."""

    def __init__(self, wanted: str, lines: list[Line]) -> None:
        self._wanted, self._lines = wanted, lines

    def found(self) -> list[Edit]:
        """The edits with the fewest that are not equal."""
        layer = self._begin()
        for at in range(len(self._wanted)):
            layer = self._next(at, layer)
        ends = [self._ended(place, ways[0]) for place, ways in layer.items()]
        best = min(ends, key=lambda way: way.cost, default=None)
        edits = list(_edits(best)) if best else []
        found = {edit.line for edit in edits if edit.equal}
        near = {line + step for line in found for step in (-1, 0, 1)}
        kept = [edit if edit.line in near else _dropped(edit) for edit in edits]
        if not found:
            return [Edit(at, -1, -1, False) for at in range(len(self._wanted))]
        return [edit for edit in kept if edit.wanted >= 0 or edit.line >= 0]

    def _begin(self) -> _Layer:
        """Anywhere; a number that is cut has digits too many."""
        layer: _Layer = {}
        for number, line in enumerate(self._lines):
            for at in range(len(line.letters)):
                way = _Way(0.0, 1 << number, None)
                if self._wanted[0].isdecimal():
                    for extra in range(_number_begin(line, at), at):
                        way = _step(way, _EXTRA, Edit(-1, number, extra, False))
                layer[number, at] = [way]
        return layer

    def _ended(self, place: _Place, way: _Way) -> _Way:
        number, at = place
        line = self._lines[number]
        if self._wanted[-1].isdecimal():
            while _cut_number(line, at):
                way = _step(way, _EXTRA, Edit(-1, number, at, False))
                at += 1
        return way

    def _next(self, at: int, layer: _Layer) -> _Layer:
        """The places after one more wanted character."""
        self._insert(layer)
        self._jump(layer)
        self._insert(layer)
        after: _Layer = {}
        for (number, k), ways in layer.items():
            letters = self._lines[number].letters
            for way in ways:
                _keep(after, (number, k), _step(way, _DROP, Edit(at, -1, -1, False)))
                if k < len(letters):
                    equal = letters[k].plain == self._wanted[at]
                    edit = Edit(at, number, k, equal)
                    _keep(after, (number, k + 1), _step(way, 0.0 if equal else 1.0, edit))
        return after

    def _insert(self, layer: _Layer) -> None:
        """One character too many, inside a line, as often as it pays."""
        for number, line in enumerate(self._lines):
            for k in range(len(line.letters)):
                for way in layer.get((number, k), ()):
                    if way.steps:
                        step = _step(way, _EXTRA, Edit(-1, number, k, False))
                        _keep(layer, (number, k + 1), step)

    def _jump(self, layer: _Layer) -> None:
        """From the end of a line to the beginning of each other one."""
        ends = [
            (way, number)
            for number, line in enumerate(self._lines)
            for way in layer.get((number, len(line.letters)), ())
            if way.steps
        ]
        for target, line in enumerate(self._lines):
            for way, number in ends:
                if line.letters and not way.used >> target & 1:
                    cost = way.cost + (_NEAR if abs(target - number) == 1 else _FAR)
                    _keep(layer, (target, 0), _Way(cost, way.used | 1 << target, way.steps))


def _dropped(edit: Edit) -> Edit:
    """Nothing in place of a character from a line that has nothing to do with the text."""
    return Edit(edit.wanted, -1, -1, False)


def _number_begin(line: Line, at: int) -> int:
    while _cut_number(line, at):
        at -= 1
    return at


def _step(way: _Way, cost: float, edit: Edit) -> _Way:
    return _Way(way.cost + cost, way.used, (way, edit))


def _keep(layer: _Layer, place: _Place, way: _Way) -> None:
    """Adds a way to a place if it is among the best there."""
    ways = layer.setdefault(place, [])
    for other in ways:
        if other.used == way.used:
            if way.cost < other.cost:
                ways.remove(other)
                break
            return
    ways.append(way)
    ways.sort(key=lambda each: each.cost)
    del ways[_WAYS:]


def _edits(way: _Way) -> Iterator[Edit]:
    steps: list[Edit] = []
    while way.steps:
        way, edit = way.steps
        steps.append(edit)
    return reversed(steps)
