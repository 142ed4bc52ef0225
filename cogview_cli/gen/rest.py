"""What a `gen` that ended early leaves to do, in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from cogview_cli.i18n import _
from cogview_cli.outcome import Status

# Wanted, not there, and surely not paid. Another request for a refused prompt fares no better.
_UNPAID = (Status.NOT_SENT, Status.FAILED)


def hint_for_the_rest(
    counts: Mapping[Status, int],
    *,
    images: int,
    once: bool,
    signalled: bool,
    sandbox: bool = False,
) -> str | None:
    """What to say where the same command again would pay for more than is missing.

    `counts`: how many of the `images` wanted ended how. What is paid and not on disk, or may be
    paid, is never asked for again; what an in-process `sandbox` has made ends with it.
    """
    unpaid, unsaved = sum(counts.get(s, 0) for s in _UNPAID), counts.get(Status.UNSAVED, 0)
    left = unpaid + unsaved if once or sandbox else unpaid
    if not left or (left == images and not signalled):
        return None
    if once:
        return _("the same command again does the rest")
    if unsaved and not sandbox:
        return _("first cogview recover, free; then the same command with -n {count}", count=left)
    return _("{count} left: the same command with -n {count}", count=left)
