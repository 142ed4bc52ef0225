"""Where the ledger goes under `state-dir = "auto"` when the user's state folder is closed.

Coding agents often run where the home cannot be written and the workspace can.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

AUTO = "auto"
# Beside the marks of batches, which have the same folder's name.
STATE = Path(".cogview") / "state"
_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)
_IGNORE = "# A ledger with prompts and links: not for a repository.\n*\n"


def is_closed(folder: Path) -> bool:
    """Whether this process may make no file in `folder`, or not the folder; leaves nothing behind.

    Tried, not asked for: what a sandbox forbids shows in no permission bit. A disk that is full
    closes nothing: the ledger stays where it is.
    """
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    probe = folder / f".cogview-{os.getpid()}-{os.urandom(4).hex()}.probe"
    try:
        os.close(os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        return error.errno in _CLOSED
    with suppress(OSError):
        probe.unlink()
    return False


def state_of_workspace(here: Path) -> Path:
    """The state folder of the workspace around `here`.

    In the nearest folder from `here` upwards that has one, else the nearest root of a git
    repository, else `here`. Folders of other users are passed over.
    """
    upwards = [folder for folder in (here, *here.parents) if _is_ours(folder)]
    for mark in (STATE, Path(".git")):
        for folder in upwards:
            if (folder / mark).exists() and _is_ours(folder / mark):
                return folder / STATE
    return here / STATE


def _is_ours(path: Path) -> bool:
    """Whether the ledger could not be somebody else's trap."""
    if os.name == "nt":
        return True
    try:
        return path.stat().st_uid == os.geteuid()
    except OSError:
        return False


def keep_out_of_git(folder: Path) -> None:
    """Tells git to pass over the workspace's state folder, which holds signed links."""
    if folder.parts[-2:] == STATE.parts:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError), (folder / ".gitignore").open("x") as file:
            file.write(_IGNORE)
