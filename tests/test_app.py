"""The command line as a whole: help, usage errors, bugs, exit codes."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import cogview_cli
from cogview_cli.commands import gen
from cogview_cli.errors import EXIT_MEANINGS, ExitCode
from tests.conftest import Run

COMMANDS = [
    (), ("gen",), ("sizes",), ("config",), ("config", "path"), ("config", "show"),
    ("config", "get"), ("config", "set"), ("config", "unset"), ("config", "check"),
    ("recover",), ("history",), ("history", "resolve"), ("sandbox",), ("help",),
    ("skill",), ("skill", "install"),
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_h_is_help_everywhere(cogview: Run, command: tuple[str, ...]) -> None:
    short, long = cogview(*command, "-h"), cogview(*command, "--help")
    assert (short.code, short.err) == (0, "")
    assert short.out == long.out
    assert f"Usage: {' '.join(('cogview', *command))}" in short.out


def test_no_arguments_show_a_short_help_with_examples(cogview: Run) -> None:
    ended = cogview()
    assert (ended.code, ended.err) == (0, "")
    assert "cogview gen" in ended.out and "--sandbox" in ended.out and "--help" in ended.out
    assert len(ended.out.splitlines()) <= 15


def test_version(cogview: Run) -> None:
    ended = cogview("--version")
    assert (ended.code, ended.out) == (0, f"cogview {cogview_cli.__version__}\n")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (("gne", "cat"), ("gne", "gen")),
        (("gen", "cat", "--qualiti", "hd"), ("--qualiti", "--quality")),
        (("gen", "cat", "--size"), ("--size",)),
        (("gen", "cat", "dog"), ("dog",)),
        (("gen", "cat", "-n", "two"), ("two",)),
        (("gen", "cat", "-n", "-1"), ("-1",)),
        (("sizes", "1:1", "x"), ("x",)),
        (("config",), ("config",)),
        (("config", "st"), ("st",)),
        (("config", "get"), ("NAME",)),
        (("history", "resolve"), ("ID",)),
        (("help", "exitcode"), ("exitcode", "cogview help exit-codes")),
        (("help", "bach"), ("bach", "cogview help batch")),
        (("help", "zzz"), ("zzz", "cogview help")),
        (("help", "config", "sett"), ("config sett", "cogview help config")),
        (("--nope",), ("--nope",)),
    ],
)
def test_wrong_usage_is_told_with_a_hint_and_nothing_on_stdout(
    cogview: Run, line: tuple[str, ...], words: tuple[str, ...]
) -> None:
    ended = cogview(*line)
    assert (ended.code, ended.out) == (2, ""), ended
    said = ended.err.splitlines()
    assert said[0].startswith("error: ") and said[1].startswith("hint: ")
    assert len(said) == 2
    assert all(word in ended.err for word in words), ended


@pytest.mark.parametrize("word", ["\x1b[31mx", "\u202ex", "--\x1b]0;x\x07"])
def test_a_hostile_argument_is_shown_as_text(cogview: Run, word: str) -> None:
    ended = cogview(word)
    assert ended.code == 2
    assert not set("\x1b\x07\u202e") & set(ended.err)


def _broken(*_: object, **__: object) -> None:
    raise ZeroDivisionError("a bug")


def test_a_bug_is_exit_1_without_a_traceback(cogview: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gen, "run", _broken)
    ended = cogview("gen", "cat")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("error: ZeroDivisionError")
    assert "hint: " in ended.err and "--debug" in ended.err
    assert "Traceback" not in ended.err


def test_debug_shows_the_traceback_without_the_key(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gen, "run", _broken)
    ended = cogview("gen", "cat", "--debug")
    assert ended.code == 1
    assert "Traceback" in ended.err and "_broken" in ended.err
    assert "canary" not in ended.err


def test_an_expected_error_has_no_traceback_without_debug(cogview: Run) -> None:
    assert "Traceback" not in cogview("gen", "cat", "-s", "1x1").err
    assert "Traceback" in cogview("gen", "cat", "-s", "1x1", "--debug").err


def test_interrupting_is_130(cogview: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(gen, "run", interrupted)
    assert cogview("gen", "cat").code == 130


def test_help_lists_every_exit_code(cogview: Run) -> None:
    ended = cogview("help", "exit-codes")
    assert ended.code == 0
    listed = [int(code) for code in re.findall(r"^([0-9]+)  ", ended.out, re.MULTILINE)]
    assert sorted(listed) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 75, 129, 130, 141, 143]
    assert set(EXIT_MEANINGS) == set(ExitCode)


def test_help_names_every_field_of_a_name_template(cogview: Run) -> None:
    ended = cogview("help", "names")
    for field in ("index", "n", "slug", "id", "model", "size", "created", "date", "time", "ext"):
        assert f"{{{field}}}" in ended.out


def test_help_points_to_the_exit_codes(cogview: Run) -> None:
    for command in ((), ("gen",)):
        assert "help exit-codes" in " ".join(cogview(*command, "--help").out.split())


def test_one_place_alone_ends_the_process() -> None:
    """`SystemExit`, `sys.exit` and `os._exit` are nowhere but in `__main__`; `app` catches one."""
    package = Path(cogview_cli.__file__).parent
    found = set()
    for path in package.rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        caught = {node.type for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)}
        for node in set(ast.walk(tree)) - caught:
            name = getattr(node, "id", None) or getattr(node, "attr", None)
            if name in ("SystemExit", "_exit", "exit"):
                found.add(path.relative_to(package).as_posix())
    assert found <= {"__main__.py"}
