"""What was measured, as lines of a table. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

Unit = Callable[[float], str]


def times(value: float) -> str:
    """A ratio."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def number(value: float) -> str:
    """A size, a time or a count."""
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measurement: ours, what we want, what others have. Less is better unless `more`."""

    what: str
    ours: float
    goal: float | None = None
    others: Mapping[str, float] = field(default_factory=dict)
    unit: Unit = times
    more: bool = False

    @property
    def reached(self) -> bool:
        """Whether the goal is met, as far as there is one."""
        return self.goal is None or not self.beats(self.goal, self.ours)

    def beats(self, one: float, other: float) -> bool:
        """Whether `one` is better than `other`, as both are shown."""
        one, other = float(self.unit(one)), float(self.unit(other))
        return one > other if self.more else one < other


def line(runs: Sequence[Figure]) -> str:
    """A row of the Markdown table from the same figure of each run.

    Ours stand there run by run, and so do goals that differ; others have their median. Who
    beats our median is bold.
    """
    first = runs[0]
    missed = "" if all(figure.reached for figure in runs) else " (missed)"
    ours = ", ".join(first.unit(figure.ours) for figure in runs) + missed
    middle = median(figure.ours for figure in runs)
    beside = []
    for name in first.others:
        value = median(figure.others[name] for figure in runs)
        text = f"{name} {first.unit(value)}"
        beside.append(f"**{text}**" if first.beats(value, middle) else text)
    return f"| {first.what} | {ours} | {_goal(runs)} | {', '.join(beside)} |"


def _goal(runs: Sequence[Figure]) -> str:
    """Once if it is the same in all runs; a goal that others set differs from run to run."""
    goals = [runs[0].unit(figure.goal) for figure in runs if figure.goal is not None]
    if not goals:
        return ""
    shown = goals[:1] if len(set(goals)) == 1 else goals
    return f"{'≥' if runs[0].more else '≤'} {', '.join(shown)}"
