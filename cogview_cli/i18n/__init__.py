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
from typing import NamedTuple

LOCALES = Path(__file__).parent
DOMAIN = "cogview"
_VARIABLES = ("COGVIEW_LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


def language(environ: Mapping[str, str]) -> str:
    """`zh` or `en`, whichever the first variable that is set asks for."""
    asked = next((environ[name] for name in _VARIABLES if environ.get(name)), "")
    return "zh" if asked.lower().startswith("zh") else "en"


class _Translator(NamedTuple):
    """What words a message in a language: alone, or by a count of things."""

    text: Callable[[str], str]
    plural: Callable[[str, str, int], str]


@cache
def _catalogue(code: str) -> _Translator:
    """The messages of a language; English needs nothing loaded."""
    if code == "en":
        return _Translator(str, _english_plural)
    from gettext import translation

    found = translation(DOMAIN, LOCALES, [code], fallback=True)
    return _Translator(found.gettext, found.ngettext)


def _english_plural(one: str, many: str, count: int) -> str:
    return one if count == 1 else many


def N_(message: str) -> str:
    """Marks a text of a table that `_` translates where it is shown."""
    return message


def _(message: str, /, **values: object) -> str:
    """`message` in the user's language, its `{holes}` filled with `values`.

    Without values the text is taken as it stands, braces and all.
    """
    # For an empty message gettext would return the catalogue's header.
    text = message and _catalogue(language(os.environ)).text(message)
    return text.format(**values) if values else text


def _n(one: str, many: str, count: int, /, **values: object) -> str:
    """The message for `count` things, which fills the hole `{count}`; the rest is as for `_`."""
    text = _catalogue(language(os.environ)).plural(one, many, count)
    return text.format(count=count, **values)
