"""What stands under an image's name before anything is sent."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from cogview_cli.disk.destination import Target
from cogview_cli.errors import MachineError
from cogview_cli.i18n import _
from cogview_cli.pictures.verify import sniff
from cogview_cli.terminal.output import warn


def image_in_the_way(target: Target) -> Path | None:
    """The file that makes an image needless under --on-exists skip.

    Raises MachineError under --on-exists fail, and under skip for what is no image for
    certain: an empty file, a folder, a FIFO. Warns of a file that does not look like one.
    """
    policy = target.destination.on_exists
    there = target.existing() if policy in ("skip", "fail") else None
    if there is None:
        return None
    if policy == "fail":
        raise MachineError(
            _("'{path}' exists; nothing was sent", path=there),
            hint=_("choose another --output or --on-exists"),
        )
    _check_kind(there)
    return there


def _check_kind(path: Path) -> None:
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode) or not status.st_size:
        raise MachineError(
            _("'{path}' is empty or not a file, so not an image; nothing was sent", path=path),
            hint=_("look at it, then remove it, or choose another --output or --on-exists"),
        )
    with path.open("rb") as file:
        if sniff(file.read(32)) is None:
            warn(_("'{path}' is taken as done and does not look like an image", path=path))
