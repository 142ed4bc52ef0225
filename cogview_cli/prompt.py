"""Where `gen` gets its prompt from: the command line, stdin, or a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from cogview_cli.errors import UsageError

PROMPT_BYTES_LIMIT = 2**20
_EXAMPLE = 'try: cogview gen "一只可爱的小猫咪"'


def prompt_from(
    argument: str | None, file: str | None, *, repeat: bool
) -> tuple[str | None, dict[str, Any] | None]:
    """The prompt and its source; None if a sidecar supplies it (`repeat`).

    Raises UsageError for no prompt, two prompts, or text that is not UTF-8.
    """
    if argument is not None and file is not None:
        raise UsageError("a prompt and --prompt-file contradict", hint="leave one of the two out")
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
            f"the prompt is not UTF-8: byte 0x{byte:02x} at character {error.start + 1}",
            hint="check the terminal's encoding, or use --prompt-file",
        ) from None
    return text


def _stdin(*, asked: bool) -> str:
    stdin = sys.stdin
    if stdin is None or (stdin.isatty() and not asked):
        raise UsageError("there is no prompt", hint=_EXAMPLE)
    if stdin.isatty():
        raise UsageError("- reads the prompt from stdin, which is a terminal", hint=_EXAMPLE)
    buffer = getattr(stdin, "buffer", None)
    data = buffer.read(PROMPT_BYTES_LIMIT + 1) if buffer else stdin.read().encode()
    if not data.strip():
        raise UsageError("there is no prompt: stdin is empty", hint=_EXAMPLE)
    return _decoded(data, "stdin")


def _read(file: str) -> bytes:
    try:
        with Path(file).open("rb") as stream:
            return stream.read(PROMPT_BYTES_LIMIT + 1)
    except OSError as error:
        raise UsageError(f"cannot read '{file}': {error.strerror}", hint="check the path") from None


def _decoded(data: bytes, name: str) -> str:
    """UTF-8 text without BOM and final line end; inner line ends stay."""
    if len(data) > PROMPT_BYTES_LIMIT:
        raise UsageError(f"{name} is larger than 1 MiB", hint="many prompts: cogview batch")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{name} is not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start}",
            hint=f"convert it: iconv -f GB18030 -t UTF-8 {name}",
        ) from None
    if "\x00" in text:
        raise UsageError(f"{name} holds a NUL character", hint="give plain text")
    return text.rstrip("\r\n")
