"""Tells the user of a clock that is off. It decides nothing here, but names and dates show it."""

from __future__ import annotations

import time
from collections.abc import Callable

from cogview_cli.api.image_urls import server_date
from cogview_cli.api.protocol import Answer
from cogview_cli.i18n import _

ALLOWED_SECONDS = 300


class ClockWatch:
    """Compares this machine's clock with the servers', and says so once a run."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._told = False

    def warning(self, answer: Answer | None) -> str | None:
        """What to say after an answer that has just come, if anything."""
        date = server_date(answer.headers) if answer and not self._told else None
        if date is None or abs(away := self._now() - date) <= ALLOWED_SECONDS:
            return None
        self._told = True
        return _words(away)


def _words(away: float) -> str:
    minutes = f"{abs(away) / 60:.0f}"
    if away > 0:
        return _(
            "warning: this machine's clock is {minutes} minutes ahead of the server's;"
            " set it right",
            minutes=minutes,
        )
    return _(
        "warning: this machine's clock is {minutes} minutes behind the server's; set it right",
        minutes=minutes,
    )
