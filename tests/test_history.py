"""`cogview history`: what was asked, what it cost, what is unknown."""

from __future__ import annotations

import json
import os
import re
import time
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from cogview_cli.errors import MachineError
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.ledger import Entry, Ledger
from cogview_cli.sandbox.thread import SandboxThread
from tests.conftest import Run
from tests.faults.peers import Scripted, http, in_answer, inline, reset

GEN = ("--size", "512x512")


def ledger(clock: float | None = None) -> Ledger:
    now = time.time() if clock is None else clock
    return Ledger(Path(os.environ["COGVIEW_STATE_DIR"]), clock=lambda: now)


def entries() -> list[Entry]:
    with ledger() as opened:
        return opened.history()


def asked_at(prompt: str, when: float) -> None:
    """A request of an earlier day that came to nothing."""
    from cogview_cli.ledger import Intent

    intent = Intent(
        key=prompt, body={"model": "cogview-4", "prompt": prompt}, target={},
        price=Decimal("0.06"), currency="CNY", base_url="https://api.invalid", account="a",
        namespace="n",
    )  # fmt: skip
    with ledger(when) as opened:
        opened.not_sent(opened.intend(intent).id, Message.said("nothing"))


def three(cogview: Run) -> list[Entry]:
    """One saved, one unknown, one refused; by a server that is no sandbox."""
    refusal = http("400 Bad Request", b'{"error":{"code":"1301","message":"no"}}')
    with Scripted([inline(), reset, refusal]) as api:
        for prompt in ("cat", "dog sandbox:lost-answer", "hen sandbox:1301"):
            cogview("gen", prompt, *GEN, "--base-url", api.base_url)
    return entries()


def test_people_get_a_line_a_request_and_the_sum(cogview: Run) -> None:
    saved, unknown, rejected = three(cogview)
    ended = cogview("history")
    assert ended.code == 0, ended
    lines = ended.out.splitlines()
    assert [line.split()[0] for line in lines] == [saved.id, unknown.id, rejected.id]
    for line, state, cost in zip(
        lines, ("saved", "unknown", "rejected"), ("0.06", "?", "0"), strict=True
    ):
        assert re.search(
            rf"^\S+  \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d  {state} +{re.escape(cost)}  ", line
        )
    assert lines[0].endswith(f"“cat”  {saved.files[0]['file']}")
    assert "dog sandbox:lost-answer" in lines[1]
    assert ended.err == "3 requests, paid 0.06 CNY, up to 0.12 CNY with the unknown\n"


def test_scripts_get_one_object_a_line_and_nothing_else(cogview: Run) -> None:
    saved, unknown, rejected = three(cogview)
    ended = cogview("history", "--json")
    records = [json.loads(line) for line in ended.out.splitlines()]
    assert [record["id"] for record in records] == [saved.id, unknown.id, rejected.id]
    assert [record["status"] for record in records] == ["saved", "unknown", "rejected"]
    assert [record["cost"] for record in records] == ["0.06", "0", "0"]
    assert [record["cost_max"] for record in records] == ["0.06", "0.06", "0"]
    assert {record["type"] for record in records} == {"request"}
    assert records[0]["files"] == [records[0]["file"]] == [saved.files[0]["file"]]
    assert (records[2]["code"], records[0]["size"]) == ("1301", "512x512")
    assert datetime.fromisoformat(records[0]["time"]).tzinfo is not None
    assert "up to 0.12 CNY" in ended.err


def test_unknown_lists_only_what_may_have_been_paid(cogview: Run) -> None:
    _, unknown, _ = three(cogview)
    ended = cogview("history", "--unknown")
    assert [line.split()[0] for line in ended.out.splitlines()] == [unknown.id]
    assert ended.err == "1 request, paid 0 CNY, up to 0.06 CNY with the unknown\n"


def test_a_full_disk_hides_nothing_and_sends_nothing(
    cogview: Run, monkeypatch: pytest.MonkeyPatch, sandbox: SandboxThread
) -> None:
    cogview("gen", "cat sandbox:html-502-charged", *GEN)
    monkeypatch.setattr("cogview_cli.ledger.open.FREE_BYTES", 2**62)
    ended = cogview("history", "--unknown")
    assert ended.code == 0 and "unknown" in ended.out, ended
    ended = cogview("gen", "dog", *GEN)
    assert ended.code == 9 and "hint: free some space" in ended.err, ended
    assert sandbox.books.posts.total() == 1


def test_a_closed_state_folder_is_named_with_its_setting(
    cogview: Run, monkeypatch: pytest.MonkeyPatch, sandbox: SandboxThread
) -> None:
    def closed(folder: Path, need: int) -> None:
        try:
            raise PermissionError(13, "Permission denied")
        except OSError as error:
            why = f"cannot write in '{folder}'"
            raise MachineError(why, hint="choose another --output") from error

    cogview("gen", "cat", *GEN)
    monkeypatch.setattr("cogview_cli.ledger.open.check_writable", closed)
    ended = cogview("gen", "dog", *GEN)
    assert ended.code == 9 and "COGVIEW_STATE_DIR" in ended.err, ended
    assert "--output" not in ended.err and sandbox.books.posts.total() == 1


