"""What was measured, as lines of a table. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Unit = Callable[[float], str]


def times(value: float) -> str:
    """A ratio."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def number(value: float) -> str:
    """A size, a time or a count."""
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line: ours, what we want, and what others have. Less is better unless `more`."""

    what: str
    ours: float
    goal: float | None = None
    others: Mapping[str, float] = field(default_factory=dict)
    unit: Unit = times
    more: bool = False

    @property
    def reached(self) -> bool:
        """Whether the goal is met, as far as there is one."""
        return self.goal is None or not self._beats(self.goal, self.ours)

    def line(self) -> str:
        """A row of the Markdown table; who beats us is bold."""
        goal = "" if self.goal is None else f"{'≥' if self.more else '≤'} {self.unit(self.goal)}"
        beside = (self._shown(name, value) for name, value in self.others.items())
        ours = self.unit(self.ours) + ("" if self.reached else " (missed)")
        return f"| {self.what} | {ours} | {goal} | {', '.join(beside)} |"

    def _shown(self, name: str, value: float) -> str:
        text = f"{name} {self.unit(value)}"
        return f"**{text}**" if self._beats(value, self.ours) else text

    def _beats(self, one: float, other: float) -> bool:
        one, other = float(self.unit(one)), float(self.unit(other))
        return one > other if self.more else one < other
