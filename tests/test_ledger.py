"""The ledger: every step is kept, nothing disappears, and dead runs are settled."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from decimal import Decimal
from email.utils import formatdate
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cogview_cli.api.links import links_end
from cogview_cli.api.protocol import Answer
from cogview_cli.errors import MachineError
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.ledger import PAID_STATES, Claimed, Entry, Intent, Ledger, State
from cogview_cli.ledger import file as ledger_file
from cogview_cli.ledger.entry import new_id
from tests.processes import child

LINK = b'{"data":[{"url":"https://h/x.png?Signature=S3cr3t&Expires=1000000000"}]}'
ANSWER = Answer(status=200, headers={"x-request-id": "r"}, raw=LINK)
DAY = 86400
END = 1e9


def dated(now: float) -> Answer:
    """The answer of a server whose clock stands at `now`."""
    return ANSWER._replace(headers={"date": formatdate(now, usegmt=True)})


CHILD = """
import sys
from decimal import Decimal
from email.utils import formatdate
from pathlib import Path
from cogview_cli.ledger import Intent, Ledger
from cogview_cli.api.protocol import Answer
ledger = Ledger(Path(sys.argv[1]))
for number in range(2):
    entry = ledger.intend(Intent(
        key=f"child-{number}", body={"prompt": "p", "model": "m"}, target={}, price=Decimal("0.06"),
        currency="CNY", base_url="https://h", account="a", namespace="n"))
    print(entry.id, flush=True)
ledger.answer(entry.id, Answer(status=200, headers={}, raw=b"{}"), 1.0)
print("ready", flush=True)
sys.stdin.read()
"""


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now: float = 500.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def intent(key: str = "k", **more: Any) -> Intent:
    fields = {
        "body": {"model": "m", "prompt": "猫"}, "target": {"fields": {}}, "price": Decimal("0.06"),
        "currency": "CNY", "base_url": "https://h", "account": "a", "namespace": "n", **more,
    }  # fmt: skip
    return Intent(key=key, **fields)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Iterator[Ledger]:
    with Ledger(tmp_path / "state", clock=clock) as opened:
        yield opened


def states(ledger: Ledger) -> list[str]:
    return [entry.state for entry in ledger.history()]


@contextmanager
def other_process(folder: Path) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A process that left an intent and an answer behind and lives on; their ids."""
    with child(sys.executable, "-c", CHILD, str(folder)) as process:
        assert process.stdout
        ids = [process.stdout.readline().strip() for _ in range(2)]
        assert process.stdout.readline() == "ready\n"
        yield process, ids


def test_an_intent_is_kept_as_it_was_given(ledger: Ledger, clock: Clock) -> None:
    given = intent(source={"line": 3, "text": "\ud800"}, price=Decimal("0.10"))
    entry = ledger.intend(given)
    assert (entry.state, entry.attempt, entry.asked) == ("intent", 1, clock.now)
    assert (entry.body, entry.source, str(entry.price)) == (given.body, given.source, "0.10")
    assert entry.run == ledger.run
    assert ledger.get(entry.id) == entry


def test_an_unknown_price_and_no_source_stay_unknown(ledger: Ledger) -> None:
    entry = ledger.intend(intent(price=None))
    assert (entry.price, entry.source, entry.answer, entry.files) == (None, None, None, [])


def test_the_raw_answer_is_kept_byte_for_byte(ledger: Ledger) -> None:
    raw = bytes(range(256)) * 10
    id = ledger.intend(intent()).id
    ledger.answer(id, Answer(status=200, headers={"a": "é"}, raw=raw, whole=False), 1.5)
    entry = ledger.get(id)
    assert entry.answer == Answer(status=200, headers={"a": "é"}, raw=raw, whole=False)
    assert (entry.state, entry.generate_s) == ("answer", 1.5)


def test_a_request_goes_from_intent_over_answer_to_saved(ledger: Ledger) -> None:
    id, files = ledger.intend(intent()).id, [{"file": "猫.png"}]
    ledger.answer(id, ANSWER, 1.0)
    ledger.files_so_far(id, files)
    ledger.unsaved(id, Message.said("no space"))
    assert (ledger.get(id).state, str(ledger.get(id).message)) == ("answer", "no space")
    ledger.saved(id, files)
    entry = ledger.get(id)
    assert (entry.state, entry.files, entry.message) == ("saved", files, None)


