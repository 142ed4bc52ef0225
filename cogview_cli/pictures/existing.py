"""What stands under an image's name before anything is sent."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from cogview_cli.disk.destination import Target
from cogview_cli.errors import MachineError
from cogview_cli.i18n import _
from cogview_cli.pictures import sidecar
from cogview_cli.pictures.verify import sniff
from cogview_cli.terminal.output import warn


def image_in_the_way(target: Target, key: str) -> Path | None:
    """The file that makes an image needless under --on-exists skip. `key`: the image's own.

    Raises MachineError under --on-exists fail, and under skip for what is no image for
    certain: an empty file, a folder, a FIFO, a link to nothing, a sidecar alone. Warns of
    a file that does not look like one.
    """
    policy = target.destination.on_exists
    if policy not in ("skip", "fail"):
        return None
    there = target.existing()
    if there is None:
        _check_sidecars(target, key)
        return None
    if policy == "fail":
        raise _exists(there)
    _check_kind(there)
    return there


def _exists(path: Path) -> MachineError:
    return MachineError(
        _("'{path}' exists; nothing was sent", path=path),
        hint=_("choose another --output or --on-exists"),
    )


def _check_sidecars(target: Target, key: str) -> None:
    """MachineError for a sidecar without its image, unless it is of this very image."""
    for path in map(sidecar.sidecar_path, target.names()):
        if os.path.lexists(path) and not sidecar.belongs_to(path, key, key):
            raise _exists(path)


def _check_kind(path: Path) -> None:
    status = os.stat(path) if os.path.exists(path) else os.lstat(path)
    if not stat.S_ISREG(status.st_mode) or not status.st_size:
        raise MachineError(
            _("'{path}' is empty or not a file, so not an image; nothing was sent", path=path),
            hint=_("look at it, then remove it, or choose another --output or --on-exists"),
        )
    with path.open("rb") as file:
        if sniff(file.read(32)) is None:
            warn(_("'{path}' counts as done but does not look like an image", path=path))
