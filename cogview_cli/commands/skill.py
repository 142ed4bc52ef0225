"""`cogview skill`: how a coding agent should use the tool, as a page it finds by itself."""

from __future__ import annotations

from typing import Annotated

import typer

from cogview_cli.errors import MachineError, UsageError
from cogview_cli.help import skill as page
from cogview_cli.i18n import _
from cogview_cli.terminal import output

app = typer.Typer(
    rich_markup_mode=None, pretty_exceptions_enable=False, invoke_without_command=True
)


@app.callback()
def skill(context: typer.Context) -> None:
    """Show or install a page that tells coding agents how to use cogview."""
    if context.invoked_subcommand is None:
        show()


@app.command("show")
def show() -> None:
    """Print the page: Markdown with YAML front matter."""
    output.write_data(page.text().encode("utf-8"))


@app.command("install")
def install(
    claude: Annotated[
        bool, typer.Option("--claude", help=_("For Claude Code: ~/.claude/skills."))
    ] = False,
    agents: Annotated[
        bool,
        typer.Option("--agents", help=_("For Codex, Gemini CLI and OpenCode: ~/.agents/skills.")),
    ] = False,
    here: Annotated[
        bool, typer.Option("--here", help=_("Into this folder instead of your home."))
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help=_("Replace a page that cogview did not write."))
    ] = False,
) -> None:
    """Write the page where agents look for it, for all of them or some; print its path."""
    for folder in page.folders(claude=claude, agents=agents, here=here):
        try:
            path = page.install(folder, force=force)
        except page.NotOurs as error:
            raise UsageError(
                _("'{path}' was not written by cogview, or was changed", path=error),
                hint=_("replace it: --force"),
            ) from None
        except OSError as error:
            raise MachineError(
                _("cannot write '{path}': {reason}", path=folder, reason=error.strerror),
                hint=_("into this folder instead: --here"),
            ) from None
        output.write_path(str(path))
