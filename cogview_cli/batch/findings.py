"""What looking back at earlier runs has found that people should know. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cogview_cli.batch.resume import Action, Decision
from cogview_cli.i18n import _
from cogview_cli.ledger.marks import Mark

SHOWN = 5


@dataclass(slots=True)
class Findings:
    """Pictures that are not as they were saved, by what is done about them; marks to remove."""

    fetched: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    paid: list[str] = field(default_factory=list)
    stale: list[Path] = field(default_factory=list)

    def note(self, decision: Decision, mark: Mark | None) -> None:
        """Takes down what is out of the ordinary about one item."""
        by_action = {Action.FETCH: self.fetched, Action.DONE: self.kept, Action.SEND: self.paid}
        if decision.action in by_action:
            by_action[decision.action].extend(decision.spoilt[:1])
        if mark and decision.action in (Action.DONE, Action.REFUSED, Action.DROPPED):
            self.stale.append(mark.path)

    def warnings(self) -> Iterator[str]:
        """A line for each picture, the first few of each kind."""
        for path in _first(self.fetched):
            yield _("'{path}' is not as it was saved: fetched again beside it, free", path=path)
        for path in _first(self.kept):
            yield _(
                "'{path}' is not as it was saved and cannot be fetched any more; it is left so:"
                " delete it to have it made again",
                path=path,
            )
        for path in _first(self.paid):
            yield _(
                "'{path}' is damaged and cannot be fetched any more: made again, and paid",
                path=path,
            )


def _first(paths: list[str]) -> Iterator[str]:
    yield from paths[:SHOWN]
    if len(paths) > SHOWN:
        yield _("… and {count} more", count=len(paths) - SHOWN)
