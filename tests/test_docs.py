"""What the README, the manual and the changelog say is what the program does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cogview_cli import __version__
from cogview_cli.api.error_codes import CODES, ErrorClass
from cogview_cli.api.models import MODELS, PRICES_AS_OF
from cogview_cli.app import root_command
from cogview_cli.config.settings import SETTINGS
from cogview_cli.disk.names import TEMPLATE_FIELDS
from cogview_cli.help.pages import FOLDER, TOPICS, page
from tests.readme import options_reference, walk
from tests.test_layers import ORDER

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
VENDOR_FACTS = (ROOT / "cogview_cli" / "api" / "README.md").read_text("utf-8")
COMMANDS = dict(walk(root_command(), "cogview"))
CONTRIBUTING = (ROOT / ".github" / "CONTRIBUTING.md").read_text("utf-8")


def test_the_readme_is_in_both_languages() -> None:
    """With a link at the top; each chapter has its counterpart."""
    english, chinese = README.split("\n# 中文\n")
    assert "[中文](#中文)" in english.splitlines()[2]
    chapters = [re.findall(r"^##+ ", half, re.MULTILINE) for half in (english, chinese)]
    assert chapters[0] == chapters[1]


def _commands(text: str) -> list[str]:
    """The fenced blocks that are to be typed or kept, not what a program shows."""
    blocks = re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL)
    return [block for kind, block in blocks if kind != "text"]


def test_both_halves_show_the_same_commands() -> None:
    english, chinese = README.split("\n# 中文\n")
    assert _commands(english) == _commands(chinese) != []


def test_the_readme_is_short() -> None:
    english, chinese = README.split("\n# 中文\n")
    assert english.count("\n") <= 150
    assert chinese.count("\n") <= 120


# The manual


def _manual(topic: str, lang: str) -> str:
    return page(topic, {"COGVIEW_LANG": lang}).text


def test_the_topics_are_the_pages_that_there_are() -> None:
    for lang in ("en", "zh"):
        assert {path.stem for path in (FOLDER / lang).iterdir()} == set(TOPICS)


@pytest.mark.parametrize("topic", TOPICS)
def test_a_page_is_the_same_in_both_languages(topic: str) -> None:
    """The same chapters, the same commands, the same tables, another first line."""
    english, chinese = _manual(topic, "en"), _manual(topic, "zh")
    assert english.startswith(f"# {topic}: ") and chinese.startswith(f"# {topic}：")
    assert _commands(english) == _commands(chinese)
    for mark in (r"^##+ ", r"^\|", r"^(?:- |[0-9]+\. )", r"^<!-- "):
        counts = [len(re.findall(mark, text, re.MULTILINE)) for text in (english, chinese)]
        recipes_are_run_once = topic == "recipes" and mark == "^<!-- "
        assert counts[0] == counts[1] or recipes_are_run_once, mark


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.md")), ids=lambda path: path.stem)
def test_the_links_of_a_page_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", path.read_text("utf-8")):
        assert (path.parent / target).is_file(), target


def test_the_links_of_the_readme_lead_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert len(links) > 2 * len(TOPICS)
    assert all((ROOT / link).is_file() for link in links), links


def _lines_to_type(text: str) -> Iterator[str]:
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        yield from block.splitlines()


ALL_TEXTS = {**{topic: _manual(topic, "en") for topic in TOPICS}, "README": README}


# Pages of what is being built: who finishes it takes its name out.
COMING: set[str] = set()


def _texts() -> Iterator[Any]:
    for name in ALL_TEXTS:
        waits = pytest.mark.xfail(name in COMING, reason="not built yet")
        yield pytest.param(name, marks=waits)


@pytest.mark.parametrize("name", list(_texts()))
def test_every_option_that_is_shown_exists(name: str) -> None:
    """In each command line of the manual, the command and its options."""
    for line in _lines_to_type(ALL_TEXTS[name]):
        for words in re.findall(r"\bcogview ((?:[a-z-]+ ?)+)([^|#&]*)", line.split(" # ")[0]):
            path = _longest(words[0].split())
            options = re.findall(r"(?<!\S)(--?[a-z][a-z0-9-]*)", " ".join(words))
            known = {name for param in COMMANDS[path].params for name in _names(param)}
            assert set(options) - {"--help"} <= known, line


def _longest(words: list[str]) -> str:
    """The command that the words begin with."""
    paths = [" ".join(["cogview", *words[:n]]) for n in range(len(words), 0, -1)]
    return next(path for path in paths if path in COMMANDS)


def _names(param: Any) -> list[str]:
    return [*param.opts, *param.secondary_opts]


def test_the_page_about_names_has_every_field() -> None:
    for lang in ("en", "zh"):
        assert all(f"`{{{field}}}`" in _manual("names", lang) for field in TEMPLATE_FIELDS)


# The project's files


def _project_files() -> Iterator[tuple[Path, str]]:
    """Every text of the project that people wrote, with its place; not what tools leave behind."""
    for folder in (".", ".ci", ".github", "cogview_cli", "completions", "tests"):
        found = (ROOT / folder).glob("*") if folder == "." else (ROOT / folder).rglob("*")
        for path in sorted(found):
            left_behind = path.name == ".git" or path.name.startswith(".coverage")
            if path.is_file() and path.suffix not in (".mo", ".pyc", ".webp") and not left_behind:
                yield path, path.read_text("utf-8")


def _cited(text: str) -> Iterator[str]:
    """Paths of documents: below a folder for documents, or below one of ours."""
    yield from re.findall(r"(?<![\w/.])(?:\.\./)*(?:reference|docs)/[\w./-]+", text)
    yield from re.findall(r"(?<![\w/.-])(?:\.\./)*(?:cogview_cli|api|tests)/[\w./-]*\.md\b", text)


def _exists(path: str, beside: Path) -> bool:
    return any((base / path).exists() for base in (ROOT, ROOT / "cogview_cli", beside))


@pytest.mark.parametrize("folder", ["reference", "../docs", "tests", "cogview_cli/api"])
def test_a_citation_of_a_page_elsewhere_is_noticed(folder: str) -> None:
    [cited] = set(_cited(f"(see {folder}/WHY.md §3)"))
    assert not _exists(cited, ROOT)


def test_every_page_that_is_cited_is_in_the_project() -> None:
    """What the code relies on can be read by those who have only the repository."""
    for path, text in _project_files():
        if path != Path(__file__):
            missing = [cited for cited in _cited(text) if not _exists(cited, path.parent)]
            assert not missing, path


def _anchors(text: str) -> set[str]:
    """The headings of a page as links name them."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_cited_section_of_the_vendors_facts_exists() -> None:
    anchors, cited = _anchors(VENDOR_FACTS), set()
    for path, text in _project_files():
        found = set(re.findall(r"api/README\.md#([\w-]+)", text))
        assert found <= anchors, path
        cited |= found
    cited |= set(re.findall(r"\]\(#([\w-]+)\)", VENDOR_FACTS))
    assert "error-codes" in cited <= anchors


