"""What a folder's file system can do, found by doing it. Leaves nothing behind."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from cogview_cli.disk.atomic import sync_folder, temporary_beside, write_synced
from cogview_cli.disk.locks import kernel_lock
from cogview_cli.disk.rename import rename_new


class Abilities(NamedTuple):
    """Bytes free; whether new names can be synced, and are given without replacing anything.

    `atomic_names`: hard links or the kernel's exclusive rename; without, a look comes first.
    """

    free: int
    folder_sync: bool
    atomic_names: bool


def try_folder(folder: Path) -> Abilities:
    """Does in `folder` what saving a picture does; OSError if a file cannot be saved there."""
    first, second = temporary_beside(folder, "probe"), temporary_beside(folder, "probe")
    try:
        write_synced(first, b"cogview")
        atomic_names = _has_links(first, second) or rename_new(first, second) == "kernel"
        return Abilities(shutil.disk_usage(folder).free, sync_folder(folder), atomic_names)
    finally:
        for path in (first, second):
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _has_links(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except OSError:
        return False
    return True


def try_lock(folder: Path) -> None:
    """Takes and releases a lock that would end with its process; OSError if there are none."""
    path = temporary_beside(folder, "lock")
    lock = kernel_lock(path)
    try:
        lock.acquire()
        lock.release()
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)
