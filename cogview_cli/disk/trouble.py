"""Which errors are the disk's and would meet every other file too."""

from __future__ import annotations

import errno
import os

# Full, over quota, read-only, failing.
EVERY_FILE = {errno.ENOSPC, errno.EROFS, errno.EIO, getattr(errno, "EDQUOT", errno.ENOSPC)}


def meets_every_file(error: OSError, folder: str) -> bool:
    """Whether no other file could be written below `folder` either, or it is gone."""
    return error.errno in EVERY_FILE or not os.path.isdir(folder)
