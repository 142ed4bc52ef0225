"""Where `gen` gets its prompt from: the command line, stdin, or a file."""

from __future__ import annotations

import codecs
import sys
from pathlib import Path
from typing import Any

from cogview_cli.errors import UsageError
from cogview_cli.i18n import N_, _

PROMPT_BYTES_LIMIT = 2**20
# What PowerShell's `>` and Notepad write. Longer marks first: one begins with another.
_WIDE = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_EXAMPLE = N_('try: cogview gen "一只可爱的小猫咪"')


def prompt_from(
    argument: str | None, file: str | None, *, repeat: bool
) -> tuple[str | None, dict[str, Any] | None]:
    """The prompt and its source; None if a sidecar supplies it (`repeat`).

    Raises UsageError for no prompt, two prompts, or text that is not UTF-8.
    """
    if argument is not None and file is not None:
        raise UsageError(
            _("a prompt and --prompt-file contradict"), hint=_("leave one of the two out")
        )
    if file is not None and file != "-":
        return _decoded(_read(file), f"'{file}'"), {"file": file, "line": 1}
    if argument not in (None, "-") and file is None:
        return _checked_argument(str(argument)), None
    if repeat and argument is None and file is None:
        return None, None
    return _stdin(asked=argument == "-" or file == "-"), {"file": "-", "line": 1}


def _checked_argument(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        byte = ord(text[error.start]) & 0xFF
        raise UsageError(
            _(
                "the prompt is not UTF-8: byte 0x{byte:02x} at character {position}",
                byte=byte,
                position=error.start + 1,
            ),
            hint=_("check the terminal's encoding, or use --prompt-file"),
        ) from None
    return text


def _stdin(*, asked: bool) -> str:
    stdin = sys.stdin
    if stdin is None or (stdin.isatty() and not asked):
        raise UsageError(_("there is no prompt"), hint=_(_EXAMPLE))
    if stdin.isatty():
        raise UsageError(_("- reads the prompt from stdin, which is a terminal"), hint=_(_EXAMPLE))
    buffer = getattr(stdin, "buffer", None)
    data = buffer.read(PROMPT_BYTES_LIMIT + 1) if buffer else stdin.read().encode()
    if not data.strip():
        raise UsageError(_("there is no prompt: stdin is empty"), hint=_(_EXAMPLE))
    return _decoded(data, "stdin")


def _read(file: str) -> bytes:
    try:
        with Path(file).open("rb") as stream:
            return stream.read(PROMPT_BYTES_LIMIT + 1)
    except OSError as error:
        raise UsageError(
            _("cannot read '{path}': {why}", path=file, why=error.strerror),
            hint=_("check the path"),
        ) from None


def _decoded(data: bytes, name: str) -> str:
    """Text without BOM and final line end; inner line ends stay. UTF-8, or what a BOM says."""
    if len(data) > PROMPT_BYTES_LIMIT:
        raise UsageError(
            _("{name} is larger than 1 MiB", name=name), hint=_("many prompts: cogview batch")
        )
    try:
        text = data.decode(next((c for mark, c in _WIDE if data.startswith(mark)), "utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UsageError(
            _(
                "{name} is not UTF-8: byte 0x{byte:02x} at offset {offset}",
                name=name,
                byte=data[error.start],
                offset=error.start,
            ),
            hint=_("convert it: iconv -f GB18030 -t UTF-8 {name}", name=name),
        ) from None
    if "\x00" in text:
        raise UsageError(_("{name} holds a NUL character", name=name), hint=_("give plain text"))
    return text.rstrip("\r\n")
