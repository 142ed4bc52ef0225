"""How much is measured: all of it, or a quick look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Rounds of start-up, images a batch by its slots, prompts of growth, rows, queued requests."""

    rounds: int
    batches: Mapping[int, int]
    growth: tuple[int, ...]
    ledger_rows: int
    many_slots: int
    many_images: int
    queue_lines: int
    queue_results: int

    @property
    def words(self) -> str:
        """The sizes in a line."""
        batches = ", ".join(
            f"{images} with {slots} slots" for slots, images in self.batches.items()
        )
        return (
            f"start-up: medians of {self.rounds} interleaved rounds; batches: {batches},"
            " generation 0.5 s ± 40 %, download 0.2 s, pictures of 1.5 MB;"
            f" {self.many_slots} slots: {self.many_images} images, generation 5 s ± 40 %"
        )


FULL = Sizes(
    rounds=15,
    batches={5: 200, 20: 800},
    growth=(100, 1000, 10_000),
    ledger_rows=100_000,
    many_slots=500,
    many_images=2000,
    queue_lines=1_000_000,
    queue_results=50_000,
)
QUICK = Sizes(
    rounds=3,
    batches={5: 20, 20: 80},
    growth=(20, 200),
    ledger_rows=5000,
    many_slots=100,
    many_images=200,
    queue_lines=20_000,
    queue_results=2000,
)
