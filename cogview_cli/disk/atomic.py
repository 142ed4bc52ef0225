"""Files that are whole or absent: temporary file, fsync, publish without clobbering."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from cogview_cli.disk.names import with_number
from cogview_cli.errors import MachineError
from cogview_cli.i18n import _

FREE_BYTES_OUTPUT = 8 * 2**20
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}


def temporary_beside(folder: Path, kind: str = "part") -> Path:
    """A fresh hidden name in `folder`; the same folder, so that a link can publish it."""
    return folder / f".cogview-{os.urandom(8).hex()}.{kind}"


def sync_folder(folder: Path) -> None:
    """Makes a new name in `folder` survive a power cut."""
    if os.name == "nt":  # Windows cannot open a folder for fsync
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_synced(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Writes a new file, on the disk before this returns; FileExistsError if it exists."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def replace_whole(
    path: Path, data: bytes, mode: int = 0o666, *, temporary: Path | None = None
) -> None:
    """Writes `path` so that a reader sees the old or the new content, never a part.

    `temporary`: a name in the same folder that is this writer's alone; what a killed
    run left there is replaced.
    """
    if temporary is None:
        temporary = temporary_beside(path.parent, "tmp")
    else:
        temporary.unlink(missing_ok=True)
    try:
        write_synced(temporary, data, mode)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


@contextmanager
def whole_text(path: Path, into_place: Callable[[Path, Path], None]) -> Iterator[TextIO]:
    """A text file that becomes `path` when it is complete; after an error there is none.

    `into_place` gives it the name: `os.replace`, or `move_new` where nothing may be replaced.
    Bytes of file names that are not valid text are escaped.
    """
    temporary = temporary_beside(path.absolute().parent, "tmp")
    try:
        with temporary.open("x", encoding="utf-8", errors="backslashreplace", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        into_place(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def move_new(source: Path, target: Path, *, sync: bool = True) -> None:
    """Gives `source` the name `target`; FileExistsError if anything is there already.

    Without `sync` the new name survives a power cut only after `sync_folder`.
    """
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        _move_new_without_links(source, target)
    else:
        source.unlink()
    if sync:
        sync_folder(target.parent)


def _move_new_without_links(source: Path, target: Path) -> None:
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    try:
        os.replace(source, target)
    except OSError:
        with suppress(OSError):
            target.unlink()
        raise


def publish(
    source: Path,
    folder: Path,
    stem: str,
    suffix: str,
    *,
    overwrite: bool,
    free: Callable[[Path], bool],
    sync: bool = True,
) -> Path:
    """Publishes a checked file as `stem + suffix`, or `stem-2`…; returns where it is.

    `free(path)` says whether a name may be used; `overwrite` takes the first name as it is;
    `sync` as for `move_new`.
    """
    if overwrite:
        target = folder / f"{stem}{suffix}"
        os.replace(source, target)
        if sync:
            sync_folder(folder)
        return target
    number = 1
    while True:
        target = folder / f"{with_number(stem, number)}{suffix}"
        if free(target):
            with suppress(FileExistsError):
                move_new(source, target, sync=sync)
                return target
        number += 1


def ensure_folder(folder: Path, root: Path) -> None:
    """Creates `folder`; everything up to the parent of `root` must be there already."""
    if not os.path.isdir(root.parent):
        raise MachineError(
            _("the folder '{path}' does not exist", path=root.parent),
            hint=f"mkdir -p '{root.parent}'",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise MachineError(
            _("'{path}' is not a folder", path=folder), hint=_("choose another --output")
        ) from None
    except OSError as error:
        raise MachineError(
            _("cannot create the folder '{path}': {why}", path=folder, why=error.strerror),
            hint=_("choose another --output"),
        ) from None


def check_writable(folder: Path, need: int = FREE_BYTES_OUTPUT) -> None:
    """Raises MachineError unless a file can be made in `folder` and `need` bytes are free."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:  # nameless where the system can
            os.fsync(probe.fileno())
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise MachineError(
            _("cannot write in '{path}': {why}", path=folder, why=error.strerror),
            hint=_("choose another --output"),
        ) from None
    if free < need:
        raise MachineError(
            _("only {free} KiB free in '{path}'", free=free // 1024, path=folder),
            hint=_("free some space, then run it again"),
        )
