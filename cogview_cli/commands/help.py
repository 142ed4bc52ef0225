"""`cogview help TOPIC`: what fits no single command; `cogview help COMMAND`: its own help."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cogview_cli.cli import completion
from cogview_cli.cli.lazy_group import COMMANDS
from cogview_cli.cli.topics import TOPICS
from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.terminal import output


def help(
    context: typer.Context,
    topic: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TOPIC]",
            help=_("A command, or one of: {topics}.", topics=", ".join(TOPICS)),
            autocompletion=completion.topic,
        ),
    ] = None,
) -> None:
    """Explain a command, exit codes, name templates or prompt files."""
    words = topic or []
    if not words:
        topics = ", ".join(TOPICS)
        output.write_line(_("Topics: {topics}.  Commands: cogview --help", topics=topics))
    elif words[0] in TOPICS and len(words) == 1:
        output.write_line(TOPICS[words[0]]())
    else:
        _show_help_of(context.find_root(), words)


def _show_help_of(root: Any, words: list[str]) -> None:
    """Prints the help page of a command as `--help` does; UsageError if there is none."""
    command = root.command
    for word in words:
        command = command.get_command(root, word) if hasattr(command, "get_command") else None
        if command is None:
            raise UsageError(
                _("there is no topic '{topic}'", topic=" ".join(words)),
                hint=f"cogview help {_nearest(words[0])}",
            )
    with root.command.make_context(root.info_name, [*words, "--help"]) as context:
        root.command.invoke(context)


def _nearest(word: str) -> str:
    from difflib import get_close_matches

    found = get_close_matches(word, [*TOPICS, *COMMANDS], n=1)
    return found[0] if found else next(iter(TOPICS))
