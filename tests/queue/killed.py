"""`cogview` that kills itself at one step of the queue: `python -m tests.queue.killed STEP -- …`.

A step is the name of a method, `before` or `after` it, and which call of it: `note:after:2`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

from cogview_cli.api.queue_client import QueueClient
from cogview_cli.ledger.ledger import Ledger
from cogview_cli.ledger.queue_parts import QueueParts

# From the first record to the last file that goes, in the order of a run.
STEPS = (
    "begin:before:1",
    "begin:after:1",
    "intend:after:1",
    "note:before:1",  # the part is whole
    "note:after:1",
    "upload:before:1",
    "upload:after:1",
    "note:after:2",  # the file's id
    "note:after:3",  # a create is about to be sent
    "create:after:1",
    "note:after:4",  # the batch's id
    "batch:after:1",
    "note:after:5",  # how far it is
    "content:after:1",
    "settle:before:1",
    "settle:after:1",
    "settle_rest:before:1",
    "settle_rest:after:1",
    "saved:before:1",
    "saved:after:2",
    "delete:before:1",
    "delete:after:2",
)


def die() -> None:
    """SIGKILL: nothing is cleaned up."""
    os.kill(os.getpid(), signal.SIGKILL)


def deadly(
    method: Callable[..., Any], when: str, nth: int, happens: Callable[[], None]
) -> Callable[..., Any]:
    """`method`, at whose call number `nth` something happens."""
    calls = 0

    def meets(now: str) -> None:
        nonlocal calls
        calls += now == "before"
        if calls == nth and now == when:
            happens()

    if asyncio.iscoroutinefunction(method):

        @wraps(method)
        async def later(*args: Any, **kwargs: Any) -> Any:
            meets("before")
            result = await method(*args, **kwargs)
            meets("after")
            return result

        return later

    @wraps(method)
    def now(*args: Any, **kwargs: Any) -> Any:
        meets("before")
        result = method(*args, **kwargs)
        meets("after")
        return result

    return now


def arm(step: str, happens: Callable[[], None] = die) -> None:
    """Puts in what happens at the step."""
    name, when, nth = step.split(":")
    owner = next(each for each in (QueueClient, QueueParts, Ledger) if hasattr(each, name))
    setattr(owner, name, deadly(getattr(owner, name), when, int(nth), happens))


def main() -> int:
    from cogview_cli.app import main as cogview

    arm(sys.argv[1])
    return cogview(sys.argv[3:])


if __name__ == "__main__":
    sys.exit(main())
