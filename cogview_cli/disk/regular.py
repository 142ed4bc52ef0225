"""A small file of others' making, read without trusting its name, kind or size."""

from __future__ import annotations

import os
import stat
from pathlib import Path

# Room is made for all that is to be read: 16 MiB for each small file would take its time.
_USUAL = 2**16


class NotRegular(OSError):
    """There is a folder, FIFO, device or socket, or a file that is too large."""


def read_regular(path: Path, most: int) -> tuple[bytes, os.stat_result]:
    """The content of a regular file of at most `most` bytes, and what the system says of it.

    Raises NotRegular for anything else at once: a FIFO must not hang the command. OSError
    if the file cannot be opened or read.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode) or status.st_size > most:
        os.close(handle)
        raise NotRegular
    with open(handle, "rb") as file:
        expected = min(max(status.st_size, _USUAL), most)
        content = file.read(expected + 1)
        if len(content) > expected:  # it has grown; /proc and its like say 0 bytes
            content += file.read(most + 1 - len(content))
        if len(content) > most:
            raise NotRegular
        return content, status
