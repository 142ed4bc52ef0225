"""The command line put together, and the one place where a run ends."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Annotated, Any

import typer

from cogview_cli import __version__
from cogview_cli.cli.completion_scripts import correct_zsh
from cogview_cli.cli.lazy_group import SETTINGS, LazyGroup, in_the_users_language
from cogview_cli.disk.home import no_home
from cogview_cli.errors import Interrupted, UsageError
from cogview_cli.i18n import _
from cogview_cli.terminal import ending, output

COMPLETION_FLAGS = {"--install-completion", "--show-completion"}
UNKNOWN_SHELL = UsageError(
    _("your shell is not bash, zsh, fish or PowerShell"),
    hint=_("write the script yourself: _COGVIEW_COMPLETE=source_bash cogview > cogview.bash"),
)
app = typer.Typer(
    name="cogview",
    cls=LazyGroup,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=SETTINGS,
    no_args_is_help=False,
    epilog=_(
        "Exit codes: cogview help exit-codes.  Try it without a key: cogview gen '猫' --sandbox"
    ),
)
WELCOME = _("""\
cogview makes images with Zhipu's CogView models.

  cogview gen "一只可爱的小猫咪" --size 1440x720 --quality hd
  cogview gen "一只可爱的小猫咪" --sandbox     no key, no network, no cost
  cogview config set api-key                  keep your key
  cogview sizes                               what each model takes
  cogview recover                             finish paid images, free

All commands and options: cogview --help
""")


def _version(context: typer.Context, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        output.write_line(f"cogview {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help=_("Show the version.")),
    ] = False,
) -> None:
    """The command line for Zhipu's CogView image models."""
    if context.invoked_subcommand is None:
        output.write_data(WELCOME.encode())


def root_command() -> Any:
    """The whole command tree, in the user's language; commands are loaded when asked for."""
    tree = typer.main.get_command(app)
    in_the_users_language(tree)
    return tree


def complete() -> int:
    """Answers a shell's question for completions, as its environment puts it.

    Leaves through SystemExit. Silent if it fails: a message would land in the user's line.
    """
    with suppress(Exception):
        if os.environ["_COGVIEW_COMPLETE"].endswith("zsh"):
            correct_zsh()
        root_command().main(args=[], prog_name="cogview")
    return 1


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line; the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    return ending.run(arguments, partial(_run, arguments))


def _run(arguments: list[str]) -> int:
    """The exit code of a command line. Raises CogviewError for one that cannot be carried out.

    Not typer's `main`, which would end the process by itself where stdout is closed.
    """
    root = root_command()
    if COMPLETION_FLAGS & set(arguments[:1]):
        correct_zsh()
    _check_dashes(root, arguments)
    try:
        with root.make_context("cogview", list(arguments)) as context:
            return int(root.invoke(context) or 0)
    except typer.Exit as end:
        return _ended(end.exit_code, arguments)
    except SystemExit as end:  # so typer leaves after it has installed or shown a completion
        return _ended(end.code, arguments)
    except typer.TyperException as error:
        from cogview_cli.cli.usage_errors import explain

        where = ["cogview", *(name for name, _command in _called(root, arguments))]
        raise explain(error, arguments, " ".join(where)) from None
    except (typer.Abort, EOFError):
        raise Interrupted(_("interrupted")) from None
    except RuntimeError:
        if COMPLETION_FLAGS & set(arguments[:1]):
            raise no_home(UNKNOWN_SHELL.hint) from None
        raise


def _check_dashes(root: Any, arguments: list[str]) -> None:
    """UsageError before a mistyped option is paid for as a prompt."""
    if all(word.isascii() for word in arguments):
        return
    from cogview_cli.cli.usage_errors import dash_mistake

    commands = [root, *(command for _name, command in _called(root, arguments))]
    options = {name for each in commands for param in each.params for name in param.opts}
    if mistake := dash_mistake(arguments, options | {"-h", "--help"}):
        raise mistake


def _called(root: Any, arguments: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """The command that a command line names, and those above it but the root, with their names."""
    command = root
    for word in arguments:
        if word.startswith("-"):
            continue
        below = command.get_command(None, word) if hasattr(command, "get_command") else None
        if below is None:
            return
        yield word, below
        command = below


def _ended(code: object, arguments: list[str]) -> int:
    if code and COMPLETION_FLAGS & set(arguments[:1]):
        raise UNKNOWN_SHELL
    return code if isinstance(code, int) else int(bool(code))
