"""Two languages: the catalogue is whole, its holes fit, and the user's choice is followed."""

from __future__ import annotations

import os
import re
import string
import subprocess
import sys

import pytest
from babel.messages.catalog import Message

from cogview_cli.app import root_command
from cogview_cli.cli import lazy_group
from cogview_cli.cli.help_page import walk
from cogview_cli.cli.lazy_group import load
from cogview_cli.i18n import _n, language
from cogview_cli.terminal.text import cell_width
from tests.catalogue import COMPILED, Text, catalogue, template, translated

CATALOGUE: dict[Text, Message] = {entry.id: entry for entry in catalogue() if entry.id}
MESSAGES: dict[Text, Message] = {entry.id: entry for entry in template() if entry.id}
COMMANDS = [path for path, _command in walk(root_command(), "cogview")]


def holes(text: str) -> list[tuple[str, str]]:
    found = string.Formatter().parse(text)
    return sorted((name, spec or "") for _, name, spec, _ in found if name is not None)


def forms(text: Text | list[str]) -> tuple[str, ...]:
    """A message as it stands, or its singular and plural."""
    return (text,) if isinstance(text, str) else tuple(text)


def test_every_message_has_a_chinese_one() -> None:
    missing = {text: new.locations for text, new in MESSAGES.items() if not _translated(text)}
    assert not missing


def _translated(text: Text) -> bool:
    entry = CATALOGUE.get(text)
    return bool(entry and translated(entry))


def test_the_catalogue_holds_nothing_that_nobody_says() -> None:
    assert CATALOGUE.keys() <= MESSAGES.keys()


@pytest.mark.parametrize("text", sorted(CATALOGUE, key=str), ids=str)
def test_the_holes_are_the_same(text: Text) -> None:
    """And the braces balance, or the message would fail when it is needed."""
    (chinese,) = forms(CATALOGUE[text].string)
    for english in forms(text):
        try:
            wanted = holes(english)
        except ValueError:  # shown as it stands, without values
            return
        assert holes(chinese) == wanted


def test_no_message_serves_for_one_thing_and_for_many() -> None:
    """As `row(s)` does: there are two forms for that."""
    assert not [text for text in MESSAGES if any(re.search(r"\w\(e?s\)", f) for f in forms(text))]
    assert not [text for text in MESSAGES if len(set(forms(text))) != len(forms(text))]


@pytest.mark.parametrize(
    ("chosen", "count", "said"),
    [
        ("en", 0, "0 requests, paid 0.06 CNY"),
        ("en", 1, "1 request, paid 0.06 CNY"),
        ("en", 2, "2 requests, paid 0.06 CNY"),
        ("zh", 1, "1 个请求，已付 0.06 CNY"),
        ("zh", 2, "2 个请求，已付 0.06 CNY"),
    ],
)
def test_a_count_chooses_the_form(
    chosen: str, count: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COGVIEW_LANG", chosen)
    words = "{count} request, paid {paid}", "{count} requests, paid {paid}"
    assert _n(*words, count, paid="0.06 CNY") == said


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, "zh"),
        ({"LANG": "en_US.UTF-8", "COGVIEW_LANG": "zh"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "COGVIEW_LANG": "en"}, "en"),
        ({"LANGUAGE": "zh_CN:en", "LANG": "en_US.UTF-8"}, "zh"),
    ],
)
def test_the_language_is_the_users(variables: dict[str, str], code: str) -> None:
    assert language(variables) == code


OPENED = """
import sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
from cogview_cli.app import main
main(["sizes", "16:9"])
print(*(path for path in opened if path.endswith(".mo")), file=sys.stderr)
"""


@pytest.mark.parametrize(("chosen", "count"), [("en", 0), ("zh", 1)])
def test_only_the_language_in_use_is_loaded(chosen: str, count: int) -> None:
    """Start-up stays where it was."""
    environment = {**os.environ, "COGVIEW_LANG": chosen}
    done = subprocess.run(
        [sys.executable, "-c", OPENED], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stderr.split().count(str(COMPILED)) == count


@pytest.mark.parametrize("path", COMMANDS)
def test_help_speaks_chinese(path: str) -> None:
    """Every page, in no more columns than the window has."""
    environment = {**os.environ, "COGVIEW_LANG": "zh", "COLUMNS": "90"}
    done = subprocess.run(
        [sys.executable, "-m", "cogview_cli", *path.split()[1:], "--help"],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    page = done.stdout
    assert page.startswith("用法：") and "Options:" not in page and "Show this" not in page
    examples, prose = page.partition("示例：")[2].partition("\n\n")[0], page
    if examples:
        prose = page.replace(examples, "")
    assert all(cell_width(line) <= 90 for line in prose.splitlines())


def test_the_line_of_a_command_in_the_list_is_its_help() -> None:
    """The list is made without loading the commands."""
    for name, (_module, line) in lazy_group.COMMANDS.items():
        assert line.rstrip(".") == load(name).get_short_help_str(200).rstrip("."), name


def test_messages_and_codes_speak_chinese() -> None:
    """The words that scripts look for stay; the vendor's code is explained."""
    environment = {**os.environ, "COGVIEW_LANG": "", "LC_ALL": "zh_CN.UTF-8"}
    done = subprocess.run(
        [sys.executable, "-m", "cogview_cli", "gen", "猫 sandbox:1301", "--sandbox"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 8 and done.stdout == ""
    assert (
        done.stderr.startswith("error: 错误码 1301：内容审核未通过") and "hint: 请" in done.stderr
    )


def test_data_is_the_same_in_both_languages() -> None:
    """What scripts read is no message."""
    shown = []
    for chosen in ("en", "zh"):
        environment = {**os.environ, "COGVIEW_LANG": chosen}
        done = subprocess.run(
            [sys.executable, "-m", "cogview_cli", "config", "show", "--json"],
            env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        shown.append(done.stdout)
    assert shown[0] == shown[1]