@pytest.mark.parametrize("state", ["not_sent", "rejected", "unknown", "resolved", "expired"])
def test_every_other_end_is_kept_with_its_reason(ledger: Ledger, state: str) -> None:
    id = ledger.intend(intent()).id
    why = Message.said("why")
    arguments: dict[str, tuple[Any, ...]] = {
        "not_sent": (why, "1302"), "rejected": (ANSWER, "1302", why),
        "unknown": (why, ANSWER, "1302"), "resolved": ("drop",), "expired": (why,),
    }  # fmt: skip
    getattr(ledger, state)(id, *arguments[state])
    entry = ledger.get(id)
    assert entry.state == state
    assert entry.message == (None if state == "resolved" else why)


def test_trying_again_counts_the_attempts_of_one_record(ledger: Ledger) -> None:
    id = ledger.intend(intent()).id
    ledger.not_sent(id, Message.said("busy"), "1302")
    ledger.intend_again(id)
    entry = ledger.get(id)
    assert (entry.state, entry.attempt, len(ledger.history())) == ("intent", 2, 1)


def test_an_id_nobody_gave_out_is_a_key_error(ledger: Ledger) -> None:
    with pytest.raises(KeyError):
        ledger.get("20260101-000000-aaaaaa")


def test_history_comes_in_the_order_asked_and_can_be_narrowed(ledger: Ledger, clock: Clock) -> None:
    ids = []
    for now in (300.0, 100.0, 200.0):
        clock.now = now
        ids.append(ledger.intend(intent(f"k{now}")).id)
    ledger.not_sent(ids[2], Message.said("x"))
    assert [entry.asked for entry in ledger.history()] == [300.0, 100.0, 200.0]
    assert [entry.asked for entry in ledger.history(since=200.0)] == [300.0, 200.0]
    assert [entry.id for entry in ledger.history(state="not_sent")] == [ids[2]]


def test_what_was_written_is_there_after_reopening(tmp_path: Path) -> None:
    with Ledger(tmp_path / "s") as first:
        entry = first.intend(intent())
        first.answer(entry.id, ANSWER, 1.0)
    with Ledger(tmp_path / "s") as second:
        assert second.get(entry.id).answer == ANSWER
        assert [found.id for found in second.unfinished()] == [entry.id]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
@pytest.mark.parametrize("before", [None, 0o644])
def test_nobody_else_can_read_the_ledger(tmp_path: Path, before: int | None) -> None:
    if before is not None:
        (tmp_path / "s").mkdir()
        (tmp_path / "s" / "ledger.db").touch(before)
    with Ledger(tmp_path / "s") as opened:
        opened.intend(intent())
        assert stat.S_IMODE(opened.path.stat().st_mode) == 0o600


def test_calls_off_the_event_loop_keep_their_order(ledger: Ledger) -> None:
    async def run() -> list[Entry]:
        made = (ledger.call(ledger.intend, intent(str(n))) for n in range(5))
        return await asyncio.gather(*made)

    assert [entry.key for entry in asyncio.run(run())] == ["0", "1", "2", "3", "4"]
    assert [entry.key for entry in ledger.history()] == ["0", "1", "2", "3", "4"]


def _together(ledger: Ledger, *steps: Callable[[], object]) -> list[object]:
    """What comes of calls that wait together, and so share one commit."""

    async def run() -> list[object]:
        begun, go_on = threading.Event(), threading.Event()

        def hold() -> None:
            begun.set()
            go_on.wait(20)

        first = asyncio.create_task(ledger.call(hold))
        await asyncio.to_thread(begun.wait, 20)
        waiting = [asyncio.create_task(ledger.call(step)) for step in steps]
        await asyncio.sleep(0)  # each has begun, and so is in the queue
        go_on.set()
        await first
        return await asyncio.gather(*waiting, return_exceptions=True)

    return asyncio.run(run())


