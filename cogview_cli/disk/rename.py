"""A rename that never replaces anything, where hard links cannot be had."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

_NOT_OFFERED = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM}
_LINUX_FOLDER, _LINUX_NO_REPLACE = -100, 1  # AT_FDCWD, RENAME_NOREPLACE: renameat2(2)
_MACOS_EXCLUSIVE = 4  # RENAME_EXCL: renamex_np(2)


def rename_new(source: Path, target: Path) -> str:
    """Gives `source` the name `target`; FileExistsError if anything is there already.

    Whatever moment the process is killed at, the whole file has one of the two names.
    Returns how it was done: `kernel`, or `reserved` where the kernel offers nothing.
    """
    try:
        _exclusive(source, target)
    except OSError as error:
        if error.errno not in _NOT_OFFERED:
            raise
        _reserved(source, target)
        return "reserved"
    return "kernel"


def _exclusive(source: Path, target: Path) -> None:
    """The kernel's own rename without replacement. OSError with ENOSYS if it has none."""
    if os.name == "nt":
        os.rename(source, target)
        return
    import ctypes  # rarely needed

    library = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(source), os.fsencode(target)
    if sys.platform == "darwin" and hasattr(library, "renamex_np"):
        failed = library.renamex_np(*names, _MACOS_EXCLUSIVE)
    elif hasattr(library, "renameat2"):
        here = _LINUX_FOLDER
        failed = library.renameat2(here, names[0], here, names[1], _LINUX_NO_REPLACE)
    else:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), str(target))
    if failed:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(target))


def _reserved(source: Path, target: Path) -> None:
    """A look, then a rename, while a folder of a name of its own keeps our like away.

    A process that is killed in between leaves that folder, and the name is passed over
    from then on; a file under the name itself would look like a picture. Only a program
    that knows nothing of this can put a file there in the instant between the two.
    """
    reservation = target.with_name(f".cogview-{target.name}.taken")
    os.mkdir(reservation)
    try:
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        os.rename(source, target)
    finally:
        os.rmdir(reservation)
