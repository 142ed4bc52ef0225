"""Which files are galleries that this program wrote: only those are overwritten unasked."""

from __future__ import annotations

from pathlib import Path

from cogview_cli.errors import MachineError
from cogview_cli.i18n import _
from cogview_cli.terminal.text import clean

GENERATOR = "cogview-cli gallery"
PAGE_MARK = b'<meta name="generator" content="cogview'
# In the picture's own metadata: at the start of JPEG and PNG files, at the end of WebP.
SHEET_MARK = b"cogview-cli contact sheet"
_END_BYTES = 2048


def is_our_page(path: Path) -> bool:
    """Whether the file at `path` is a page of ours."""
    return PAGE_MARK in _ends(path)[0]


def is_our_sheet(path: Path) -> bool:
    """Whether the file at `path` is a contact sheet of ours."""
    head, tail = _ends(path)
    return SHEET_MARK in head or SHEET_MARK in tail


def _ends(path: Path) -> tuple[bytes, bytes]:
    """The first and the last bytes of a file; nothing if it cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(_END_BYTES)
            end = file.seek(0, 2)
            file.seek(max(0, end - _END_BYTES))
            return head, file.read(_END_BYTES)
    except OSError:
        return b"", b""


def check_free(path: Path, *, ours: bool, flag: str) -> None:
    """Raises MachineError if something that is not ours is at `path`."""
    if path.is_dir() or (path.exists() and not ours):
        raise MachineError(
            _("'{path}' is there already, and cogview did not write it", path=clean(path)),
            hint=_("{flag} ANOTHER-FILE, or --force to overwrite it", flag=flag),
        )