@pytest.mark.parametrize("neighbours", [0, 1, 3])
def test_a_step_that_fails_halfway_leaves_nothing_and_its_neighbours_whole(
    ledger: Ledger, neighbours: int
) -> None:
    """They share one commit; what the failed one had written by then is undone."""
    old = ledger.intend(intent("old"))

    def fails() -> None:
        ledger.intend(intent("half"))
        ledger.saved(old.id, [{"file": "never"}])
        raise MachineError("boom")

    before = [partial(ledger.intend, intent(f"before-{n}")) for n in range(neighbours)]
    after = [partial(ledger.intend, intent(f"after-{n}")) for n in range(neighbours)]
    results = _together(ledger, *before, fails, *after)
    assert [type(result) for result in results].count(Entry) == 2 * neighbours
    assert isinstance(results[neighbours], MachineError)
    found = {entry.key: entry.state for entry in ledger.history()}
    assert found.keys() == {"old", *(step.args[0].key for step in (*before, *after))}
    assert set(found.values()) == {"intent"}


def test_after_sqlite_has_undone_a_shared_transaction_none_of_it_is_taken_for_done(
    ledger: Ledger,
) -> None:
    """A full disk makes SQLite undo everything by itself, whoever was next."""

    def undone() -> None:
        ledger.intend(intent("first"))
        ledger._file._db.rollback()

    results = _together(ledger, undone, partial(ledger.intend, intent("second")))
    assert [type(result) for result in results] == [MachineError, MachineError]
    assert ledger.history() == []


def damage(path: Path, how: str) -> None:
    data = bytearray(path.read_bytes())
    if how == "junk":
        data[:] = b"this is no database " * 100
    elif how == "header":
        data[:16] = b"\xff" * 16
    elif how == "pages":
        data[4096:] = b"\xff" * (len(data) - 4096)
    elif how == "cut":
        del data[len(data) // 2 :]
    path.write_bytes(data)


@pytest.mark.parametrize("how", ["junk", "header", "pages", "cut"])
def test_a_damaged_ledger_is_named_with_the_way_to_move_it_aside(tmp_path: Path, how: str) -> None:
    with Ledger(tmp_path / "s") as opened:
        for number in range(40):
            opened.intend(intent(str(number), body={"model": "m", "prompt": "p" * 500}))
        path = opened.path
    damage(path, how)
    with pytest.raises(MachineError, match="damaged") as caught, Ledger(tmp_path / "s") as opened:
        opened.history()
    assert str(path) in caught.value.message
    assert caught.value.hint.endswith(f"mv '{path}' '{path}.broken'")


def test_opening_a_ledger_writes_nothing(tmp_path: Path) -> None:
    """It would be a lock and a sync at each start."""
    with Ledger(tmp_path / "s") as opened:
        opened.intend(intent())
        path = opened.path
    before = path.read_bytes()
    for _ in range(2):
        with Ledger(tmp_path / "s") as opened:
            opened.tidy()
    assert path.read_bytes() == before


def test_a_ledger_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    with Ledger(tmp_path / "s") as opened:
        path = opened.path
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(MachineError, match="newer"):
        Ledger(tmp_path / "s")


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_state_folder_that_cannot_be_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MachineError, match="state folder") as caught:
        Ledger(tmp_path / name)
    assert "COGVIEW_STATE_DIR" in caught.value.hint


