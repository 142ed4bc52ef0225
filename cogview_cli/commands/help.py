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
    schema: Annotated[
        bool, typer.Option("--schema", help=_("With json: the JSON Schema of a line."))
    ] = False,
) -> None:
    """Explain exit codes, name templates, prompt files, --json or the Python API."""
    if schema:
        _print_schema(topic)
    elif topic is None:
        topics = ", ".join(TOPICS)
        output.write_line(_("Topics: {topics}.  Commands: cogview --help", topics=topics))
    elif topic in TOPICS:
        output.write_line(TOPICS[topic]())
    else:
        raise UsageError(
            _("there is no topic '{topic}'", topic=topic), hint=f"cogview help {next(iter(TOPICS))}"
        )


def _print_schema(topic: str | None) -> None:
    import json

    from cogview_cli.cli.json_schema import document

    if topic != "json":
        raise UsageError(_("--schema is of the topic json"), hint="cogview help json --schema")
    output.write_line(json.dumps(document(), ensure_ascii=False, indent=2))
