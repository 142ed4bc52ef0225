"""A folder of prompts: one file, one prompt."""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from cogview_cli.disk.names import natural_key
from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.sources.detect import has_front_matter
from cogview_cli.sources.encoding import EncodingError, find_encoding
from cogview_cli.sources.lines import LINE_LIMIT, TOO_LONG
from cogview_cli.sources.record import Record, RejectedRow, RowError
from cogview_cli.sources.rows import Rows
from cogview_cli.terminal.text import clean

PROMPT_SUFFIXES = (".txt", ".prompt", ".md")
_LIST_SUFFIXES = (".jsonl", ".ndjson", ".csv", ".tsv", ".json", ".yaml", ".yml")


def prompt_files(folder: str) -> list[str]:
    """The names of the prompt files directly inside, in natural order.

    Raises UsageError if there is none.
    """
    names = [entry.name for entry in os.scandir(folder) if entry.is_file()]
    shown = [name for name in names if not name.startswith(".")]
    prompts = [name for name in shown if name.lower().endswith(PROMPT_SUFFIXES)]
    if not prompts:
        raise _no_prompts(folder, shown)
    return sorted(prompts, key=lambda name: (natural_key(name), name))


def _no_prompts(folder: str, names: list[str]) -> UsageError:
    lists = [suffix for suffix in _LIST_SUFFIXES if any(n.lower().endswith(suffix) for n in names)]
    hint = _("give a folder of .txt files, one prompt each")
    if lists:
        these = f"{clean(folder).rstrip('/')}/*{lists[0]}"
        hint = _("for its lists of prompts: cogview batch {files}", files=these)
    return UsageError(_("no prompt files in the folder '{path}'", path=clean(folder)), hint=hint)


def read_prompt_file(path: str, rows: Rows) -> Record | RejectedRow:
    """The whole file as one prompt, without outer blanks; its stem is the id."""
    stem = Path(path).stem
    try:
        stem.encode("utf-8")
        with open(path, "rb") as stream:
            data = stream.read(LINE_LIMIT + 1)
        return rows.text(1, _prompt(data, rows.encoding), id=stem)
    except UnicodeEncodeError:
        return rows.bad(1, _("the name of the file is not UTF-8"))
    except RowError as fault:
        return rows.bad(1, fault)
    except OSError as error:
        return rows.bad(1, _("cannot be read: {reason}", reason=_(str(error.strerror))))


def _prompt(data: bytes, encoding: str | None) -> str:
    if len(data) > LINE_LIMIT:
        raise RowError(_(TOO_LONG))
    try:
        text = data.decode(find_encoding(BytesIO(data), "", encoding).codec)
    except EncodingError as error:
        raise RowError(error.why) from None
    prompt = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if has_front_matter(prompt.split("\n")):
        raise RowError(_("begins with front matter"))
    if not prompt:
        raise RowError(_("the prompt is empty"))
    return prompt


def folder_records(folder: str, names: list[str], rows: Rows) -> Iterator[Record | RejectedRow]:
    """A record for each of the folder's prompt files."""
    for name in names:
        rows.file = os.path.join(folder, name)
        yield read_prompt_file(rows.file, rows)