def test_a_locked_ledger_is_an_error_and_works_again_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if the lock is met only on commit: a reader is still at work."""
    monkeypatch.setattr(ledger_file, "BUSY_SECONDS", 0.05)
    with Ledger(tmp_path / "s") as opened:
        id = opened.intend(intent()).id
        with closing(sqlite3.connect(opened.path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM requests").fetchone()
            with pytest.raises(MachineError, match="locked"):
                opened.not_sent(id, Message.said("x"))
        opened.answer(id, ANSWER, 1.0)
        assert states(opened) == ["answer"]


def test_two_open_ledgers_lose_nothing_of_each_other(tmp_path: Path) -> None:
    def write(name: str) -> None:
        with Ledger(tmp_path / "s") as opened:
            for number in range(8):
                opened.answer(opened.intend(intent(f"{name}{number}")).id, ANSWER, 1.0)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, "ab"))
    with Ledger(tmp_path / "s") as opened:
        assert states(opened) == ["answer"] * 16
        assert len({entry.key for entry in opened.history()}) == 16


def test_a_living_process_keeps_its_intents_and_answers(tmp_path: Path) -> None:
    with other_process(tmp_path / "s"), Ledger(tmp_path / "s") as opened:
        assert opened.settle_dead_runs() == []
        assert opened.unfinished() == []
        assert states(opened) == ["intent", "answer"]


def test_the_intent_of_a_killed_process_becomes_unknown(tmp_path: Path) -> None:
    with other_process(tmp_path / "s") as (process, ids), Ledger(tmp_path / "s") as opened:
        own = opened.intend(intent("own"))
        process.kill()
        process.wait()
        assert [entry.id for entry in opened.settle_dead_runs()] == [ids[0]]
        assert [opened.get(id).state for id in (*ids, own.id)] == ["unknown", "answer", "intent"]
        assert "ended between" in str(opened.get(ids[0]).message)
        assert [entry.id for entry in opened.unfinished()] == [ids[1]]
        assert opened.settle_dead_runs() == []


def test_what_a_living_process_works_on_is_not_taken_over(tmp_path: Path) -> None:
    with other_process(tmp_path / "s") as (process, ids), Ledger(tmp_path / "s") as opened:
        own = opened.intend(intent("own")).id
        assert opened.take_over([*ids, own]) == {own}
        process.kill()
        process.wait()
        assert opened.take_over(ids) == set(ids)
        assert opened.unfinished() == []
        with Ledger(tmp_path / "s") as other:
            assert other.take_over(ids) == set()
    with Ledger(tmp_path / "s") as later:
        assert [entry.id for entry in later.unfinished()] == [ids[1]]


def paid(ledger: Ledger, key: str, answer: Answer, **more: Any) -> str:
    """A paid request with this answer; its id."""
    id = ledger.intend(intent(key, **more)).id
    ledger.answer(id, answer, 1.0, links_end(answer))
    return id


def test_a_signed_link_goes_a_day_after_its_end_by_its_servers_clock(
    ledger: Ledger, clock: Clock
) -> None:
    id = paid(ledger, "old", dated(END - DAY))
    ledger.saved(id, [])
    clock.now = END + 4000 * DAY  # this machine's clock says nothing
    for other, now in (("h", END + 0.5 * DAY), ("elsewhere", END + 9 * DAY)):
        paid(ledger, other, dated(now), base_url=f"https://{other}")
        ledger.tidy()
        assert ledger.get(id).answer == dated(END - DAY) and ledger.get(id).fetchable
    paid(ledger, "newest", dated(END + 1.5 * DAY))
    ledger.tidy()
    kept = ledger.get(id)
    assert kept.answer and kept.answer.raw == b'{"data":[{"url":"https://h/x.png"}]}'
    assert (kept.state, kept.fetchable) == ("saved", False)


def test_an_end_that_was_past_when_the_link_came_purges_nothing(ledger: Ledger) -> None:
    """As older versions noted it, too."""
    id = paid(ledger, "old", dated(END + DAY))
    ledger.saved(id, [])
    ledger._set(id, expires=END)
    paid(ledger, "newest", dated(END + 9 * DAY))
    ledger.tidy()
    assert ledger.get(id).fetchable and ledger.get(id).expires == END + 31 * DAY


def test_the_link_of_an_image_not_on_disk_is_never_purged(ledger: Ledger) -> None:
    id = paid(ledger, "old", dated(END - DAY))
    paid(ledger, "newest", dated(END + 99 * DAY))
    ledger.tidy()
    assert ledger.get(id).answer == dated(END - DAY)


class Requests(RuleBasedStateMachine):
    """Any order of requests by runs that live, end and reopen."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock(1000.0)
        self.temporary = tempfile.TemporaryDirectory()
        self.runs: list[Ledger] = []
        self.owner: dict[str, str] = {}
        self.state: dict[str, str] = {}
        self.key: dict[str, str] = {}

    def open(self) -> Ledger:
        opened = Ledger(Path(self.temporary.name), clock=self.clock)
        self.runs.append(opened)
        return opened

    @initialize()
    def first(self) -> None:
        self.open()

    def teardown(self) -> None:
        for run in self.runs:
            run.close()
        self.temporary.cleanup()

    def one(self, data: st.DataObject, *wanted: str) -> tuple[Ledger, str] | None:
        """A request of a living run in one of these states, and its ledger."""
        living = {run.run: run for run in self.runs}
        ids = [i for i, s in self.state.items() if s in wanted and self.owner[i] in living]
        if not ids:
            return None
        id = data.draw(st.sampled_from(ids))
        return living[self.owner[id]], id

    @precondition(lambda self: len(self.runs) < 3)
    @rule()
    def another_run(self) -> None:
        self.open()

    @rule(data=st.data(), number=st.integers(0, 3))
    def intend(self, data: st.DataObject, number: int) -> None:
        run, key = data.draw(st.sampled_from(self.runs)), str(number)
        if any(self.key[id] == key and s != "not_sent" for id, s in self.state.items()):
            with pytest.raises(Claimed):
                run.intend(intent(key))
            return
        id = run.intend(intent(key)).id
        self.key[id] = key
        assert id not in self.state
        self.state[id], self.owner[id] = "intent", run.run

    @rule(data=st.data(), end=st.sampled_from(["not_sent", "rejected", "unknown", "answer"]))
    def end(self, data: st.DataObject, end: str) -> None:
        if found := self.one(data, "intent"):
            ledger, id = found
            if end == "not_sent":
                ledger.not_sent(id, Message.said("x"))
            elif end == "rejected":
                ledger.rejected(id, ANSWER, "1210", Message.said("x"))
            elif end == "unknown":
                ledger.unknown(id, Message.said("x"), None)
            else:
                ledger.answer(id, ANSWER, 1.0)
            self.state[id] = end

    @rule(data=st.data())
    def again(self, data: st.DataObject) -> None:
        if found := self.one(data, "not_sent"):
            ledger, id = found
            rivals = {other for other, key in self.key.items() if key == self.key[id]} - {id}
            if any(self.state[rival] != "not_sent" for rival in rivals):
                with pytest.raises(Claimed):
                    ledger.intend_again(id)
                return
            ledger.intend_again(id)
            self.state[id] = "intent"

    @rule(data=st.data(), end=st.sampled_from(["saved", "expired", "unsaved"]))
    def finish(self, data: st.DataObject, end: str) -> None:
        if found := self.one(data, "answer"):
            ledger, id = found
            arguments: tuple[Any, ...] = ([],) if end == "saved" else (Message.said("x"),)
            getattr(ledger, end)(id, *arguments)
            self.state[id] = "answer" if end == "unsaved" else end

    @rule(seconds=st.integers(1, 20))
    def time_passes(self, seconds: int) -> None:
        self.clock.now += seconds
        self.runs[0].tidy()

    @precondition(lambda self: len(self.runs) > 1)
    @rule()
    def a_run_ends(self) -> None:
        self.runs.pop().close()

    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        living = {run.run for run in self.runs}
        dead = {i for i, s in self.state.items() if s == "intent" and self.owner[i] not in living}
        settled = data.draw(st.sampled_from(self.runs)).settle_dead_runs()
        assert {entry.id for entry in settled} == dead
        self.state.update(dict.fromkeys(dead, "unknown"))

    @invariant()
    def nothing_disappears_or_changes_by_itself(self) -> None:
        for run in self.runs:
            entries = run.history()
            assert {entry.id: entry.state for entry in entries} == self.state
            for entry in entries:
                assert entry.answer or entry.state not in PAID_STATES


