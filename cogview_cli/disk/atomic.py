"""Files that are whole or absent: temporary file, fsync, publish without clobbering."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, TextIO

from cogview_cli.disk.locks import hold_open, kernel_lock
from cogview_cli.disk.names import STEM_BYTES, cut_bytes, with_number
from cogview_cli.disk.rename import rename_new
from cogview_cli.errors import MachineError
from cogview_cli.i18n import _

FREE_BYTES_OUTPUT = 8 * 2**20
_OURS = ".cogview-"
# What a file is called before it is whole, and how often a new one may be taken for a left one.
_UNFINISHED, _TRIES = "unfinished", 3
_NO_HARD_LINKS = {
    errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EMLINK,
    errno.EXDEV,
}  # fmt: skip
# What file systems without a sync of folders answer (CIFS, vboxsf, WSL, FUSE). A disk that
# fails says EIO or ENOSPC.
_NO_FOLDER_SYNC = {
    errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF, errno.EACCES,
    errno.EPERM, errno.EISDIR,
}  # fmt: skip


def temporary_beside(folder: Path, kind: str = "part") -> Path:
    """A fresh hidden name in `folder`; the same folder, so that a link can publish it."""
    return folder / f"{_OURS}{os.urandom(8).hex()}.{kind}"


def temporary_of(path: Path) -> Path:
    """A hidden name beside `path` for the one writer of it; `own_name` clears what is left."""
    return path.with_name(f"{_OURS}{cut_bytes(path.stem, STEM_BYTES)}.tmp")


def is_temporary(path: Path) -> bool:
    """Whether a name is one of ours that people know nothing of."""
    return path.name.startswith(_OURS)


def own_name(path: Path) -> Path:
    """`path`, a name of ours, ready for a new file: what a killed run left there goes.

    If something else than a plain file stands there it stays, and a fresh name is returned.
    """
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return path
    if not stat.S_ISREG(mode):
        return temporary_beside(path.parent, path.suffix.lstrip("."))
    path.unlink()
    return path


def open_new(path: Path, mode: int = 0o666) -> BinaryIO:
    """A new file to write and read; FileExistsError if anything has the name, link or not."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags, mode), "w+b")


def sync_folder(folder: Path) -> bool:
    """Makes a new name in `folder` survive a power cut; False where that cannot be had."""
    if os.name == "nt":  # Windows cannot open a folder for fsync
        return False
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
        return False
    return True


