"""The key as `config set api-key` takes it: asked for, or from stdin; and what is said of it."""

from __future__ import annotations

import getpass
import os
import sys

from cogview_cli.config import settings, store
from cogview_cli.config.pasted import unwrapped
from cogview_cli.config.secret import clean_key, ending
from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.terminal import output

MOST = 1 << 16


def read_key(value: str | None) -> str:
    """The key; UsageError if it was typed as an argument, AccountError if it is none."""
    if value is not None:
        # Arguments are seen by other users and kept in the shell's history.
        raise UsageError(
            _("the key is not taken as an argument: other users could see it"),
            hint=_("run: cogview config set api-key (it asks), or add < FILE to read a file"),
        )
    if sys.stdin is not None and sys.stdin.isatty():
        return _cleaned(_ask(), _("the prompt"))
    given = sys.stdin.buffer.read(MOST) if sys.stdin is not None else b""
    return _cleaned(given.decode("utf-8-sig", "replace"), "stdin")


def _ask() -> str:
    try:
        return getpass.getpass(_("API key (not shown): "))
    except EOFError:
        return ""


def _cleaned(text: str, source: str) -> str:
    """The key alone; what stood around it is told."""
    key, off = unwrapped(text)
    cleaned = clean_key(key, source).reveal()
    if off:
        output.say(_("left out: {parts}", parts=", ".join(off)))
    return cleaned


def tell_of_key(key: str, profile: str | None) -> None:
    """Says what became of the key, with enough of it to know it by."""
    output.say(_("the key {key} is kept in {path}", key=ending(key), path=store.config_path()))
    where = "" if profile is None else f" --profile {profile}"
    output.say(_("next: {command}", command=f"cogview config check{where}"))
    names = settings.SETTINGS["api_key"].env
    if name := next((name for name in names if os.environ.get(name)), None):
        output.warn(_("{name} is set and goes before it", name=name))
