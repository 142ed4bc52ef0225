"""What the ledger keeps of a message, and what of it people see: words, in their language."""

from __future__ import annotations

import ast
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.i18n import LOCALES
from cogview_cli.i18n.stored_messages import SAID, TEMPLATES, VALUE_LIMIT, Message, holes
from cogview_cli.ledger import Intent, Ledger
from tests.conftest import Run

ROOT = LOCALES.parent
# Every character, halves of surrogate pairs too.
TEXTS = st.text(st.characters(), max_size=40)


def filled(names: st.SearchStrategy[str], values: st.SearchStrategy[object]) -> st.SearchStrategy:
    return names.flatmap(
        lambda name: st.fixed_dictionaries(dict.fromkeys(holes(TEMPLATES[name]), values)).map(
            lambda given: Message.of(name, **given)
        )
    )


NAMES = st.sampled_from(sorted(TEMPLATES))
MESSAGES = st.recursive(filled(NAMES, TEXTS), lambda inner: filled(NAMES, TEXTS | inner))
JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS | st.just("why"), inner),
)


@given(MESSAGES)
def test_what_is_stored_is_read_back(message: Message) -> None:
    stored = message.stored()
    assert Message.from_stored(stored) == message
    assert stored.isascii() and stored.isprintable()  # no control or bidi character in the file


@given(TEXTS | JSON_LIKE.map(json.dumps) | st.tuples(NAMES, JSON_LIKE).map(json.dumps))
def test_any_other_text_is_read_without_an_error(text: str) -> None:
    """Older versions stored sentences; a damaged row must not stop `history`."""
    assert isinstance(str(Message.from_stored(text)), str)


@pytest.mark.parametrize(
    "text",
    ["no answer within 30 s", "敏感内容", "", "{}", "[]", '"said"', "7", '["said"]', '["said",{}]',
     '["redirects",{"why":"5"}]', '["redirects",{"count":5}]', '{"name":"x"}', "[" * 100_000],
)  # fmt: skip
def test_the_text_of_an_older_version_is_shown_as_it_stands(text: str) -> None:
    assert str(Message.from_stored(text)) == str(Message.said(text))


def test_a_message_of_a_newer_version_still_tells_its_values() -> None:
    stored = '["disk-on-fire",{"path":"/x","why":["answer-cut",{}]}]'
    assert str(Message.from_stored(stored)) == "disk on fire: /x: the answer was cut short"


def test_a_servers_words_are_never_taken_for_ours() -> None:
    imitation = Message.of("answer-cut").stored()
    assert str(Message.from_stored(Message.said(imitation).stored())) == imitation


def test_a_value_is_cut_to_a_sane_length() -> None:
    shown = str(Message.said("x" * 10**6))
    assert len(shown) == VALUE_LIMIT and shown.endswith("x…")
    assert len(str(Message.from_stored("x" * 10**6))) == VALUE_LIMIT


def test_braces_of_a_value_are_text() -> None:
    assert str(Message.of("tls", why="{path} {0}")) == "TLS: {path} {0}"


def test_the_language_is_that_of_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    message = Message.of("no-picture", why=Message.of("data-cut", format="PNG"))
    monkeypatch.setenv("COGVIEW_LANG", "zh")
    stored, chinese = message.stored(), str(message)
    monkeypatch.setenv("COGVIEW_LANG", "en")
    assert chinese == "收到的不是图片：PNG 数据不完整"
    assert str(Message.from_stored(stored)) == (
        "what arrived is not a picture: the PNG data is cut short"
    )


# The code and the table.


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every `Message.of(…)` of the program, with its place."""
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Message.of":
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def names_in_code() -> dict[str, set[str]]:
    """The names that the code uses, and the holes it fills; a name that is no constant fails."""
    found: dict[str, set[str]] = {}
    for place, call in calls():
        (first,) = call.args
        if place.startswith("i18n/"):
            continue  # reads back what is stored
        assert isinstance(first, ast.Constant), place
        filled_here = {str(keyword.arg) for keyword in call.keywords}
        assert found.setdefault(first.value, filled_here) == filled_here, place
    return found


def test_every_name_is_in_the_table_and_its_holes_are_filled() -> None:
    used = names_in_code()
    assert {name: holes(TEMPLATES[name]) for name in used} == used


def test_every_template_is_used() -> None:
    assert set(TEMPLATES) - set(names_in_code()) == {SAID}


def test_no_two_templates_say_the_same() -> None:
    assert len(set(TEMPLATES.values())) == len(TEMPLATES)


# From the wire to the screen.

HOSTILE = "no \x1b[31m\u202epicture\x00\r\n"


def lost(message: Message) -> str:
    """A request whose outcome is unknown, in the ledger; its id."""
    intent = Intent(
        key="k", body={"model": "cogview-4", "prompt": "p"}, target={}, price=Decimal("0.06"),
        currency="CNY", base_url="https://api.invalid", account="a", namespace="n",
    )  # fmt: skip
    with Ledger(Path(os.environ["COGVIEW_STATE_DIR"])) as ledger:
        id = ledger.intend(intent).id
        ledger.unknown(id, message, None)
    return id


def column() -> str:
    """What the file holds."""
    with closing(sqlite3.connect(Path(os.environ["COGVIEW_STATE_DIR"], "ledger.db"))) as db:
        return str(db.execute("SELECT message FROM requests").fetchone()[0])


def rewrite(text: str) -> None:
    """Stores the sentence of an older version."""
    with closing(sqlite3.connect(Path(os.environ["COGVIEW_STATE_DIR"], "ledger.db"))) as db, db:
        db.execute("UPDATE requests SET message = ?", (text,))


def test_history_tells_words_and_the_ledger_keeps_the_name(cogview: Run) -> None:
    lost(Message.of("no-answer", seconds="30"))
    assert column() == '["no-answer",{"seconds":"30"}]'
    ended = cogview("history", "--json")
    assert json.loads(ended.out)["message"] == "no answer within 30 s"


def test_history_shows_what_an_older_version_stored(cogview: Run) -> None:
    lost(Message.said(""))
    rewrite("cannot connect: [Errno 111] Connection refused")
    ended = cogview("history", "--json")
    assert json.loads(ended.out)["message"] == "cannot connect: [Errno 111] Connection refused"


def test_control_characters_stay_in_the_data(cogview: Run) -> None:
    lost(Message.said(HOSTILE))
    assert column().isascii() and column().isprintable()
    ended = cogview("history", "--json")
    assert json.loads(ended.out)["message"] == HOSTILE
    assert ended.out.rstrip("\n").isprintable()


def test_a_run_in_chinese_leaves_a_ledger_for_everyone(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COGVIEW_LANG", "zh")
    ended = cogview("gen", "dog sandbox:lost-answer", "--size", "512x512")
    assert ended.code == 5 and "应答还没收完" in ended.err, ended
    monkeypatch.setenv("COGVIEW_LANG", "en")
    assert column().isascii()
    told = json.loads(cogview("history", "--json").out)["message"]
    assert told.startswith("the connection was c")
