"""What the user says about the prompt files of a batch."""

from __future__ import annotations

from dataclasses import dataclass

from cogview_cli.errors import UsageError
from cogview_cli.text import clean

FORMATS = ("txt", "blocks", "jsonl", "json", "csv", "tsv", "yaml")
LANGUAGES = ("zh", "cn", "en")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
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
    _check("input format", options.format, FORMATS)
    _check("language", options.lang, LANGUAGES)
    if options.template is not None and options.prompt_field is not None:
        raise UsageError(
            "--template and --prompt-field contradict", hint="leave one of the two out"
        )


def _check(what: str, value: str | None, known: tuple[str, ...]) -> None:
    if value is not None and value not in known:
        raise UsageError(f"no {what} '{clean(value)}'", hint=f"one of: {', '.join(known)}")
