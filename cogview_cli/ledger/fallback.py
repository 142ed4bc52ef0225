"""Paid answers that the ledger had no room for: kept wherever there is room, taken back later.

A rescue file holds the whole request, so that a ledger that was moved aside or emptied meanwhile
gets the row back. Every command that opens the ledger takes it back before it decides anything.
"""

from __future__ import annotations

import base64
import errno
import json
import os
import stat
import sys
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

from cogview_cli.api.protocol import Answer
from cogview_cli.config.store import LEDGER_NAME
from cogview_cli.disk.trouble import EVERY_FILE
from cogview_cli.i18n import _
from cogview_cli.ledger.entry import Entry, Intent, State
from cogview_cli.ledger.ledger import Ledger
from cogview_cli.terminal import output

_ASKED = ("id", "run", "attempt", "asked", *Intent._fields)
_ANSWERED = ("generate_s", "expires")
# What files of older versions lack.
_ADDED: dict[str, Any] = {"content": None, "part": None, "take": 1}
# What no rescued request has.
_NOTHING: dict[str, Any] = {
    "state": State.ANSWER, "answered": None, "code": None, "message": None, "files": [],
}  # fmt: skip
# Where `tempfile` looks; then in the folder of the run.
_TEMP_VARIABLES = ("TMPDIR", "TEMP", "TMP")
_TEMP_FOLDERS = ("/tmp", "/var/tmp", "/usr/tmp")  # noqa: S108 (where it is, not a file in it)
_TO_WRITE = os.W_OK | os.X_OK


def fallback_folders() -> list[Path]:
    """Where answers go that the ledger could not take: the user's corner of each temp folder.

    The first one that has room takes an answer; it is looked for in all of them.
    """
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    return [Path(place) / f"cogview-rescue-{user}" for place in _temp_folders()]


def _temp_folders() -> list[str]:
    """Those of `tempfile`, in its order. It need not be loaded, nor a file be written, for that."""
    if os.name != "posix":
        import tempfile

        return [tempfile.gettempdir()]
    named = filter(None, map(os.environ.get, _TEMP_VARIABLES))
    found = dict.fromkeys(map(_absolute, (*named, *_TEMP_FOLDERS, os.curdir)))
    return [place for place in found if os.path.isdir(place) and os.access(place, _TO_WRITE)]


def _absolute(folder: str) -> str:
    """Nothing for what is relative to a folder that is gone."""
    with suppress(FileNotFoundError):
        return os.path.abspath(folder)
    return ""


def is_private(folder: Path) -> bool:
    """Whether `folder` is a real folder of this user that nobody else may enter."""
    if os.name == "nt":
        return folder.is_dir()
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


def fallbacks() -> list[Path]:
    """The rescue files that wait."""
    folders = filter(is_private, fallback_folders())
    return [path for folder in folders for path in sorted(folder.glob("*.json"))]


def write_fallback(state: Path, entry: Entry, answer: Answer) -> str:
    """Keeps a paid answer of the ledger in `state` in a 0600 file, else on stderr; says where."""
    text = json.dumps(_record(state, entry, answer))
    try:
        return f"'{_written(f'{entry.id}.json', text.encode())}'"
    except OSError as error:
        # The last place left: whole, or the picture could never be fetched.
        sys.stderr.write(f"{text}\n")
        return _("stderr only ({why})", why=error.strerror)


def _written(name: str, data: bytes) -> Path:
    """Where `data` is now: in the first folder with room. OSError where none has any."""
    full = OSError(errno.ENOENT, os.strerror(errno.ENOENT))
    for folder in fallback_folders():
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            if not is_private(folder):
                why = _("'{path}' is not this user's alone", path=folder)
                raise PermissionError(errno.EACCES, why)
            _write_whole(folder / name, data)
            return folder / name
        except OSError as error:
            if error.errno not in EVERY_FILE:
                raise
            full = error
            with suppress(OSError):
                folder.rmdir()
    raise full


def _write_whole(path: Path, data: bytes) -> None:
    """Writes a file that is not taken for a rescued answer before it is one."""
    temporary = path.with_suffix(".part")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _record(state: Path, entry: Entry, answer: Answer) -> dict[str, Any]:
    """All that is needed to match the answer, its bytes as they are."""
    asked = {name: getattr(entry, name) for name in (*_ASKED, *_ANSWERED)}
    return {
        **asked,
        "price": None if entry.price is None else str(entry.price),
        "ledger": str(state.resolve()),
        "status": answer.status,
        "headers": answer.headers,
        "whole": answer.whole,
        "raw_b64": base64.b64encode(answer.raw).decode(),
    }


def import_fallbacks(ledger: Ledger) -> None:
    """Takes the rescued answers back into the ledger they belong to. MachineError if it can't."""
    bad: list[Path] = []
    for path in fallbacks():
        try:
            kept = json.loads(path.read_text("utf-8"))
            if not _belongs(kept, ledger):
                continue
            entry = _entry(kept, ledger)
        except FileNotFoundError:  # another process was first
            continue
        except (OSError, ValueError, TypeError, KeyError, ArithmeticError, RecursionError):
            bad.append(path)
            continue
        ledger.take_back(entry)
        path.unlink(missing_ok=True)
    _tell(bad)


def _tell(bad: list[Path]) -> None:
    for path in bad[:1]:
        output.warn(_("'{path}' is no answer that the ledger can take back; left there", path=path))
    if bad[1:]:
        output.warn(_("… and {count} more", count=len(bad) - 1))


def _belongs(kept: dict[str, Any], ledger: Ledger) -> bool:
    """Whether an answer is of this ledger, or of one that is gone."""
    if "ledger" not in kept or ledger.has(kept["id"]):
        return True
    there = Path(kept["ledger"])
    return there == ledger.folder.resolve() or not (there / LEDGER_NAME).exists()


def _entry(kept: dict[str, Any], ledger: Ledger) -> Entry:
    """The request with its answer; KeyError and others for what holds none."""
    if "raw_b64" not in kept:  # up to 0.3.0: its row is all there is of the request
        raw = kept["raw"].encode("utf-8")
        answer = Answer(status=int(kept["status"]), headers=dict(kept["headers"]), raw=raw)
        return ledger.get(kept["id"])._replace(answer=answer, generate_s=0.0)
    answer = Answer(
        status=int(kept["status"]),
        headers=dict(kept["headers"]),
        raw=base64.b64decode(kept["raw_b64"], validate=True),
        whole=bool(kept["whole"]),
    )
    kept = {**_ADDED, **kept}
    fields = {name: kept[name] for name in (*_ASKED, *_ANSWERED)}
    fields["price"] = None if kept["price"] is None else Decimal(kept["price"])
    return Entry(**{**_NOTHING, **fields}, answer=answer)