def test_an_empty_history_is_no_error(cogview: Run) -> None:
    ended = cogview("history")
    assert (ended.code, ended.out, ended.err) == (0, "", "0 requests, paid 0 CNY\n")


def test_a_sandbox_costs_nothing_and_is_told_apart(cogview: Run) -> None:
    cogview("gen", "cat", *GEN, "--sandbox")
    ended = cogview("history", "--json")
    record = json.loads(ended.out)
    assert (record["sandbox"], record["cost"], record["status"]) == (True, "0", "saved")
    assert ended.err == "0 requests, paid 0 CNY; 1 in a sandbox, free\n"
    assert "saved (sandbox)" in cogview("history").out


def test_what_a_prompt_holds_never_reaches_the_terminal_raw(cogview: Run) -> None:
    asked_at("\x1b[31mred\u202e\nnext", time.time())
    ended = cogview("history")
    assert len(ended.out.splitlines()) == 1
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", ended.out)


@pytest.mark.parametrize(
    "since, expected",
    [
        ("1h", ["new"]),
        ("90m", ["new"]),
        ("2d", ["new"]),
        ("1w", ["new", "older"]),
        ("4w", ["new", "older"]),
        ((datetime.now() - timedelta(days=5)).date().isoformat(), ["new", "older"]),
        ((datetime.now() - timedelta(days=2)).date().isoformat(), ["new"]),
        ("2020-01-01", ["ancient", "new", "older"]),
        ("9999-01-01", []),
    ],
    ids=["hour", "minutes", "days", "week", "weeks", "date", "later-date", "all", "none"],
)
def test_since_takes_a_date_or_an_age(since: str, expected: list[str], cogview: Run) -> None:
    now = time.time()
    for prompt, days in (("ancient", 90), ("older", 4), ("new", 0)):
        asked_at(prompt, now - days * 86400)
    ended = cogview("history", "--since", since, "--json")
    assert ended.code == 0, ended
    found = sorted(json.loads(line)["prompt"] for line in ended.out.splitlines())
    assert found == expected


@pytest.mark.parametrize("junk", ["someday", "7", "-3d", "7y", "", "2026-13-01", "٣d"])
def test_a_since_that_is_neither_is_wrong_usage(junk: str, cogview: Run) -> None:
    ended = cogview("history", f"--since={junk}")
    assert (ended.code, ended.out) == (2, ""), ended
    assert "hint: --since" in ended.err


@pytest.mark.parametrize("decision", ["retry", "drop"])
def test_an_unknown_outcome_is_decided_once(
    decision: str, cogview: Run, sandbox: SandboxThread
) -> None:
    cogview("gen", "sandbox:lost-answer", *GEN)
    (entry,) = entries()
    ended = cogview("history", "resolve", entry.id, f"--{decision}")
    assert ended.code == 0, ended
    assert entry.id in ended.err and ended.out == ""
    (after,) = entries()
    assert (after.state, after.code) == ("resolved", decision)
    assert cogview("history", "--unknown").out == ""
    assert cogview("history", "resolve", entry.id, f"--{decision}").code == 2
    assert sandbox.books.posts.total() == 1


@pytest.mark.parametrize("flags", [(), ("--retry", "--drop")], ids=["neither", "both"])
def test_resolve_needs_one_decision(flags: tuple[str, ...], cogview: Run) -> None:
    cogview("gen", "sandbox:lost-answer", *GEN)
    (entry,) = entries()
    ended = cogview("history", "resolve", entry.id, *flags)
    assert ended.code == 2, ended
    assert "--retry" in ended.err and "--drop" in ended.err
    assert entries()[0].state == "unknown"


def test_resolve_needs_a_request_that_exists(cogview: Run) -> None:
    ended = cogview("history", "resolve", "20200101-000000-ffffff", "--drop")
    assert ended.code == 2, ended
    assert "history --unknown" in ended.err


def test_resolve_touches_nothing_that_is_not_unknown(cogview: Run) -> None:
    cogview("gen", "cat", *GEN)
    (entry,) = entries()
    ended = cogview("history", "resolve", entry.id, "--drop")
    assert ended.code == 2, ended
    assert "saved" in ended.err
    assert entries()[0].state == "saved"


def test_a_paid_picture_that_cannot_be_fetched_is_ended_by_drop(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays paid, is fetched and asked for no more, and its link is shown without signature."""
    Path("p.txt").write_text("cat\n", "utf-8")
    link = "https://images.invalid:99999/1.png?Signature=a%2Bb"
    with Scripted([in_answer(url=link)]) as api:  # no sandbox: that is never counted
        monkeypatch.setenv("COGVIEW_BASE_URL", api.base_url)
        ended = cogview("batch", "p.txt", *GEN)
        (entry,) = entries()
        assert ended.code == 6
        assert f"cogview history resolve {entry.id} --drop" in ended.err
        assert cogview("history", "resolve", entry.id, "--retry").code == 2
        dropped = cogview("history", "resolve", entry.id, "--drop")
        assert (dropped.code, dropped.out) == (0, "")
        assert "https://images.invalid:99999/1.png" in dropped.err and "?" not in dropped.err
        assert "nothing to recover" in cogview("recover").err
        assert cogview("batch", "p.txt", *GEN).code == 0
        assert "paid 0.06 CNY" in cogview("history").err
        assert api.count(b"POST") == 1
