"""Paid answers that the ledger had no room for: kept wherever there is room, taken back later."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
import tempfile
from pathlib import Path

from cogview_cli.api import image_urls
from cogview_cli.api.protocol import Answer
from cogview_cli.i18n import _
from cogview_cli.ledger import Ledger


def fallback_folder() -> Path:
    """Where answers go that the ledger could not take: the user's corner of the temp folder."""
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    return Path(tempfile.gettempdir()) / f"cogview-rescue-{user}"


def is_private(folder: Path) -> bool:
    """Whether `folder` is a real folder of this user that nobody else may enter."""
    if os.name == "nt":
        return folder.is_dir()
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


def write_fallback(id: str, answer: Answer) -> str:
    """Keeps a paid answer in a 0600 file, and on stderr; returns where."""
    text = json.dumps(
        {
            "id": id,
            "status": answer.status,
            "headers": answer.headers,
            "raw": answer.raw.decode("utf-8", "backslashreplace"),
        }
    )
    try:
        folder = fallback_folder()
        folder.mkdir(mode=0o700, exist_ok=True)
        if not is_private(folder):
            why = _("'{path}' is not this user's alone", path=folder)
            raise PermissionError(errno.EACCES, why)
        path = folder / f"{id}.json"
        with os.fdopen(
            os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        # The last place left: whole, or the picture could never be fetched.
        sys.stderr.write(f"{text}\n")
        return _("stderr only ({why})", why=error.strerror)
    sys.stderr.write(f"{image_urls.redact(text.encode()).decode('utf-8', 'replace')[:4000]}\n")
    return f"'{path}'"


def import_fallbacks(ledger: Ledger) -> None:
    """Puts the answers that were rescued into the ledger."""
    folder = fallback_folder()
    for path in sorted(folder.glob("*.json")) if is_private(folder) else ():
        try:
            kept = json.loads(path.read_text("utf-8"))
            ledger.get(kept["id"])
        except (OSError, ValueError, KeyError):
            continue
        answer = Answer(
            status=kept["status"], headers=kept["headers"], raw=kept["raw"].encode("utf-8")
        )
        ledger.answer(kept["id"], answer, 0.0)
        path.unlink()