def _codes_in(cell: str) -> Iterator[str]:
    """`1300, 1310–1312` as codes."""
    for part in cell.split(", "):
        first, _dash, last = part.partition("–")
        yield from map(str, range(int(first), int(last or first) + 1))


def test_the_vendors_facts_list_every_code_under_its_class() -> None:
    """Ranges name only codes that there are."""
    rows = re.findall(r"^\| ([a-z ]+) \| ([0-9–, ]+) \|", VENDOR_FACTS, re.MULTILINE)
    told = {code: kind for kind, cell in rows for code in _codes_in(cell) if code in CODES}
    assert told == {code: entry.kind.value for code, entry in CODES.items()}
    assert {kind for kind, _cell in rows} == {kind.value for kind in ErrorClass} - {"not the API"}


def test_the_vendors_facts_list_every_model_and_preset() -> None:
    for name, rules in MODELS.items():
        assert f"`{name}`" in VENDOR_FACTS
        assert " ".join(map(str, rules.presets)) in VENDOR_FACTS, name


def test_the_map_for_contributors_has_every_folder_in_order() -> None:
    listed = re.search(r"```text\n(.*?)```", CONTRIBUTING, re.DOTALL)
    assert listed
    names = [line.split()[0] for line in listed[1].splitlines()]
    level = {name: number for number, line in enumerate(ORDER) for name in line}
    assert set(names) == set(level) - {"__init__"}
    assert [level[name] for name in names] == sorted(level[name] for name in names)


def test_the_manual_dates_the_prices() -> None:
    assert all(PRICES_AS_OF in _manual("money", lang) for lang in ("en", "zh"))


def test_the_newest_change_is_of_this_version() -> None:
    versions = re.findall(
        r"^## \[([0-9][^\]]*)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M
    )
    assert versions[0] == __version__


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_is_in_the_manual(path: str) -> None:
    told = "\n".join(_manual(topic, "en") for topic in TOPICS if topic != "options")
    assert path in told


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_and_option_has_help(path: str) -> None:
    command = COMMANDS[path]
    assert command.help
    for param in command.params:
        assert getattr(param, "help", None), param.name


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_and_option_is_in_the_reference(path: str) -> None:
    text = options_reference().replace("\\|", "|")
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
