"""A prompt that is the name of a command, and was probably meant as one."""

from __future__ import annotations

from cogview_cli.cli.lazy_group import COMMANDS
from cogview_cli.errors import UsageError
from cogview_cli.i18n import _

# What people type who look for help, besides the commands.
_WORDS = {*COMMANDS, "version", "usage", "--help", "-h", "-help", "帮助"}


def check_lone_word(prompt: str, *, yes: bool) -> None:
    """Asks on a terminal before such a prompt is paid for; UsageError if nobody agrees."""
    word = prompt.strip().lower()
    if yes or word not in _WORDS:
        return
    from cogview_cli.engine.confirm import agreed, somebody_is_there

    if somebody_is_there() and agreed(_("Draw '{word}'? [y/N]: ", word=word)):
        return
    raise UsageError(
        _("'{word}' is a command; as a prompt it would be paid for", word=word),
        hint=_("{help}; to draw it: --yes", help=_help_for(word)),
    )


def _help_for(word: str) -> str:
    return f"cogview help {word}" if word in COMMANDS and word != "help" else "cogview gen --help"
