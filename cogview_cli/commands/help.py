"""`cogview help TOPIC`: a page of the manual; `cogview help COMMAND`: that command's options."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from cogview_cli.cli import completion
from cogview_cli.errors import UsageError
from cogview_cli.help import markdown, pager
from cogview_cli.help.columns import table
from cogview_cli.help.pages import TOPICS, page, titles
from cogview_cli.i18n import _
from cogview_cli.terminal import output
from cogview_cli.terminal.text import fold


def help(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TOPIC|COMMAND]",
            help=_("A topic of the manual, or a command; without one all topics are listed."),
            autocompletion=completion.topic,
        ),
    ] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help=_("With json: the JSON Schema of a line."))
    ] = False,
) -> None:
    """Show a page of the manual; list its topics."""
    if schema:
        _print_schema(words or [])
    elif not words:
        pager.show(_listed())
    elif len(words) == 1 and words[0].lower() in TOPICS:
        pager.show(markdown.render(page(words[0].lower()).text, _style()))
    else:
        pager.show(f"{_help_of(context.find_root(), words)}\n")


def _style() -> markdown.Style:
    terminal = output.stdout_is_terminal()
    return markdown.Style(pager.columns(), bold=pager.styled(os.environ), wrap_tables=terminal)


def _listed() -> str:
    """Every topic with a line that says what it is about."""
    columns = pager.columns()
    head = _("cogview help TOPIC shows a page of the manual:")
    tail = _("A command's options: cogview help gen.  All commands: cogview --help")
    topics = table(("", ""), titles(), columns - 2)
    lines = [head, *(f"  {line}" for line in topics), "", *fold(tail, columns)]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _help_of(context: Any, words: list[str]) -> str:
    """The help of the command that the words call. UsageError if they call none."""
    for word in words:
        find = getattr(context.command, "get_command", None)
        command = find(context, word) if find else None
        if command is None:
            raise UsageError(
                _("there is no topic or command '{name}'", name=" ".join(words)),
                hint=_hint(words[0], context),
            )
        context = command.context_class(command, info_name=word, parent=context)
    return str(context.command.get_help(context))


def _hint(word: str, context: Any) -> str:
    from difflib import get_close_matches

    names = [*TOPICS, *context.find_root().command.list_commands(context)]
    near = get_close_matches(word.lower(), names, 1, cutoff=0.6)
    return _("did you mean: {first}", first=f"cogview help {near[0]}") if near else "cogview help"


def _print_schema(words: list[str]) -> None:
    import json

    from cogview_cli.cli.json_schema import document

    if words != ["json"]:
        raise UsageError(_("--schema is of the topic json"), hint="cogview help json --schema")
    output.write_line(json.dumps(document(), ensure_ascii=False, indent=2))
