"""What the user says about the prompt files of a batch."""

from __future__ import annotations

from typing import NamedTuple

from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.terminal.text import clean

FORMATS = ("txt", "blocks", "jsonl", "json", "csv", "tsv", "yaml")
LANGUAGES = ("zh", "cn", "en")


class ReadOptions(NamedTuple):
    """How to read; every None is found out from the file itself.

    `comments`: lines starting with `#` or `//` are no prompts.
    """

    format: str | None = None
    prompt_field: str | None = None
    template: str | None = None
    comments: bool = True
    lang: str | None = None


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
    if options.template is not None and options.prompt_field is not None:
        raise UsageError(
            _("--template and --prompt-field contradict"), hint=_("leave one of the two out")
        )


def _one_of(known: tuple[str, ...]) -> str:
    return _("one of: {values}", values=", ".join(known))
