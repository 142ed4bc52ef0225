"""`cogview help`: pages as text, in a pipe, on a terminal and in a pager."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.help import pager
from cogview_cli.help.columns import shrunk
from cogview_cli.help.markdown import Style, render
from cogview_cli.help.pages import TOPICS, page, titles
from cogview_cli.help.styled import OFF, ON, fold_styled, width
from cogview_cli.terminal.text import cell_width, fold
from tests.conftest import Run
from tests.faults.world import run, terminal

NARROW = 60
PAGES = [(topic, lang) for topic in TOPICS for lang in ("en", "zh")]


def text_of(topic: str, lang: str = "en") -> str:
    return page(topic, {"COGVIEW_LANG": lang}).text


# Markdown as text


def test_headings_lists_and_code_are_laid_out() -> None:
    text = "# batch: many\n\nOne `a b`\nline.\n\n- first\n  goes on\n- second\n\n```sh\nx -y\n```\n"
    assert render(text, Style()) == (
        "batch: many\n\nOne `a b` line.\n\n- first goes on\n- second\n\n    x -y\n"
    )


def test_bold_is_for_headings_and_what_is_marked() -> None:
    shown = render("# Top\n\nsome **bold** words\n", Style(bold=True))
    assert shown == "\x1b[1mTop\x1b[0m\n\nsome \x1b[1mbold\x1b[0m words\n"


def test_bold_never_runs_over_the_end_of_a_line() -> None:
    shown = render("**one two three four**\n", Style(columns=10, bold=True))
    assert shown == "\x1b[1mone two\x1b[0m\n\x1b[1mthree four\x1b[0m\n"


def test_links_are_plain() -> None:
    text = "See [money](money.md), [there](https://a.b/c) and [below](#x).\n"
    assert render(text, Style()) == "See `cogview help money`, there (https://a.b/c) and below.\n"


def test_marks_in_code_are_text() -> None:
    assert render("`**a**` and `[b](c.md)`\n", Style()) == "`**a**` and `[b](c.md)`\n"
    assert render("```\n<!-- no -->\n# x\n\n| a |\n```\n", Style()).splitlines()[1:] == [
        "    # x", "", "    | a |",
    ]  # fmt: skip


def test_comments_are_left_out_and_lines_of_chinese_joined() -> None:
    assert render("<!-- x -->\n一行\n两行 a\nb\n<!-- /x -->\n", Style()) == "一行两行 a b\n"


TABLE = "| code | meaning |\n| --- | --- |\n| 5 | it may have been paid, or not \\| who knows |\n"


def test_a_table_is_in_columns_and_its_rows_whole_in_a_pipe() -> None:
    row = "5     it may have been paid, or not | who knows\n"
    assert render(TABLE, Style(columns=40)) == f"code  meaning\n{row}"


def test_on_a_terminal_the_words_of_a_row_are_wrapped() -> None:
    lines = render(TABLE, Style(columns=40, wrap_tables=True)).splitlines()
    assert lines == ["code  meaning", "5     it may have been paid, or not |", "      who knows"]


def test_a_row_that_has_no_room_becomes_a_list() -> None:
    text = "| name | variable | meaning |\n|---|---|---|\n| `size` | `COGVIEW_SIZE` | how large |\n"
    wide = text.replace("how large", "how large it is, in pixels of width and height")
    lines = render(wide, Style(columns=32, wrap_tables=True)).splitlines()
    assert lines[0] == "size" and lines[-1] == "    variable: COGVIEW_SIZE"
    assert all(len(line) <= 32 for line in lines)


@pytest.mark.parametrize(("topic", "lang"), PAGES)
def test_every_page_fits_a_narrow_terminal(topic: str, lang: str) -> None:
    """But for code, which is never broken."""
    shown = render(text_of(topic, lang), Style(columns=NARROW, wrap_tables=True))
    for line in shown.splitlines():
        assert cell_width(line) <= NARROW or line.startswith("    ") or " " not in line.strip()
    assert "<!--" not in shown and "**" not in shown.replace("`**", "") and "](" not in shown


def test_columns_share_what_room_there_is() -> None:
    row = "| 5 | look at the history of it | it may be paid, or not |\n"
    text = f"| a | then do | meaning |\n|-|-|-|\n{row}"
    lines = render(text, Style(columns=40, wrap_tables=True)).splitlines()
    assert lines == [
        "a  then do            meaning",
        "5  look at the        it may be paid, or",
        "   history of it      not",
    ]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=4), st.integers(0, 120))
def test_no_column_is_narrower_than_its_longest_word(widths: list[int], room: int) -> None:
    least = [wide // 2 for wide in widths]
    found = shrunk(widths, least, room)
    assert all(low <= now <= wide for low, now, wide in zip(least, found, widths, strict=True))
    assert sum(found) <= room or found == least


WORDS = st.text("ab 　字，。“” \x01\x02", max_size=60)


@given(WORDS, st.integers(8, 40))
def test_folding_loses_nothing_but_blanks(text: str, columns: int) -> None:
    bare = text.replace(ON, "").replace(OFF, "")
    lines = fold(bare, columns)
    assert "".join("".join(lines).split()) == "".join(bare.split())
    assert all(cell_width(line) <= columns for line in lines if " " in line.strip())


@pytest.mark.parametrize("mark", ",;!?)]，。；！？）")
def test_no_line_begins_with_what_ends_a_clause(mark: str) -> None:
    """ASCII marks stand in Chinese lists of names too."""
    text = f"图片比例{mark} " * 6
    for columns in range(8, 30):
        assert not [line for line in fold(text, columns) if line.startswith(mark)], columns


@given(WORDS, st.integers(8, 40))
def test_marks_take_no_column(text: str, columns: int) -> None:
    for line in fold_styled(text, columns):
        assert width(line) == cell_width(line.replace(ON, "").replace(OFF, ""))


# The command


def test_all_topics_are_listed_with_a_line_each(cogview: Run) -> None:
    ended = cogview("help")
    assert ended.code == 0
    for topic, line in titles():
        assert line and f"\n  {topic} " in ended.out and line in ended.out


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_is_plain_in_a_pipe(cogview: Run, topic: str) -> None:
    ended = cogview("help", topic)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"{topic}: ") and "\x1b" not in ended.out


def test_a_page_is_in_the_users_language(cogview: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COGVIEW_LANG", "zh")
    assert cogview("help", "money").out.startswith("money：")


def test_a_page_that_is_not_translated_is_shown_in_english(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "money.md").write_text("# money: what\n")
    monkeypatch.setattr("cogview_cli.help.pages.FOLDER", tmp_path)
    assert page("money", {"COGVIEW_LANG": "zh"}).line == "what"


@pytest.mark.parametrize("words", [("gen",), ("config",), ("config", "set"), ("recover",)])
def test_a_command_shows_its_own_help(cogview: Run, words: tuple[str, ...]) -> None:
    assert cogview("help", *words).out == cogview(*words, "--help").out


@pytest.mark.parametrize("words", [("gen", "x"), ("config", "nothing"), ("batch", "prompts")])
def test_words_that_call_nothing_are_wrong_usage(cogview: Run, words: tuple[str, ...]) -> None:
    ended = cogview("help", *words)
    assert (ended.code, ended.out) == (2, "")
    assert " ".join(words) in ended.err


# On a terminal


def test_a_short_page_needs_no_pager() -> None:
    code, shown = terminal("help", LINES="60", PAGER="false")
    assert code == 0 and b"exit-codes" in shown


def test_headings_are_bold_on_a_terminal_unless_no_color() -> None:
    assert b"\x1b[1mspeed: " in terminal("help", "speed", LINES="60")[1]
    assert b"\x1b" not in terminal("help", "speed", LINES="60", NO_COLOR="1")[1]


def _pager(folder: Path) -> str:
    """A pager that says what it is given."""
    script = folder / "my pager"
    script.write_text('#!/bin/sh\necho "$1 LESS=$LESS $(wc -l)"\n')
    script.chmod(0o755)
    return f"'{script}' -x"


@pytest.mark.skipif(os.name == "nt", reason="a pager of POSIX")
@pytest.mark.parametrize("name", ["PAGER", "COGVIEW_PAGER"])
def test_a_long_page_goes_through_the_users_pager(tmp_path: Path, name: str) -> None:
    more = {"PAGER": "false", "LINES": "10", name: _pager(tmp_path)}
    code, shown = terminal("help", "batch", **more)
    assert code == 0 and shown.startswith(b"-x LESS=FRX ")


@pytest.mark.parametrize("name", ["", "cat", "/nowhere/less", "'"])
def test_without_a_pager_a_long_page_is_written(name: str) -> None:
    code, shown = terminal("help", "batch", LINES="10", PAGER=name)
    assert code == 0 and b"The same command again" in shown


def test_a_pager_that_ends_early_is_no_error() -> None:
    assert terminal("help", "options", LINES="10", PAGER="true")[0] == 0


def test_the_users_own_options_of_less_are_kept() -> None:
    script = "import os; print(os.environ['LESS'])"
    more = {"LESS": "-N", "PAGER": f'{sys.executable} -c "{script}"', "LINES": "10"}
    assert terminal("help", "batch", **more)[1].strip() == b"-N"


def test_less_is_the_pager_where_none_is_chosen() -> None:
    assert pager.command({}) == ["less"]
    assert pager.command({"PAGER": "most -s", "COGVIEW_PAGER": ""}) == []


def test_nothing_is_paged_in_a_pipe() -> None:
    ended = run("help", "options", PAGER="false", LINES="10")
    assert ended.code == 0 and "--size" in ended.out


def test_a_word_like_no_topic_is_told_of_the_list(cogview: Run) -> None:
    ended = cogview("help", "nonsense")
    assert (ended.code, ended.err.splitlines()[1]) == (2, "hint: cogview help"), ended
    assert "cogview help money" in cogview("help", "monye").err
