"""Physical lines of a text, whatever their length."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from cogview_cli.i18n import N_, _

LINE_LIMIT = 2**20
TOO_LONG = N_("longer than 1 MiB")
_SKIPPED = 2**16
COMMENTS = ("#", "//")


def numbered_lines(stream: TextIO) -> Iterator[tuple[int, str, str]]:
    """Number from 1, text without line end, and "" or why the line cannot be used.

    Only a line feed ends a line. `stream` must not translate line ends; no more
    than a line of the limit is ever held.
    """
    number = 0
    readline = stream.readline
    while line := readline(LINE_LIMIT + 1):
        number += 1
        if len(line) > LINE_LIMIT and line[-1] != "\n":
            _skip_line(stream)
            yield number, "", _(TOO_LONG)
        elif "\x00" in line:
            yield number, "", _("holds a NUL character")
        else:
            yield number, line.removesuffix("\n").rstrip("\r"), ""


def _skip_line(stream: TextIO) -> None:
    while (part := stream.readline(_SKIPPED)) and part[-1] != "\n":
        pass
