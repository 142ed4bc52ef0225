"""Why an image is not here, and what to do about it. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from cogview_cli.i18n import _
from cogview_cli.i18n.stored_messages import Message, StoredError

# Growing waits between tries, in seconds, each cut by up to half so that many do not meet.
FIRST_WAIT, LONGEST_WAIT = 0.2, 15.0


# Hears that a download has failed and is tried again.
Stalled = Callable[[], None]
# Seconds to wait for what another run may get, and this one will not.
NOT_NOW = math.inf


class Arrived(NamedTuple):
    """Bytes that could not be shown to be a picture. They are in the part file.

    `foreign`: nothing in them is of a picture. They say nothing about its link: a captive
    portal sends its page as often as it is asked. `cut`: more may come
    another time.
    """

    bytes: int
    sha256: str
    foreign: bool = False
    cut: bool = False

    def is_better_than(self, other: Arrived | None) -> bool:
        """Whether there is more of a picture in these than in `other`."""
        if other is None:
            return True
        return (not self.foreign, self.bytes) > (not other.foreign, other.bytes)


class DownloadFailed(StoredError):
    """Why the image is not here."""

    def __init__(
        self,
        message: Message,
        *,
        final: bool = False,
        gone: bool = False,
        retry_after: float | None = None,
        arrived: Arrived | None = None,
        date: float | None = None,
        status: int | None = None,
    ) -> None:
        """`final`: no other try can ever help; `gone`: the server says it has no such image (now).

        `retry_after`: seconds the server asks for; `arrived`: what came all the same; `date`:
        the clock of the server that says `gone`, Unix seconds; `status`: what it answered.
        """
        super().__init__(message)
        self.status = status
        self.final = final
        self.gone = gone
        self.retry_after = retry_after
        self.arrived = arrived
        self.date = date


def next_wait(
    failure: DownloadFailed,
    tries: int,
    left: float,
    uniform: Callable[[float, float], float],
) -> float | None:
    """Seconds until the next try after so many; None to give up.

    `left`: seconds of patience, counted from the first failure. The last try comes when
    they end, unless the server asks for more.
    """
    asked = failure.retry_after or 0.0
    if failure.final or left <= 0 or asked > left:
        return None
    longest = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(tries - 1, 16))
    return max(asked, min(left, uniform(longest / 2, longest)))


def hint_for(message: Message) -> str | None:
    """What to do about links of the API's own origin; None for all other messages."""
    if message.name == "server-path":
        return _("ask for the picture inside the answer: --response-format b64_json")
    if message.name == "content-key":
        return _("content-auth = true in the profile, then: cogview recover")
    return None
