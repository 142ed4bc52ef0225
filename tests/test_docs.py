"""What the README and the changelog say is what the program does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from cogview_cli import __version__
from cogview_cli.app import app
from cogview_cli.config.docs import settings_reference
from cogview_cli.errors import EXIT_MEANINGS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
COMPLETIONS = {
    "bash": "cogview.bash",
    "zsh": "_cogview",
    "fish": "cogview.fish",
    "pwsh": "cogview.ps1",
}


def _section(name: str) -> str:
    match = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", README, re.DOTALL)
    assert match
    return match[1].strip()


def exit_code_table() -> str:
    rows = [f"| {int(code)} | {text} |" for code, text in EXIT_MEANINGS.items()]
    return "\n".join(["| code | meaning |", "| --- | --- |", *rows])


def test_the_readme_lists_every_setting() -> None:
    assert _section("settings") == settings_reference().strip()


def test_the_readme_lists_every_exit_code() -> None:
    assert _section("exit-codes") == exit_code_table()


def test_the_newest_change_is_of_this_version() -> None:
    versions = re.findall(
        r"^## \[([0-9][^\]]*)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M
    )
    assert versions[0] == __version__


COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_readme(name: str) -> None:
    assert f"cogview {name}" in README


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_help(name: str) -> None:
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    assert command.help
    for child in getattr(command, "commands", {}).values():
        assert child.help
    for param in command.params:
        assert getattr(param, "help", None), param.name


@pytest.mark.parametrize("shell", COMPLETIONS)
def test_completion_scripts_are_what_the_app_generates(shell: str) -> None:
    """Regenerate: _COGVIEW_COMPLETE=source_SHELL cogview > completions/FILE."""
    command = [
        sys.executable,
        "-c",
        "import sys; sys.argv[0] = 'cogview'; from cogview_cli.app import main; main()",
    ]
    environment = {**os.environ, "_COGVIEW_COMPLETE": f"source_{shell}"}
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.stdout == (ROOT / "completions" / COMPLETIONS[shell]).read_bytes()
