"""The command line put together, and the one place where a run ends."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from cogview_cli import __version__, output
from cogview_cli.commands import (
    batch,
    config,
    gallery,
    gen,
    help_topics,
    history,
    recover,
    sandbox,
    sizes,
)
from cogview_cli.errors import CogviewError, ExitCode, UsageError

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
app = typer.Typer(
    name="cogview",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=SETTINGS,
    no_args_is_help=False,
    epilog="Exit codes: cogview help exit-codes.  Try it without a key: cogview gen '猫' --sandbox",
)
app.command("gen", epilog=gen.EPILOG, context_settings=SETTINGS)(gen.gen)
app.command("batch", epilog=batch.EPILOG, context_settings=SETTINGS)(batch.batch)
app.command("sizes", context_settings=SETTINGS)(sizes.sizes)
app.add_typer(config.app, name="config", context_settings=SETTINGS)
app.command("recover", context_settings=SETTINGS)(recover.recover)
app.add_typer(history.app, name="history", context_settings=SETTINGS)
app.command("gallery", epilog=gallery.EPILOG, context_settings=SETTINGS)(gallery.gallery)
app.command("sandbox", epilog=sandbox.EPILOG, context_settings=SETTINGS)(sandbox.sandbox)
app.command("help", context_settings=SETTINGS)(help_topics.help)

WELCOME = """cogview makes images with Zhipu's CogView models.

  cogview gen "一只可爱的小猫咪" --size 1440x720 --quality hd
  cogview gen "一只可爱的小猫咪" --sandbox     no key, no network, no cost
  cogview config set api-key                  keep your key
  cogview sizes                               what each model takes
  cogview recover                             finish paid images, free

All commands and options: cogview --help
"""


def _version(wanted: bool) -> None:
    if wanted:
        output.write_line(f"cogview {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """The command line for Zhipu's CogView image models."""
    if context.invoked_subcommand is None:
        output.write_data(WELCOME.encode())


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line; the exit code. Errors become text here and nowhere else."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        command = typer.main.get_command(app)
        code = command.main(args=arguments, prog_name="cogview", standalone_mode=False)
        return int(code or 0)
    except CogviewError as error:
        return _ended(error, arguments)
    except typer.TyperException as error:
        return _usage(error)
    except output.StdoutClosed:
        return int(ExitCode.STDOUT_CLOSED)
    except (KeyboardInterrupt, typer.Abort):
        return int(ExitCode.INTERRUPTED)
    except Exception as error:
        return _bug(error, arguments)


def _ended(error: CogviewError, arguments: list[str]) -> int:
    output.show_error(error)
    if "--debug" in arguments:
        output.show_traceback(error)
    return int(error.exit_code)


def _usage(error: typer.TyperException) -> int:
    context = getattr(error, "ctx", None)
    where = context.command_path if context else "cogview"
    message = error.format_message().rstrip(".")
    if message.startswith("Missing command"):
        message = f"{where}: which command?"
    return _ended(UsageError(message, hint=f"{where} --help"), [])


def _bug(error: Exception, arguments: list[str]) -> int:
    output.show_error(
        CogviewError(
            f"{type(error).__name__}: {error}",
            hint="this is a bug: run it with --debug and report it",
        )
    )
    if "--debug" in arguments:
        output.show_traceback(error)
    return int(ExitCode.BUG)
