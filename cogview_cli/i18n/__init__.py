"""Messages in the user's language: English in the code, Chinese from the catalogue.

The language is COGVIEW_LANG, else what the locale says (LANGUAGE, LC_ALL, LC_MESSAGES,
LANG). Data is never translated: keys, codes, statuses, paths; of what `--json` prints,
only the messages for people.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

LOCALES = Path(__file__).parent
DOMAIN = "cogview"
_VARIABLES = ("COGVIEW_LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


def language(environ: Mapping[str, str]) -> str:
    """`zh` or `en`, whichever the first variable that is set asks for."""
    asked = next((environ[name] for name in _VARIABLES if environ.get(name)), "")
    return "zh" if asked.lower().startswith("zh") else "en"


@cache
def _catalogue(code: str) -> Callable[[str], str]:
    """What translates a message into a language; English needs nothing loaded."""
    if code == "en":
        return str
    from gettext import translation

    return translation(DOMAIN, LOCALES, [code], fallback=True).gettext


def N_(message: str) -> str:
    """Marks a text of a table that `_` translates where it is shown."""
    return message


def _(message: str, /, **values: object) -> str:
    """`message` in the user's language, its `{holes}` filled with `values`.

    Without values the text is taken as it stands, braces and all.
    """
    # For an empty message gettext would return the catalogue's header.
    text = message and _catalogue(language(os.environ))(message)
    return text.format(**values) if values else text
