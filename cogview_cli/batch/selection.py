"""Which rows of the sources are meant. Pure."""

from __future__ import annotations

from typing import NamedTuple

from cogview_cli.errors import UsageError
from cogview_cli.i18n import _


class Selection(NamedTuple):
    """Which rows are meant: from `start` (from 1), at most `limit`, one shard of several."""

    start: int = 1
    limit: int | None = None
    shard: tuple[int, int] = (1, 1)
    dedupe: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether no row is left out but for one that repeats another."""
        return self.start == 1 and self.limit is None and self.shard == (1, 1)

    def holds(self, index: int, content: bytes, before: int) -> bool:
        """Whether a row is meant; `before`: images of its content in earlier rows.

        A shard is chosen by content, so that it stays the same when lines move.
        """
        number, shards = self.shard
        last = self.start + self.limit if self.limit is not None else None
        if index < self.start or (last is not None and index >= last):
            return False
        if self.dedupe and before:
            return False
        return int.from_bytes(content[:8]) % shards == number - 1


def parse_shard(text: str | None) -> tuple[int, int]:
    """`I/N` with I from 1 to N; UsageError otherwise."""
    if text is None:
        return 1, 1
    left, _slash, right = text.partition("/")
    if left.isdecimal() and right.isdecimal() and 1 <= int(left) <= int(right):
        return int(left), int(right)
    raise UsageError(
        _("--shard '{text}' is not I/N", text=text),
        hint=_("shards count from 1: --shard 1/4 … 4/4"),
    )
