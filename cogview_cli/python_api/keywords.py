"""Messages that name options of the command line, for callers of the functions. Pure.

`raise --max-cost to go on` becomes `raise max_cost= to go on`, `--on-unknown retry` becomes
`on_unknown='retry'`. Options of a command that is written out stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from cogview_cli.api.models import MODELS
from cogview_cli.config.settings import SETTINGS
from cogview_cli.errors import CogviewError
from cogview_cli.i18n import _

SWITCHES = ("once", "retry_failed", "wait")
OTHERS = ("count", "name")
# `cogview history --unknown`, to the end of the clause; or an option, perhaps with a value.
_PART = re.compile(
    r"(?P<command>cogview [^;；,，()（）]*)"
    r"|--(?P<no>no-)?(?P<name>[a-z][a-z-]*[a-z])"
    r"(?P<value>[ =](?:'[^']*'|https?://[^\s,;，；)]+|[\w.:-]+(?:=\w+)?))?"
)
_SAID_TWICE = re.compile(r"\b(\w+)=: ([\w-]+) ")
_FREE_VALUE = re.compile(r"'.*'|https?://.*|[0-9].*")


def as_keywords(text: str) -> str:
    """The text with keyword arguments in the place of options."""
    plain = text.replace("cogview gen --help", "cogview help settings")
    return _SAID_TWICE.sub(_once, _PART.sub(_keyword, plain))


def _once(found: re.Match[str]) -> str:
    keyword, option = found.groups()
    return f"{keyword} " if option.replace("-", "_") == keyword else found[0]


def _keyword(found: re.Match[str]) -> str:
    name = (found["name"] or "").replace("-", "_")
    setting = SETTINGS.get(name)
    if found["command"] or not (setting or name in (*SWITCHES, *OTHERS)):
        return found[0]
    rest, value = found["value"] or "", (found["value"] or "")[1:]
    if name in SWITCHES or (setting and setting.kind.values == ("true", "false")):
        return f"{name}={not found['no']}{rest}"
    if setting and setting.merged and "=" in value:
        key, _equals, said = value.partition("=")
        return f"{name}={{{key!r}: {said if said.isdecimal() else repr(said)}}}"
    if not _is_value(name, value):
        return f"{name}={rest}"
    return f"{name}={value.strip(chr(39))!r}"


def _is_value(name: str, word: str) -> bool:
    """Whether the word behind an option is its value, and not the next word of the sentence."""
    choices = MODELS if name == "model" else SETTINGS[name].kind.values if name in SETTINGS else ()
    return word in choices or bool(_FREE_VALUE.fullmatch(word))


@contextmanager
def raising_keywords() -> Iterator[None]:
    """What is raised in this block names keyword arguments."""
    try:
        yield
    except CogviewError as error:
        put_keywords(error)
        raise


def put_keywords(error: CogviewError) -> None:
    """Rewords an error and its hint in place."""
    error.message = as_keywords(error.message)
    error.args = (error.message,)
    if "--yes" in error.hint:  # there is nobody to agree
        error.hint = _("set a limit: --max-cost")
    error.hint = as_keywords(error.hint)
