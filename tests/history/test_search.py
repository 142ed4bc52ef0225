"""`history` finds: words, dates, the newest, totals; on a terminal and in a pipe."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cogview_cli.history.lines import STATE_WORDS, Table, plain_line
from cogview_cli.history.totals import Totals
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.ledger import Intent, Ledger, State
from cogview_cli.ledger.entry import to_json
from cogview_cli.ledger.search import Search, _with_words, folded, found, words_of
from cogview_cli.sandbox.thread import SandboxThread
from cogview_cli.terminal.text import cell_width
from tests.batch.support import ENTRY
from tests.conftest import Run
from tests.gallery.samples import answered
from tests.processes import COMMAND, environment, on_terminal

DAY = 86400
PROMPTS = ("一只月饼", "a moon cake 月饼 sandbox", "full Ｍｏｏｎ", "cat", 'ein "Käse"\nzwei')


def opened(clock: float | None = None) -> Ledger:
    now = time.time() if clock is None else clock
    return Ledger(Path(os.environ["COGVIEW_STATE_DIR"]), clock=lambda: now)


def asked(
    prompt: str, when: float | None = None, *, state: State = State.SAVED, account: str = "a",
    currency: str = "CNY", price: str | None = "0.06", model: str = "cogview-4",
    file: str = "/pics/1.png",
) -> str:  # fmt: skip
    """A request of the ledger that ended in `state`; its id."""
    intent = Intent(
        key=prompt, body={"model": model, "prompt": prompt},
        target={"destination": {"root": "/wanted"}},
        price=None if price is None else Decimal(price), currency=currency,
        base_url="https://api.invalid", account=account, namespace=os.urandom(8).hex(),
    )  # fmt: skip
    with opened(when) as ledger:
        id = ledger.intend(intent).id
        if state == State.SAVED:
            ledger.answer(id, answered(200, {}), 1.0)
            ledger.saved(id, [{"file": file}])
        elif state == State.UNKNOWN:
            ledger.unknown(id, Message.said("cut"), None)
        else:
            ledger._set(id, state=state)
    return id


def prompts(ended: object) -> list[str]:
    out: str = ended.out  # type: ignore[attr-defined]
    return [json.loads(line)["prompt"] for line in out.splitlines()]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["月饼"], [0, 1]),
        (["moon"], [1, 2]),
        (["MOON"], [1, 2]),
        (["ｍｏｏｎ"], [1, 2]),
        (["月饼", "Moon"], [1]),
        (["moon", "月饼"], [1]),
        (["moon 月饼"], [1]),
        (["ka\u0308se"], [4]),
        (['"Käse"'], [4]),
        (["zwei", "ein"], [4]),
        (["cake", "cat"], []),
        (["%"], []),
        (["cogview-4"], []),
        ([""], [0, 1, 2, 3, 4]),
        ([], [0, 1, 2, 3, 4]),
    ],
)
def test_all_words_in_any_order_and_form(
    words: list[str], expected: list[int], cogview: Run
) -> None:
    for prompt in PROMPTS:
        asked(prompt)
    ended = cogview("history", *words, "--json")
    assert ended.code == 0, ended
    assert prompts(ended) == [PROMPTS[at] for at in expected]
    assert f"{len(expected)} request" in ended.err


def test_options_may_stand_anywhere(cogview: Run) -> None:
    for prompt in PROMPTS:
        asked(prompt)
    for line in (["--json", "月饼"], ["月饼", "--json"], ["--limit", "9", "月饼", "--json"]):
        assert prompts(cogview("history", *line)) == list(PROMPTS[:2]), line


def test_the_word_resolve_is_looked_for_behind_dashes(cogview: Run) -> None:
    asked("resolve the riddle")
    assert prompts(cogview("history", "--json", "--", "resolve")) == ["resolve the riddle"]
    assert prompts(cogview("history", "--json", "riddle", "resolve")) == ["resolve the riddle"]
    ended = cogview("history", "resolve")
    assert ended.code == 2 and "missing argument" in ended.err.lower(), ended
    assert cogview("history", "--json", "resolve").code == 2


def test_limit_keeps_the_newest_in_their_order(cogview: Run) -> None:
    for number in range(5):
        asked(f"cat {number}")
    asked("dog")
    assert prompts(cogview("history", "cat", "--limit", "2", "--json")) == ["cat 3", "cat 4"]
    assert cogview("history", "--limit", "0").code == 2


def test_since_until_and_month(cogview: Run) -> None:
    for prompt, moment in (
        ("october", (2026, 10, 31, 23, 59, 59)), ("first", (2026, 11, 1, 0, 0, 0)),
        ("last", (2026, 11, 30, 23, 59, 59)), ("december", (2026, 12, 1, 0, 0, 0)),
    ):  # fmt: skip
        asked(prompt, time.mktime((*moment, 0, 0, -1)))
    find = ("history", "--json")
    assert prompts(cogview(*find, "--month", "2026-11")) == ["first", "last"]
    assert prompts(cogview(*find, "--until", "2026-11-01")) == ["october", "first"]
    assert prompts(cogview(*find, "--since", "2026-12")) == ["december"]
    assert prompts(cogview(*find, "--since", "2026年11月", "--until", "2026-11-30")) == [
        "first", "last",
    ]  # fmt: skip
    ended = cogview("history", "--until", "nonsense")
    assert ended.code == 2 and "hint: --until" in ended.err and "yesterday" in ended.err


def test_more_requests_than_a_page_come_once_and_in_order(cogview: Run) -> None:
    fill(1203)
    every = prompts(cogview("history", "--json"))
    assert every == [f"cat {number}" for number in range(1203)]
    assert prompts(cogview("history", "--json", "--limit", "700")) == every[-700:]


def test_a_reader_that_waits_keeps_no_writer_waiting() -> None:
    """`history | less` on a ledger in use."""
    fill(1203)
    with opened() as ledger:
        reading = ledger.search(Search())
        first = next(reading)
        with Ledger(ledger.folder, patience=0.2) as other:
            other.files_so_far(first.id, [])
        assert sum(1 for _ in reading) == 1202


def test_what_is_found_first_is_told_before_all_is_read() -> None:
    fill(1203)
    with opened() as ledger:
        asked_for: list[int] = []

        def ask(query: str, values: object) -> list[sqlite3.Row]:
            found = ledger._file.rows(query, values)  # type: ignore[arg-type]
            asked_for.append(len(found))
            return found

        next(found(ask, Search(words=("cat",))))
        assert sum(asked_for) < 200


def fill(count: int) -> None:
    """So many saved requests, written at once."""
    asked("cat 0")
    with opened() as ledger, ledger._file.transaction() as db:
        row = dict(ledger._file.rows("SELECT * FROM requests")[0])
        row["body"] = row["body"].replace("cat 0", "cat {}")
        names = ", ".join(row)
        marks = ", ".join(f":{name}" for name in row)
        rows: Iterator[dict[str, object]] = (
            {**row, "id": f"{n}", "seq": row["seq"] + n, "body": row["body"].replace("{}", str(n))}
            for n in range(1, count)
        )
        db.executemany(f"INSERT INTO requests ({names}) VALUES ({marks})", rows)


# Totals.


def mixed() -> None:
    november, october = (time.mktime((2026, month, 5, 12, 0, 0, 0, 0, -1)) for month in (11, 10))
    asked("a", november)
    asked("b", november, state=State.UNKNOWN)
    asked("c", november, currency="USD", price="0.01", model="glm-image", file="/other/2.png")
    asked("d", october)
    asked("e", november, account="sandbox")
    asked("f", november, price=None, currency="EUR")


def test_totals_of_months_keep_currencies_and_sandboxes_apart(cogview: Run) -> None:
    mixed()
    ended = cogview("history", "--by", "month", "--json")
    october, november, sandbox = map(json.loads, ended.out.splitlines())
    assert october == {
        "schema": 1, "type": "total", "by": "month", "name": "2026-10", "requests": 1, "saved": 1,
        "cost": {"CNY": "0.06"}, "cost_max": {"CNY": "0.06"},
    }  # fmt: skip
    assert (november["requests"], november["saved"]) == (4, 3)
    assert november["cost"] == {"CNY": "0.06", "USD": "0.01", "EUR": None}
    assert november["cost_max"] == {"CNY": "0.12", "USD": "0.01", "EUR": None}
    assert (sandbox["sandbox"], sandbox["requests"], sandbox["cost"]) == (True, 1, {})
    assert ended.err == (
        "5 requests, paid 0.12 CNY + 0.01 USD + ? EUR,"
        " up to 0.18 CNY + 0.01 USD with the unknown; 1 in a sandbox, free\n"
    )


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("day", ["2026-10-05", "2026-11-05", "2026-11-05 (sandbox)"]),
        ("model", ["cogview-4", "cogview-4 (sandbox)", "glm-image"]),
        ("folder", ["/other", "/pics", "/pics (sandbox)", "/wanted"]),
    ],
)
def test_other_totals(by: str, names: list[str], cogview: Run) -> None:
    mixed()
    lines = cogview("history", "--by", by).out.splitlines()
    assert [re.split(r" {2,}", line)[0] for line in lines] == names
    assert all(re.search(r" {2}[1-9] {2}\S+ [A-Z]{3}", line) for line in lines)


def test_totals_of_what_was_found(cogview: Run) -> None:
    mixed()
    ended = cogview("history", "c", "--by", "day", "--json")
    assert json.loads(ended.out)["cost"] == {"USD": "0.01"}
    wrong = cogview("history", "--by", "colour")
    assert wrong.code == 2 and "day, month, model, folder" in wrong.err


def test_what_waits_at_the_vendor_is_told() -> None:
    sums = Totals()
    sums.add(ENTRY._replace(state=State.PENDING))
    assert sums.line() == (
        "1 request, paid 0 CNY, up to 0.06 CNY with the unknown; 1 waiting at the vendor"
    )
    assert "  pending" in plain_line(ENTRY._replace(state=State.PENDING))
    assert "  waiting" in Table(80).row(ENTRY._replace(state=State.PENDING))


# On a terminal.


def test_every_state_has_a_word_for_people() -> None:
    assert STATE_WORDS.keys() == set(State)


@pytest.mark.parametrize("width", [40, 60, 80, 100, 130, 200])
@pytest.mark.parametrize("prompt", ["一只可爱的小猫咪，" * 20, "cat " * 60, "猫", "\x1b[31m\u202e"])
def test_a_row_fits_the_terminal_and_has_the_prompt(width: int, prompt: str) -> None:
    entry = ENTRY._replace(body={"prompt": prompt}, id="20261125-143000-0123456789")
    for state in State:
        row = Table(width).row(entry._replace(state=state))
        assert cell_width(row) <= max(width, 56)
        assert "\x1b" not in row and "\u202e" not in row
        assert prompt[0] in row or prompt[0] == "\x1b"
        assert row.startswith("20261125-143000-0123456789" if width >= 100 else "0123456  ")


@pytest.mark.skipif(os.name == "nt", reason="a terminal of POSIX")
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_terminal_gets_headings_and_states_in_its_language(
    lang: str, sandbox: SandboxThread
) -> None:
    asked("一只可爱的小猫咪在月光下吃月饼，旁边有一盏灯笼")
    asked("cat", state=State.UNKNOWN)
    asked("dog", account="sandbox")
    env = environment(sandbox, COGVIEW_LANG=lang, COLUMNS="60")
    code, shown, _piped = on_terminal(*COMMAND, "history", env=env)
    lines = shown.decode().splitlines()
    assert code == 0 and len(lines) == 5, lines
    assert all(cell_width(line) <= 60 for line in lines[:4])
    words = ("Prompt", "saved", "unknown") if lang == "en" else ("提示词", "已保存", "结果未知")
    assert words[0] in lines[0] and words[1] in lines[1] and words[2] in lines[2]
    assert "一只可爱" in lines[1] and lines[1].endswith("…")
    assert ("sandbox" if lang == "en" else "沙箱") in lines[3]


def test_a_pipe_gets_the_same_in_both_languages(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed()
    english = [cogview("history").out, cogview("history", "--by", "model").out]
    monkeypatch.setenv("COGVIEW_LANG", "zh")
    assert [cogview("history").out, cogview("history", "--by", "model").out] == english


# Ids.


def test_a_request_may_be_named_by_the_beginning_of_its_id(cogview: Run) -> None:
    id = asked("cat", state=State.UNKNOWN)
    other = asked("dog", time.time() - 400 * DAY, state=State.UNKNOWN)
    assert cogview("history", "resolve", id.rpartition("-")[2][:7], "--drop").code == 0
    assert cogview("history", "resolve", other[:9], "--drop").code == 0
    wrong = cogview("history", "resolve", "2026-nothing", "--drop")
    assert wrong.code == 2 and "there is no request" in wrong.err


def test_recover_takes_the_short_id_too(cogview: Run) -> None:
    id = asked("cat", state=State.REJECTED)
    ended = cogview("recover", id.rpartition("-")[2][:7])
    assert ended.code == 2 and id in ended.err and "rejected" in ended.err, ended


def test_an_ambiguous_beginning_names_some(cogview: Run) -> None:
    ids = [asked(f"cat {n}", time.time(), state=State.UNKNOWN) for n in range(2)]
    ended = cogview("history", "resolve", ids[0][:4], "--drop")
    assert ended.code == 2 and ids[0] in ended.err and ids[1] in ended.err


_TEXT = st.text(
    st.sampled_from('aàe\u0301\u0303n"\\\n ＂＼\x01\ud800一ｍ㈱ﬁßK，,') | st.characters()
)


@given(st.lists(_TEXT, min_size=1, max_size=4), _TEXT)
@example(["x\n\u0303abc"], "\u0303abc")
@example(["a＂b"], '"b')
@example(["ka\u0308se", "x"], "KÄSE")
def test_a_page_without_a_word_has_no_row_with_it(texts: list[str], typed: str) -> None:
    """Whole pages are passed over; whatever is in the prompts, none with a find is."""
    words = words_of([typed])
    bodies = [to_json({"model": "m", "prompt": text}) for text in texts]

    def ask(_query: str, values: tuple[object, ...]) -> list[dict[str, object]]:
        rows = [{"seq": n, "body": body} for n, body in enumerate(bodies)]
        return [row for row in rows if row["seq"] > values[0]]  # type: ignore[operator]

    wanted = [n for n, text in enumerate(texts) if all(word in folded(text) for word in words)]
    assert [*_with_words(ask, Search(words))] == wanted  # type: ignore[arg-type]
