"""The commands, each loaded when it is asked for: start-up is a feature."""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from cogview_cli.cli.help_page import Command, walk
from cogview_cli.i18n import _, language
from cogview_cli.loading import no_garbage_collection

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
# Where a command is, and its line in the help of all; a test compares the two.
COMMANDS = {
    "gen": ("gen", "Make one image (or -n of them) from a prompt; print the path of each."),
    "batch": (
        "batch",
        "Make an image (or -n of them) from each prompt of files; resumable, within budget.",
    ),
    "sizes": ("sizes", "List the sizes each model takes; check one; find one for a ratio."),
    "config": (
        "config",
        "Settings and the key: where they are, what is in force, whether they work.",
    ),
    "recover": (
        "recover",
        "Download, check and save every image that is paid for and not on disk.",
    ),
    "queue": (
        "queue",
        "Show what waits in the vendor's queue: state, done, failed, total, price, folder.",
    ),
    "history": ("history", "List past requests: time, status, cost, prompt, file."),
    "gallery": (
        "gallery",
        "Show a folder of results as a page, or as contact sheets; print what was written.",
    ),
    "check-text": (
        "check_text",
        "Read the text on pictures, free, and compare it with what their prompts ask for.",
    ),
    "skill": ("skill", "Show or install a page that tells coding agents how to use cogview."),
    "sandbox": (
        "sandbox",
        "Run a stand-in of the API on 127.0.0.1 until Ctrl-C: no key, no network, no cost.",
    ),
    "help": ("help", "Show a page of the manual; list its topics."),
}


@cache
def load(name: str) -> Any:
    """The command or group called `name`, with its options, in the user's language."""
    command = _loaded(name)
    for _path, below in walk(command, name):
        in_the_users_language(below)
    return command


def in_the_users_language(command: Any) -> None:
    """Translates what one command says of itself; English needs nothing."""
    if language(os.environ) == "zh":
        from cogview_cli.cli.help_chinese import translate_one

        translate_one(command)


def _loaded(name: str) -> Any:
    with no_garbage_collection():
        module = import_module(f"cogview_cli.commands.{COMMANDS[name][0]}")
    parent = typer.Typer(add_completion=False, rich_markup_mode=None)
    if hasattr(module, "app"):
        parent.add_typer(module.app, name=name, context_settings=SETTINGS)
        group: Any = typer.main.get_command(parent)
        return group.commands[name]
    epilog = getattr(module, "EPILOG", None)
    kind = getattr(module, "CLASS", Command)
    decorate = parent.command(name, cls=kind, epilog=epilog, context_settings=SETTINGS)
    decorate(getattr(module, COMMANDS[name][0]))
    return typer.main.get_command(parent)


class LazyGroup(TyperGroup):
    """The root: knows its commands by name, and loads the one that is wanted."""

    @property  # type: ignore[override]
    def commands(self) -> dict[str, Any]:
        """All commands, loaded."""
        return {name: load(name) for name in COMMANDS}

    @commands.setter
    def commands(self, given: Any) -> None:
        """The table above is all there is."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, most used first."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name; None if there is none."""
        return load(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The list of commands, from the table alone."""
        rows = [(name, _(line)) for name, (_module, line) in COMMANDS.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
