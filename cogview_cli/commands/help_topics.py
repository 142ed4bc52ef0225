"""`cogview help TOPIC`: what fits no single command."""

from __future__ import annotations

from typing import Annotated

import typer

from cogview_cli import output
from cogview_cli.errors import EXIT_MEANINGS, UsageError
from cogview_cli.names import TEMPLATE_FIELDS


def _exit_codes() -> str:
    return "\n".join(f"{int(code):>4}  {text}" for code, text in EXIT_MEANINGS.items())


def _names() -> str:
    return (
        "Name templates (-o, --name): fields in braces, zero-padded with {index:04}.\n"
        "  " + " ".join(f"{{{name}}}" for name in TEMPLATE_FIELDS) + "\n"
        "Example: cogview gen '猫' -n 3 -o 'cats/{date}-{slug}-{n:02}.{ext}'"
    )


TOPICS = {"exit-codes": _exit_codes, "names": _names}


def help(
    topic: Annotated[str | None, typer.Argument(help=f"One of: {', '.join(TOPICS)}.")] = None,
) -> None:
    """Explain exit codes or name templates."""
    if topic is None:
        output.write_line("Topics: " + ", ".join(TOPICS) + ".  Commands: cogview --help")
    elif topic in TOPICS:
        output.write_line(TOPICS[topic]())
    else:
        raise UsageError(f"there is no topic '{topic}'", hint=f"cogview help {next(iter(TOPICS))}")
