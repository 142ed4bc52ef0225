"""What rows probably do not mean: counted while they are read, one warning of each kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cogview_cli.api.prompt_length import may_be_cut
from cogview_cli.api.ratios import is_far
from cogview_cli.batch.plan import Plan
from cogview_cli.batch.row import RowRequest
from cogview_cli.i18n import _n
from cogview_cli.terminal.text import clean


@dataclass(slots=True)
class Doubt:
    """How many rows give rise to it, the number of the first one, and what that says."""

    count: int = 0
    index: int = 0
    text: str = ""

    def note(self, index: int, text: str = "") -> None:
        """One more row."""
        if not self.count:
            self.index, self.text = index, text
        self.count += 1


@dataclass(slots=True)
class Doubts:
    """The kinds: prompts that may be cut, texts that no prompt asks for, ratios not to be had."""

    long: Doubt = field(default_factory=Doubt)
    unasked: Doubt = field(default_factory=Doubt)
    far: Doubt = field(default_factory=Doubt)

    def look(self, row: RowRequest) -> None:
        """Takes down what is doubtful about a row."""
        request = row.request
        if may_be_cut(request.model, request.prompt):
            self.long.note(row.index)
        if is_far(row.asked_size, request.size):
            self.far.note(row.index, f"{row.asked_size} → {request.size}")
        if row.wanted:
            self._look_for_text(row, row.wanted)

    def _look_for_text(self, row: RowRequest, wanted: Sequence[str]) -> None:
        from cogview_cli.textcheck.wanted import unasked  # seldom asked for

        if missing := unasked(row.request.prompt, wanted):
            self.unasked.note(row.index, missing[0])

    def lines(self, plan: Plan) -> Iterator[str]:
        """A warning for each kind that there was."""
        if self.long.count:
            yield _long(self.long, plan)
        if self.far.count:
            yield _far(self.far, plan)
        if self.unasked.count:
            yield _unasked(self.unasked, plan)


def _long(found: Doubt, plan: Plan) -> str:
    return _n(
        "{count} prompt is longer than the model may read to the end: {place}",
        "{count} prompts are longer than the model may read to the end, the first is {place}",
        found.count,
        place=plan.place(found.index),
    )


def _far(found: Doubt, plan: Plan) -> str:
    return _n(
        "{count} row asks for a ratio that no size of its model comes near: {place}, {text}",
        "{count} rows ask for ratios that no size of their model comes near:"
        " the first is {place}, {text}",
        found.count,
        place=plan.place(found.index),
        text=found.text,
    )


def _unasked(found: Doubt, plan: Plan) -> str:
    return _n(
        "{count} prompt does not hold the text wanted, so the model cannot know it:"
        " {place}, '{text}'",
        "{count} prompts do not hold the text wanted, so the model cannot know it:"
        " the first is {place}, '{text}'",
        found.count,
        place=plan.place(found.index),
        text=clean(found.text, 60),
    )
