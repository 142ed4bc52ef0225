"""What the README and the changelog say is what the program does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cogview_cli import __version__
from cogview_cli.api.models import PRICES_AS_OF
from cogview_cli.app import root_command
from cogview_cli.config.settings import SETTINGS
from tests.readme import options_reference, walk

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def test_the_readme_is_in_both_languages() -> None:
    """With a link at the top; each chapter has its counterpart."""
    english, chinese = README.split("\n# 中文\n")
    assert "[中文](#中文)" in english.splitlines()[2]
    chapters = [re.findall(r"^##+ ", half, re.MULTILINE) for half in (english, chinese)]
    assert chapters[0] == chapters[1]


def test_both_halves_show_the_same_commands() -> None:
    blocks = [
        re.findall(r"```\w+\n(.*?)```", half, re.DOTALL) for half in README.split("\n# 中文\n")
    ]
    assert blocks[0] == blocks[1]


def test_the_readme_dates_the_prices() -> None:
    assert README.count(PRICES_AS_OF) == 2


def test_the_newest_change_is_of_this_version() -> None:
    versions = re.findall(
        r"^## \[([0-9][^\]]*)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M
    )
    assert versions[0] == __version__


COMMANDS = dict(walk(root_command(), "cogview"))


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_is_in_the_readme(path: str) -> None:
    assert path in README


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_and_option_has_help(path: str) -> None:
    command = COMMANDS[path]
    assert command.help
    for param in command.params:
        assert getattr(param, "help", None), param.name


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_and_option_is_in_the_reference(path: str) -> None:
    text = options_reference()
    for param in COMMANDS[path].params:
        for name in (*param.opts, *param.secondary_opts):
            assert name in text or param.metavar in text, name


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_and_option_is_offered_to_the_shell(path: str) -> None:
    """As the shell asks: what begins with -, and the commands below."""
    command = COMMANDS[path]
    options = {
        name
        for param in command.params
        if param.param_type_name == "option"
        for name in (*param.opts, *param.secondary_opts)
    }
    assert options | {"-h", "--help"} == set(_offered(f"{path} -"))
    if below := set(getattr(command, "commands", {})):
        assert below <= set(_offered(f"{path} "))


def _offered(line: str) -> list[str]:
    words = line.split(" ")
    question = {
        "_COGVIEW_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-m", "cogview_cli"],
        env={**os.environ, **question},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


@pytest.mark.parametrize("path", ["cogview gen", "cogview batch"])
def test_a_flag_that_is_a_setting_names_its_variable(path: str) -> None:
    for param in COMMANDS[path].params:
        if param.param_type_name == "option" and (setting := SETTINGS.get(_setting(param.name))):
            assert f"[env {setting.env[0]}" in param.help, param.name


def _setting(name: str) -> str:
    return name.rstrip("_")