Requests.TestCase.settings = settings(deadline=None, max_examples=12, stateful_step_count=20)
TestAnyOrderOfRequests = Requests.TestCase


def test_a_key_is_claimed_once_in_a_namespace(tmp_path: Path) -> None:
    """Whatever may have cost money, or was rejected, keeps others from asking again."""
    with Ledger(tmp_path) as ledger:
        first = ledger.intend(intent("same"))
        for end in ("intent", "unknown", "rejected", "answer", "saved", "expired", "resolved"):
            if end != "intent":
                ledger._set(first.id, state=end)
            with pytest.raises(Claimed):
                ledger.intend(intent("same"))
        assert [entry.id for entry in ledger.history()] == [first.id]
        ledger.intend(intent("same", namespace="elsewhere"))
        ledger.not_sent(first.id, Message.said("never connected"))
        assert ledger.intend(intent("same")).state == "intent"


def test_a_claim_passes_over_the_requests_its_owner_knows(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        first = ledger.intend(intent("same"))
        ledger.unknown(first.id, Message.said("lost"), None)
        second = ledger.intend(intent("same"), {first.id})
        assert second.id != first.id
        with pytest.raises(Claimed):
            ledger.intend(intent("same"), {first.id})


def test_a_free_repeat_does_not_overtake_another_claim(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        first = ledger.intend(intent("same"))
        ledger.not_sent(first.id, Message.said("throttled"))
        ledger.intend(intent("same"))
        with pytest.raises(Claimed):
            ledger.intend_again(first.id)


def test_requests_are_found_by_key_within_their_namespace(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        a = ledger.intend(intent("a"))
        ledger.not_sent(a.id, Message.said(""))
        again = ledger.intend(intent("a"))
        b = ledger.intend(intent("b"))
        ledger.intend(intent("a", namespace="elsewhere"))
        found = ledger.by_key(a.namespace, ["a", "b", "c"])
        assert {key: [entry.id for entry in entries] for key, entries in found.items()} == {
            "a": [a.id, again.id],
            "b": [b.id],
        }
        assert ledger.by_key(a.namespace, []) == {}


def test_a_ledger_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    from cogview_cli.ledger.file import _SCHEMA

    (tmp_path / "s").mkdir()
    with closing(sqlite3.connect(tmp_path / "s" / "ledger.db")) as db:
        db.executescript(_SCHEMA + "PRAGMA user_version = 1;")
        db.execute(
            "INSERT INTO requests (id, key, run, state, attempt, asked, currency, base_url,"
            " account, namespace, body, target)"
            " VALUES ('1', 'k', 'r', 'unknown', 1, 1.0, 'CNY', 'h', 'a', 'n', '{}', '{}')"
        )
        db.commit()
    for _ in range(2):
        with Ledger(tmp_path / "s") as opened:
            assert opened.get("1").content is None
            opened.daily_limit = Decimal(1)
            assert [entry.id for entry in opened.by_content("c")] == []
    with Ledger(tmp_path / "s") as opened:
        made = opened.intend(intent("2", content="c"))
        opened.unknown(made.id, Message.said("lost"), None)
        assert [entry.id for entry in opened.by_content("c")] == [made.id]


def test_what_is_with_the_server_is_finished_but_for_what_a_queue_holds(tmp_path: Path) -> None:
    intent = Intent(
        key="k", body={"prompt": "p", "model": "glm-image"}, target={}, price=Decimal("0.1"),
        currency="CNY", base_url="https://h", account="a", namespace="n", content="c",
    )  # fmt: skip
    with Ledger(tmp_path) as ledger:
        mine = ledger.intend(intent)
        queued = ledger.intend(intent._replace(key="q", part="part-1"))
        for entry in (mine, queued):
            ledger.pending(entry.id, f"task-{entry.id}")
        assert ledger.unfinished() == []  # this process is at it
    with Ledger(tmp_path) as later:
        assert later.settle_dead_runs() == []
        (found,) = later.unfinished()
        assert (found.id, found.task, found.obtainable) == (mine.id, f"task-{mine.id}", True)
        assert not later.get(queued.id).obtainable
        assert later.get(mine.id).perhaps_paid
        assert len(later.by_content("c", State.PENDING)) == 2
        assert later.by_content("c", State.ANSWER) == []
        later.answer(mine.id, ANSWER, 1.0)
        assert later.get(mine.id).state is State.ANSWER and later.get(mine.id).task


def test_an_id_begins_with_the_local_time_as_file_names_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        assert new_id(0.0).startswith("19700101-080000-")
    finally:
        monkeypatch.undo()
        time.tzset()
