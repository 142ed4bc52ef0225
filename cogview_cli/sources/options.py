"""What the user says about the prompt files of a batch."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.terminal.text import clean

FORMATS = ("txt", "blocks", "jsonl", "json", "csv", "tsv", "yaml")
LANGUAGES = ("zh", "cn", "en")
_NO_TEXT = ("idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined")


class ReadOptions(NamedTuple):
    """How to read; every None is found out from the file itself.

    `comments`: lines starting with `#` or `//` are no prompts. `sheet` is the one of a
    workbook. `ask` is given the columns that may be the prompt, with a cell of each, and
    says which; without it several are an error. `lettering`: a column called `text` beside
    the prompt is what the picture should say.
    """

    format: str | None = None
    prompt_field: str | None = None
    template: str | None = None
    comments: bool = True
    lang: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    ask: Callable[[str, Mapping[str, Any]], str] | None = None
    lettering: bool = False


def check_options(options: ReadOptions) -> None:
    """Raises UsageError for a form or language that does not exist, or a contradiction."""
    if options.format not in (None, *FORMATS):
        raise UsageError(
            _("no input format '{format}'", format=clean(options.format)), hint=_one_of(FORMATS)
        )
    if options.lang not in (None, *LANGUAGES):
        raise UsageError(
            _("no language '{lang}'", lang=clean(options.lang)), hint=_one_of(LANGUAGES)
        )
    if options.encoding is not None and not _is_codec(options.encoding):
        raise UsageError(
            _("no encoding '{encoding}'", encoding=clean(options.encoding)),
            hint=_one_of(("utf-8", "gb18030", "big5", "utf-16", "shift_jis", "euc-kr", "cp1252")),
        )
    if options.template is not None and options.prompt_field is not None:
        raise UsageError(
            _("--template and --prompt-field contradict"), hint=_("leave one of the two out")
        )


def _is_codec(name: str) -> bool:
    """Whether Python knows an encoding of text by this name."""
    try:
        b"text".decode(name)
    except UnicodeError:
        pass  # an encoding of text, though not of this one
    except (LookupError, ValueError):
        return False
    return codecs.lookup(name).name not in _NO_TEXT


def _one_of(known: tuple[str, ...]) -> str:
    return _("one of: {values}", values=", ".join(known))
