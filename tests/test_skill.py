"""`cogview skill`: what agents read, where they look for it, and nothing of anybody else's."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from cogview_cli.errors import ExitCode
from cogview_cli.help import skill
from cogview_cli.help.skill import may_replace, sealed
from tests.conftest import Run
from tests.test_docs import COMMANDS

PAGE = skill.text()
FRONT, BODY = PAGE.split("---\n", 2)[1:]
CLAUDE, AGENTS = (Path(f".{name}/skills/cogview/SKILL.md") for name in ("claude", "agents"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    return folder


# The page


def test_the_page_has_the_form_of_a_skill() -> None:
    front = yaml.safe_load(FRONT)
    assert set(front) == {"name", "description"}
    assert front["name"] == "cogview" and len(front["description"]) <= 300
    assert len(PAGE.splitlines()) < 120


@pytest.mark.parametrize("word", ["--once", "--max-cost", "--json", "--deadline", "auto"])
def test_the_page_names_what_an_agent_needs(word: str) -> None:
    assert word in BODY


def test_the_page_says_what_to_do_about_every_exit_code() -> None:
    rows = re.findall(r"^\| ([0-9, ]+) \|", BODY, re.MULTILINE)
    told = {int(code) for row in rows for code in row.split(", ")}
    assert told == set(ExitCode)


def test_every_command_line_of_the_page_has_options_that_exist() -> None:
    lines = re.findall(r"`?\bcogview ([a-z]+(?: [a-z]+)?)([^`\n]*)", BODY)
    assert len(lines) > 10
    for words, rest in lines:
        names = [f"cogview {words}", f"cogview {words.split()[0]}"]
        path = next(name for name in names if name in COMMANDS)
        known = {
            name for param in COMMANDS[path].params for name in (*param.opts, *param.secondary_opts)
        }
        asked = set(re.findall(r"(?<!\S)(--?[a-z][a-z-]*)", rest.split(" # ")[0]))
        assert asked - {"--help"} <= known, (words, rest)


def test_the_command_of_the_page_works(cogview: Run) -> None:
    """As an agent types it, twice: the second time nothing is paid."""
    [line] = re.findall(r"^cogview (gen .*)$", BODY, re.MULTILINE)
    words = line.replace('"PROMPT"', "cat").split()
    first, second = cogview(*words), cogview(*words)
    assert first.code == second.code == 0
    assert '"status": "saved"' in first.out and '"status": "skipped"' in second.out


# Showing and installing


@pytest.mark.parametrize("words", [("skill",), ("skill", "show")])
def test_it_is_shown(cogview: Run, words: tuple[str, ...]) -> None:
    assert cogview(*words).out == PAGE


@pytest.mark.parametrize(
    ("flags", "written"),
    [
        ((), {CLAUDE, AGENTS}),
        (("--claude",), {CLAUDE}),
        (("--agents",), {AGENTS}),
        (("--claude", "--agents"), {CLAUDE, AGENTS}),
    ],
)
@pytest.mark.parametrize("here", [False, True])
def test_it_is_written_where_agents_look(
    cogview: Run, home: Path, flags: tuple[str, ...], written: set[Path], here: bool
) -> None:
    ended = cogview("skill", "install", *flags, *(("--here",) if here else ()))
    base = Path() if here else home
    assert ended.code == 0 and {Path(line) for line in ended.out.splitlines()} == {
        base / path for path in written
    }
    for path in written:
        assert (base / path).read_text("utf-8").startswith(PAGE.rstrip("\n"))
    assert not list((home if here else Path()).rglob("SKILL.md"))


def test_the_folder_of_claude_code_may_be_elsewhere(
    cogview: Run, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "own"))
    assert cogview("skill", "install", "--claude").out == (
        f"{tmp_path}/own/skills/cogview/SKILL.md\n"
    )


def test_an_older_page_of_ours_is_replaced(cogview: Run) -> None:
    AGENTS.parent.mkdir(parents=True)
    AGENTS.write_bytes(sealed(b"an older one\n"))
    assert cogview("skill", "install", "--agents", "--here").code == 0
    assert "--deadline" in AGENTS.read_text("utf-8")


@pytest.mark.parametrize("there", [b"", b"mine\n", sealed(b"theirs\n") + b"and mine\n"])
def test_what_is_not_ours_is_left_alone_unless_forced(cogview: Run, there: bytes) -> None:
    AGENTS.parent.mkdir(parents=True)
    AGENTS.write_bytes(there)
    ended = cogview("skill", "install", "--agents", "--here")
    assert (ended.code, ended.out) == (2, "") and str(AGENTS) in ended.err
    assert AGENTS.read_bytes() == there
    assert cogview("skill", "install", "--agents", "--here", "--force").code == 0
    assert may_replace(AGENTS)


def test_a_link_is_not_written_through(cogview: Run) -> None:
    AGENTS.parent.mkdir(parents=True)
    Path("mine.md").write_bytes(sealed(b"x\n"))
    AGENTS.symlink_to(Path("mine.md").resolve())
    assert cogview("skill", "install", "--agents", "--here").code == 2


def test_a_folder_that_cannot_be_made_is_told(cogview: Run) -> None:
    Path(".agents").write_text("a file")
    ended = cogview("skill", "install", "--agents", "--here")
    assert ended.code == 9 and ".agents" in ended.err


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
def test_everybody_may_read_the_page_and_git_takes_it(cogview: Run) -> None:
    cogview("skill", "install", "--here")
    assert CLAUDE.stat().st_mode & 0o777 == 0o644
    subprocess.run(["git", "init", "-q"], check=True)
    done = subprocess.run(["git", "add", "-n", "."], capture_output=True, text=True, check=True)
    assert str(CLAUDE) in done.stdout
