"""`cogview help TOPIC`: what fits no single command."""

from __future__ import annotations

from typing import Annotated

import typer

from cogview_cli.cli import completion
from cogview_cli.cli.topics import TOPICS
from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.terminal import output


def help(
    topic: Annotated[
        str | None,
        typer.Argument(
            metavar="[TOPIC]",
            help=_("One of: {topics}.", topics=", ".join(TOPICS)),
            autocompletion=completion.topic,
        ),
    ] = None,
) -> None:
    """Explain exit codes, name templates or prompt files."""
    if topic is None:
        topics = ", ".join(TOPICS)
        output.write_line(_("Topics: {topics}.  Commands: cogview --help", topics=topics))
    elif topic in TOPICS:
        output.write_line(TOPICS[topic]())
    else:
        raise UsageError(
            _("there is no topic '{topic}'", topic=topic), hint=f"cogview help {next(iter(TOPICS))}"
        )