def write_synced(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Writes a new file, on the disk before this returns; FileExistsError if it exists."""
    with open_new(path, mode) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def replace_whole(
    path: Path, data: bytes, mode: int = 0o666, *, temporary: Path | None = None
) -> None:
    """Writes `path` so that a reader sees the old or the new content, never a part.

    `temporary`: a name in the same folder that is this writer's alone; what a killed
    run left there is replaced. Without it, all that killed writers left in the folder goes.
    """
    if temporary is None:
        clear_left(path.parent)
        replace_fresh(path, data, mode)
        return
    temporary = own_name(temporary)
    try:
        write_synced(temporary, data, mode)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def replace_fresh(path: Path, data: bytes, mode: int = 0o666) -> None:
    """The same, but nothing is cleared: for many files of one folder, after `clear_left`."""
    with _whole_file(path, os.replace, mode) as file:
        file.write(data)
    sync_folder(path.parent)


@contextmanager
def whole_text(path: Path, into_place: Callable[[Path, Path], None]) -> Iterator[TextIO]:
    """A text file that becomes `path` when it is complete; after an error there is none.

    `into_place` gives it the name: `os.replace`, or `move_new` where nothing may be replaced.
    Bytes of file names that are not valid text are escaped. What killed writers left goes.
    """
    clear_left(path.absolute().parent)
    with _whole_file(path, into_place) as file:
        text = TextIOWrapper(file, "utf-8", "backslashreplace", newline="")
        yield text
        text.flush()
        text.detach()


@contextmanager
def _whole_file(
    path: Path, into_place: Callable[[Path, Path], None], mode: int = 0o666
) -> Iterator[BinaryIO]:
    """A new file, which gets its name when it is complete and on the disk.

    It is locked meanwhile, which tells it from what a killed writer left.
    """
    temporary, file = _locked_file(path.absolute().parent, mode)
    try:
        yield file
        file.flush()
        os.fsync(file.fileno())
        if os.name == "nt":  # an open file keeps its name
            file.close()
        into_place(temporary, path)
    finally:
        with suppress(OSError):  # a full disk is told once
            file.close()
        temporary.unlink(missing_ok=True)


def _locked_file(folder: Path, mode: int) -> tuple[Path, BinaryIO]:
    for _try in range(_TRIES):
        temporary = temporary_beside(folder, _UNFINISHED)
        file = open_new(temporary, mode)
        if hold_open(file.fileno()):
            break
        file.close()  # somebody took it for one that a killed writer left
        temporary.unlink(missing_ok=True)
    return temporary, file


def clear_left(folder: Path) -> None:
    """Removes what killed writers left in `folder`; never a file that is being written."""
    with suppress(OSError), os.scandir(folder) as found:
        for entry in found:
            if entry.name.startswith(_OURS) and entry.name.endswith(f".{_UNFINISHED}"):
                _clear(Path(entry.path))


def _clear(path: Path) -> None:
    with suppress(OSError):
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return
        if os.name == "nt":  # an open file cannot be removed
            path.unlink()
            return
        lock = kernel_lock(path)
        lock.acquire()
        try:
            path.unlink()
        finally:
            lock.release()


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
        rename_new(source, target)
    else:
        source.unlink()
    if sync:
        sync_folder(target.parent)


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
        with suppress(FileExistsError):  # it came just now
            _replace_or_move(source, target, sync=sync)
            return target
    number = 1
    while True:
        target = folder / f"{with_number(stem, number)}{suffix}"
        if free(target):
            with suppress(FileExistsError):
                move_new(source, target, sync=sync)
                return target
        number += 1


def _replace_or_move(source: Path, target: Path, *, sync: bool) -> None:
    """Gives `source` the name `target`, in place of what is there by now."""
    if not os.path.lexists(target):
        move_new(source, target, sync=sync)
        return
    os.replace(source, target)
    if sync:
        sync_folder(target.parent)


def ensure_folder(folder: Path, root: Path) -> None:
    """Creates `folder`; everything up to the parent of `root` must be there already."""
    check_parents(folder, root)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise _no_folder(folder) from None
    except OSError as error:
        raise MachineError(
            _("cannot create the folder '{path}': {why}", path=folder, why=error.strerror),
            hint=_("choose another --output"),
        ) from None


def check_parents(folder: Path, root: Path) -> None:
    """Raises MachineError where `ensure_folder` would find something missing or in its way."""
    if not os.path.isdir(root.parent):
        raise MachineError(
            _("the folder '{path}' does not exist", path=root.parent),
            hint=f"mkdir -p '{root.parent}'",
        )
    place = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    if not os.path.isdir(place):
        raise _no_folder(place)


def _no_folder(path: Path) -> MachineError:
    return MachineError(_("'{path}' is not a folder", path=path), hint=_("choose another --output"))


def _write_probe(folder: Path) -> None:
    """Makes a file in `folder` that is gone at once, nameless where the system can."""
    try:
        handle = os.open(folder, os.O_RDWR | os.O_TMPFILE, 0o600)
    except (AttributeError, OSError):  # no such system, or not for this folder
        import tempfile  # with what it loads, 1 % of the time until a request leaves

        with tempfile.TemporaryFile(dir=folder) as probe:
            os.fsync(probe.fileno())
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def check_writable(folder: Path, need: int = FREE_BYTES_OUTPUT) -> None:
    """Raises MachineError unless a file can be made in `folder` and `need` bytes are free."""
    try:
        _write_probe(folder)
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
