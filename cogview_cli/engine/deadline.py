"""`--deadline`: when the process must have ended, and what can still be sent before."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from urllib.parse import urlsplit

from cogview_cli.api.models import expected_seconds
from cogview_cli.config.settings import Settings
from cogview_cli.config.value_types import TIMEOUT
from cogview_cli.errors import ExitCode, UsageError
from cogview_cli.i18n import _
from cogview_cli.net.addresses import is_loopback
from cogview_cli.outcome import Problem

CODE = "deadline"
# What closing the ledger, reports and the interpreter take: so much, or a part of a short time.
RESERVE_SECONDS, RESERVE_PART = 2.0, 0.2
# The next picture may take longer than the slowest of so many before it, by so much.
REMEMBERED = 20
SLACK = 1.5


class Deadline:
    """So many seconds from now, or none. One object for each run."""

    def __init__(
        self,
        seconds: float | None = None,
        *,
        vendor: bool = False,
        resumes: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`vendor`: pictures take as long as the vendor says until the first one is here.

        `resumes`: the same command again goes on where this run ends.
        """
        self.seconds, self._vendor, self._resumes, self._now = seconds, vendor, resumes, now
        self._took: deque[float] = deque(maxlen=REMEMBERED)
        reserve = min(RESERVE_SECONDS, RESERVE_PART * (seconds or 0))
        self._end = None if seconds is None else now() + seconds - reserve

    @property
    def left(self) -> float | None:
        """Seconds until what is in flight is given up; None for no deadline."""
        return None if self._end is None else max(0.0, self._end - self._now())

    @property
    def left_to_send(self) -> float | None:
        """Seconds until no other picture like those before can end in time."""
        return None if self.left is None else max(0.0, self.left - self._expected)

    @property
    def _expected(self) -> float:
        return SLACK * max(self._took, default=0.0)

    def took(self, seconds: float) -> None:
        """A picture took so long, from its slot to the disk."""
        self._took.append(seconds)

    def fits(self, model: str, quality: str | None) -> bool:
        """Whether a picture that is asked for now is expected in time."""
        if self.left is None:
            return True
        said = expected_seconds(model, quality) if self._vendor and not self._took else None
        return self.left > (said[1] if said else self._expected)

    def problem(self) -> Problem:
        """Why something was not sent."""
        return Problem(
            code=CODE,
            message=_(
                "not sent: too little time is left before --deadline {seconds}",
                seconds=f"{self.seconds:g}",
            ),
            exit_code=ExitCode.TEMPORARY,
            retryable=True,
            hint=_("the same command again does the rest")
            if self._resumes and self._took
            else _("give it more time: --deadline SECONDS"),
        )


NONE = Deadline()


def deadline_of(text: str | None, settings: Settings, *, resumes: bool = False) -> Deadline:
    """The deadline that was typed, for a run with these settings; it begins now."""
    if text is None:
        return NONE
    host = urlsplit(settings.base_url).hostname or ""
    vendor = not settings.sandbox and not is_loopback(host)
    return Deadline(seconds_of(text), vendor=vendor, resumes=resumes)


def seconds_of(text: str) -> float:
    """The seconds that were typed after --deadline; UsageError for what is none."""
    try:
        return float(str(TIMEOUT.parse(text)))
    except ValueError as error:
        raise UsageError(
            f"--deadline: {error}", hint=_("seconds, such as: --deadline 100")
        ) from None
