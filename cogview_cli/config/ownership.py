"""Whether a config file may steer the key and the money: it is trusted as ssh trusts its own.

It, its folder, and every link on the way belong to this user or to root, and nobody else
may write to them. A file with a key is this user's alone.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from cogview_cli.errors import MachineError
from cogview_cli.i18n import _

_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def check_file(path: Path, status: os.stat_result, *, key: bool, secret: bool) -> None:
    """MachineError unless the file that was opened at `path` may be obeyed.

    `key`: it holds an API key, which others must not read either. `secret`: it holds that or
    headers, which may be one.
    """
    if os.name == "nt":
        return
    if secret and path.is_symlink():
        raise linked(path)
    if secret and status.st_uid != os.geteuid():
        raise _foreign(path, _("{path} holds a key and belongs to another user", path=path))
    if key and is_open(status):
        raise _open_to_others(path)
    _check_owner(path, status)
    if status.st_mode & _WRITABLE_BY_OTHERS:
        raise _writable(path)
    check_place(path)


def is_open(status: os.stat_result) -> bool:
    """Whether other users may read or write a file."""
    return os.name != "nt" and bool(status.st_mode & 0o077)


def check_place(path: Path) -> None:
    """MachineError if another user could put a file of his own in the place of `path`."""
    if os.name == "nt":
        return
    _check_owner(path, path.lstat() if path.is_symlink() else None)
    for folder in dict.fromkeys([path.parent, Path(os.path.realpath(path)).parent]):
        status = folder.stat()
        _check_owner(folder, status)
        if status.st_mode & _WRITABLE_BY_OTHERS and not status.st_mode & stat.S_ISVTX:
            raise _writable(folder)


def _check_owner(path: Path, status: os.stat_result | None) -> None:
    if status is not None and status.st_uid not in (os.geteuid(), 0):
        raise _foreign(path, _("{path} belongs to another user", path=path))


def linked(path: Path) -> MachineError:
    """The error for a key behind a symbolic link."""
    return MachineError(
        _("{path} holds a key and is a symbolic link", path=path),
        hint=_("put the file itself there, then: chmod 600 {path}", path=path),
    )


def _foreign(path: Path, message: str) -> MachineError:
    if path.is_dir():
        hint = _("it decides where the key goes; set COGVIEW_CONFIG_DIR to a folder of your own")
        return MachineError(message, hint=hint)
    hint = _("make it yours: chown $(id -u) {path}; chmod 600 {path}", path=path)
    return MachineError(message, hint=hint)


def _open_to_others(path: Path) -> MachineError:
    return MachineError(
        _("{path} holds a key and is open to other users", path=path),
        hint=_("run: chmod 600 {path}", path=path),
    )


def _writable(path: Path) -> MachineError:
    return MachineError(
        _("{path} can be changed by other users, and decides where the key goes", path=path),
        hint=_("run: chmod go-w {path}", path=path),
    )
