"""The sources of one run: checked at once, opened one by one."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Sequence
from typing import BinaryIO, NamedTuple

from cogview_cli.errors import MachineError, UsageError
from cogview_cli.i18n import N_, _
from cogview_cli.sources.spreadsheet import is_workbook
from cogview_cli.terminal.text import clean

STDIN = "-"
_CHUNK = 2**20
_MAGIC = (
    (
        b"PAR1",
        N_("a Parquet file"),
        N_("convert it: duckdb -c \"copy '{file}' to 'prompts.csv'\""),
    ),
    (
        b"PK\x03\x04",
        N_("an archive"),
        N_("unpack it; a sheet of another program: save it as CSV (UTF-8)"),
    ),
    (b"\x1f\x8b", N_("compressed"), N_("unpack it: gunzip -k '{file}'")),
    (b"\x89PNG", N_("a picture"), N_("give a file of prompts")),
    (b"\xff\xd8\xff", N_("a picture"), N_("give a file of prompts")),
)


class Source(NamedTuple):
    """One source: a folder, a file, or the copy of a stream."""

    file: str
    folder: bool = False
    copy: BinaryIO | None = None

    def open(self) -> BinaryIO:
        """A stream that can be read more than once; the caller closes it."""
        return self.copy if self.copy is not None else open(self.file, "rb")


def open_sources(files: Sequence[str], stdin: BinaryIO | None) -> list[Source]:
    """Every source, checked; raises UsageError for one that cannot be read.

    Streams are copied to a nameless temporary file, as they are read more than once.
    """
    if list(files).count(STDIN) > 1:
        raise UsageError(_("- is given twice"), hint=_("stdin can be read once: leave one out"))
    return [_stdin(stdin) if file == STDIN else _named(file) for file in files]


def _stdin(stdin: BinaryIO | None) -> Source:
    stream = stdin if stdin is not None else getattr(sys.stdin, "buffer", None)
    if stream is None or stream.isatty():
        raise UsageError(
            _("- reads prompts from stdin, which is a terminal"),
            hint=_("try: cogview batch prompts.txt"),
        )
    return _copied(STDIN, stream)


def _named(file: str) -> Source:
    try:
        mode = os.stat(file).st_mode
        if stat.S_ISDIR(mode):
            os.scandir(file).close()
            return Source(file, folder=True)
        with open(file, "rb") as stream:
            if not stat.S_ISREG(mode):
                return _copied(file, stream)
            _check_magic(file, stream)
    except (OSError, ValueError) as error:
        reason = _(str(error.strerror if isinstance(error, OSError) else error))
        raise UsageError(
            _("cannot read '{path}': {reason}", path=clean(file), reason=reason),
            hint=_("check the path"),
        ) from None
    return Source(file)


def _copied(file: str, stream: BinaryIO) -> Source:
    copy = tempfile.TemporaryFile()  # noqa: SIM115 (closed by its reader)
    try:
        shutil.copyfileobj(stream, copy, _CHUNK)
        if copy.tell() == 0:
            raise UsageError(
                _("'{path}' is empty", path=clean(file)), hint=_("give at least one prompt")
            )
        _check_magic(file, copy)
    except OSError as error:
        copy.close()
        raise MachineError(
            _("cannot copy '{path}': {reason}", path=clean(file), reason=_(str(error.strerror))),
            hint=_("free some space in TMPDIR"),
        ) from None
    except UsageError:
        copy.close()
        raise
    return Source(file, copy=copy)


def _check_magic(file: str, stream: BinaryIO) -> None:
    if is_workbook(stream):
        return
    stream.seek(0)
    head = stream.read(4)
    for magic, what, hint in _MAGIC:
        if head.startswith(magic):
            raise UsageError(
                _("'{path}' is {what}, not text", path=clean(file), what=_(what)),
                hint=_(hint, file=clean(file)),
            )
