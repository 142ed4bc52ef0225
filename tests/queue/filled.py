"""`cogview` whose disk fills up at one step of the queue: `… -m tests.queue.filled STEP DIR -- …`.

A step is named as in `tests.queue.killed`. What `DIR` has of room is taken by the file `fill`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.queue import killed

BLOCK = bytes(4096)


def fill(folder: Path) -> None:
    """Takes all the room that is left."""
    with (folder / "fill").open("ab", buffering=0) as file:
        try:
            while file.write(BLOCK):
                pass
        except OSError:
            return


def main() -> int:
    from cogview_cli.app import main as cogview

    step, folder = sys.argv[1], Path(sys.argv[2])
    fails: Callable[[], None] = partial(fill, folder)
    killed.arm(step, fails)
    return cogview(sys.argv[4:])


if __name__ == "__main__":
    sys.exit(main())
