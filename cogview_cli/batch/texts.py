"""The text on the pictures of a batch: what is decided about it before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from cogview_cli.batch.item import Item
from cogview_cli.batch.options import BatchOptions
from cogview_cli.batch.plan import Plan
from cogview_cli.batch.previous_run import PreviousRun
from cogview_cli.batch.resume import Action, Decision
from cogview_cli.engine.failure import of_retake, unknown_before
from cogview_cli.ledger import Entry
from cogview_cli.ledger.takes import (
    TextRules,
    lost_take,
    outlook,
    results_of,
    takes_left,
    takes_of,
)
from cogview_cli.outcome import WITH_IMAGE, Outcome
from cogview_cli.pictures import sidecar
from cogview_cli.textcheck.compare import TextResult

# Nothing is paid for pictures that a sidecar alone knows: nobody can say how many there were.
_NOT_AGAIN = 0


class _Todo(NamedTuple):
    """What is decided about the text of one item, and how many more takes there may be."""

    action: Action
    retakes: int


class TextPlan:
    """What the text on its pictures means for the items of a plan."""

    def __init__(self, options: BatchOptions, previous: PreviousRun) -> None:
        self._options, self._previous = options, previous

    def decide(self, plan: Plan) -> None:
        """Which pictures that are there are read, and how many takes there may be of each."""
        for chunk in plan.with_text():
            entries = self._entries(chunk)
            todo = [(item, self._todo(item, entries.get(item.key, []))) for item in chunk]
            plan.decide_takes((*found, item.number) for item, found in todo)

    def _entries(self, items: Sequence[Item]) -> dict[str, list[Entry]]:
        ledger = self._previous.ledger
        keys = [item.key for item in items]
        return ledger.by_key(self._previous.namespace, keys) if ledger else {}

    def _todo(self, item: Item, entries: Sequence[Entry]) -> _Todo:
        action, rules = Action(item.action), self.rules(item)
        takes = takes_of(entries)
        if action == Action.SEND:
            return _Todo(action, rules.retakes)
        if action == Action.FETCH:
            return _Todo(action, takes_left(takes, rules))
        if action != Action.DONE:
            return _Todo(action, 0)
        if any(entry.files for entry in takes):
            open_, left = outlook(takes, rules)
            return _Todo(Action.READ if open_ else action, left)
        found = self._previous.decision(item)
        read = found.image and _beside(found.image, rules)
        unread = found.action == Action.DONE and not read
        return _Todo(Action.READ if unread else action, _NOT_AGAIN)

    def rules(self, item: Item) -> TextRules:
        """What is asked of the text of an item's picture."""
        assert item.wanted is not None
        return self._options.text_rules(item.wanted)

    def settled(self, plan: Plan) -> Iterator[Outcome]:
        """The outcomes of items that need nothing more, with what was read of them."""
        for item, found, outcome in self._previous.outcomes(plan):
            yield self._with_text(item, found, outcome)

    def _with_text(self, item: Item, found: Decision, outcome: Outcome) -> Outcome:
        if outcome.status not in WITH_IMAGE or found.action != Action.DONE:
            return outcome
        if item.wanted is None:
            return outcome._replace(checked=True)
        rules = self.rules(item)
        results = results_of(found.entry, rules) if found.entry else ()
        if not results:
            beside = [_beside(file.file, rules) for file in outcome.files]
            results = tuple(result for result in beside if result)
        if not results:
            return outcome
        told = outcome.with_texts([result.record() for result in results])
        return self._with_lost_take(item, rules, told) if told.wrong_text else told

    def _with_lost_take(self, item: Item, rules: TextRules, outcome: Outcome) -> Outcome:
        """A take that an earlier run has lost is told like any other request it has lost."""
        takes = takes_of(self._entries([item]).get(item.key, []))
        lost = lost_take(takes, rules)
        if lost is None:
            return outcome
        problem = unknown_before(str(lost.message or ""))
        return outcome._replace(problem=of_retake(problem, outcome.text))


def _beside(image: str, rules: TextRules) -> TextResult | None:
    """What the sidecar of a picture says of its text, if that was read."""
    try:
        content = sidecar.read(sidecar.sidecar_path(Path(image)))
    except (OSError, ValueError):
        return None
    found = TextResult.of_record(content.get("text"))
    if found is None or found.wanted != rules.wanted:
        return None
    return found.judged(strict=rules.strict)
