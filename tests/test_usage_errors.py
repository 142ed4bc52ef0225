"""A mistyped word is answered with the right one, and every usage error with a next command."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.app import root_command
from tests.conftest import Run
from tests.readme import walk

COMMANDS = dict(walk(root_command(), "cogview"))
OPTIONS = [
    (path, option)
    for path, command in COMMANDS.items()
    for param in command.params
    for option in (*param.opts, *param.secondary_opts)
    if option.startswith("--") and len(option) >= len("--json")
]


def hint(cogview: Run, *line: str) -> str:
    ended = cogview(*line)
    assert (ended.code, ended.out) == (2, ""), ended
    error, said = ended.err.splitlines()
    assert error.startswith("error: ")
    return said.removeprefix("hint: ")


def swapped(word: str, at: int) -> str:
    """`word` with two neighbouring letters exchanged."""
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


@pytest.mark.parametrize(("path", "option"), OPTIONS, ids=" ".join)
def test_an_option_with_two_letters_exchanged_is_recognised(
    cogview: Run, path: str, option: str
) -> None:
    places = [i for i in range(2, len(option) - 1) if option[i] != option[i + 1]]
    typo = swapped(option, random.choice(places))
    said = hint(cogview, *path.split()[1:], typo)
    assert said.startswith("did you mean: ")
    assert f"{path} {option}" in said.removeprefix("did you mean: ").split(", or: ")


VALUED = [
    (path, option)
    for path, command in COMMANDS.items()
    for param in command.params
    for option in param.opts
    if option.startswith("-") and not param.is_flag and option != "--embed"
]
# One of each command.
FLAGS = {
    path: option
    for path, command in COMMANDS.items()
    for param in command.params
    for option in param.opts
    if option.startswith("--") and getattr(param, "is_flag", False)
}


@pytest.mark.parametrize(("path", "option"), VALUED, ids=" ".join)
def test_a_value_that_is_missing_leads_to_the_help_of_its_command(
    cogview: Run, path: str, option: str
) -> None:
    assert hint(cogview, *path.split()[1:], option) == f"{path} --help"


@pytest.mark.parametrize(("path", "option"), FLAGS.items())
def test_a_value_too_many_leads_to_the_help_of_its_command(
    cogview: Run, path: str, option: str
) -> None:
    assert hint(cogview, *path.split()[1:], f"{option}=x") == f"{path} --help"


def test_options_before_do_not_hide_the_command(cogview: Run) -> None:
    assert hint(cogview, "gen", "--quiet", "猫", "--size") == "cogview gen --help"
    assert hint(cogview, "check-text", "--quiet", "--text") == "cogview check-text --help"


# `history` takes words to look for: `history resolvee` is one.
TAKES_WORDS = ("cogview history resolve",)


@pytest.mark.parametrize("path", [p for p in COMMANDS if " " in p and p not in TAKES_WORDS])
def test_a_command_with_its_last_letter_doubled_is_recognised(cogview: Run, path: str) -> None:
    assert path in hint(cogview, *(path + path[-1]).split()[1:]).split(": ", 1)[1].split(", or: ")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (("gen", "cat", "--sise", "1440x720"), "did you mean: cogview gen --size"),
        (("gen", "cat", "--api-key", "k"), "use: cogview config set api-key"),
        (("gen", "cat", "--api-key=k"), "use: cogview config set api-key"),
        (("gen", "cat", "--width", "512"), "use: cogview gen --size 1440x720"),
        (("水墨山水",), "cogview gen '水墨山水'"),
        (("a cat",), "cogview gen 'a cat'"),
        (("xyzzy",), "cogview --help"),
        (("gen", "a", "cat"), "a prompt is one argument, in quotes: cogview gen "),
        (("gen", "-Z"), "cogview gen --help"),
        (("config",), "cogview config --help"),
        (("history", "resolve"), "cogview history resolve --help"),
        (("gen", "cat", "-n", "two"), "cogview gen --help"),
    ],
)  # fmt: skip
def test_the_hint_is_the_next_command(cogview: Run, line: tuple[str, ...], expected: str) -> None:
    said = hint(cogview, *line)
    assert said.startswith(expected)


def test_a_key_typed_as_an_option_is_not_repeated(cogview: Run) -> None:
    for line in (("gen", "cat", "--api-key=canary.k"), ("gen", "cat", "--api-kee=canary.k")):
        assert "canary" not in cogview(*line).err


@given(st.text(min_size=1, max_size=30))
def test_no_word_of_nonsense_is_a_bug(word: str) -> None:
    from cogview_cli.cli.usage_errors import explain

    command = root_command()
    try:
        command.main(args=[f"--{word}"], prog_name="cogview", standalone_mode=False)
    except Exception as error:
        assert explain(error, [f"--{word}"], "cogview").hint  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (("gen", "cat", "--seed", "3"), "--extra seed=42"),
        (("gen", "cat", "--seed=3"), "--extra seed=42"),
        (("gen", "cat", "--negative-prompt", "dog"), "--extra negative_prompt=TEXT"),
        (("gen", "-5 degrees"), "cogview gen -- '-5 degrees'"),
        (("gen", "-猫"), "cogview gen -- -猫"),
        (("gen", "--一只猫"), "cogview gen -- --一只猫"),
        (("gen", "--a cat on a mat"), "cogview gen -- '--a cat on a mat'"),
    ],
)  # fmt: skip
def test_what_is_no_option_says_what_to_write(
    cogview: Run, line: tuple[str, ...], expected: str
) -> None:
    assert expected in hint(cogview, *line).replace("'-猫'", "-猫").replace(
        "'--一只猫'", "--一只猫"
    )


def test_the_hint_for_a_prompt_with_a_dash_works(cogview: Run) -> None:
    assert cogview("gen", "--dry-run", "--", "-5 degrees").code == 0


@pytest.mark.parametrize("dash", "‐‑‒–—―−﹣－")
@pytest.mark.parametrize(
    ("line", "option"),
    [
        (("gen", "猫", "{}size", "512x512"), "--size"),
        (("gen", "猫", "{}size=512x512"), "--size=512x512"),
        (("gen", "猫", "-{}size=512x512"), "--size=512x512"),
        (("gen", "猫", "{}n", "2"), "-n"),
        (("gen", "{}help"), "--help"),
        (("batch", "p.txt", "{}dry-run"), "--dry-run"),
        (("config", "set", "{}profile", "x", "size", "wide"), "--profile"),
        (("{}version",), "--version"),
    ],
)  # fmt: skip
def test_a_dash_that_is_no_hyphen_is_told_before_it_is_paid_for(
    cogview: Run, dash: str, line: tuple[str, ...], option: str
) -> None:
    assert hint(cogview, *(word.replace("{}", dash) for word in line)) == f"type it so: {option}"


@pytest.mark.parametrize("prompt", ["——一只猫", "— a cat", "–", "–size is big"])
def test_a_prompt_may_begin_with_any_dash(cogview: Run, prompt: str) -> None:
    assert cogview("gen", prompt, "--dry-run").code == 0
    assert cogview("gen", "--dry-run", "--", "—size").code == 0
