"""A1-A13: glm-image through the asynchronous pair. A picture is paid once and never lost.

The sandbox's books count what is charged; a submit is a POST, a poll is a GET.
"""

from __future__ import annotations

import base64
import json
import signal
import time

import pytest

from cogview_cli.engine import poller
from cogview_cli.sandbox.thread import SandboxThread
from tests.conftest import Ended, Run
from tests.faults.case import check_streams
from tests.faults.peers import Scripted, Step, http, picture, reset
from tests.faults.world import history, images, kill, running, said, states, until

pytestmark = [pytest.mark.faults]
by_both = pytest.mark.usefixtures("both_transports")
GLM = ("-m", "glm-image", "--size", "512x512")
TASK = "task/7 1"
PATH = b"/async-result/task%2F7%201 "


def told(body: object, status: str = "200 OK", *headers: str) -> bytes:
    return http(status, json.dumps(body).encode(), "Content-Type: application/json", *headers)


TAKEN = told({"id": TASK, "model": "glm-image", "request_id": "r", "task_status": "PROCESSING"})
NOT_YET = told({"model": "glm-image", "request_id": "r", "task_status": "PROCESSING"})
# `url` can't be used: some cases have nobody who would answer.
ONE = {"b64_json": base64.b64encode(picture()).decode()}
DONE = told({"task_status": "SUCCESS", "image_result": [ONE]})
UNKNOWN_TASK = told({"error": {"code": "1214", "message": "m"}}, "400 Bad Request")


def error(code: str, status: str) -> bytes:
    return told({"error": {"code": code, "message": "m"}}, status)


def asked(cogview: Run, api: Scripted, *more: str) -> Ended:
    return cogview("gen", "cat", *GLM, "--async", "--base-url", api.base_url, *more)


def posts(api: Scripted) -> int:
    return api.count(b"POST")


@by_both
@pytest.mark.parametrize("fault", ["", "sandbox:task-object", "sandbox:task-stuckx2"])
def test_a1_the_picture_is_asked_for_until_it_is_there(
    fault: str, cogview: Run, sandbox: SandboxThread
) -> None:
    ended = cogview("gen", f"cat {fault}", *GLM)
    assert (ended.code, len(images()), states()) == (0, 1, ["saved"]), ended
    assert (sandbox.books.posts.total(), sandbox.books.charges.total()) == (1, 1)
    (entry,) = history()
    assert entry.task and entry.answer and b"task_status" in entry.answer.raw
    check_streams(ended)


@by_both
def test_a2_a_lost_submit_is_the_one_unknown_that_is_left(
    cogview: Run, sandbox: SandboxThread
) -> None:
    ended = cogview("gen", "cat sandbox:lost-answer", *GLM)
    assert (ended.code, states()) == (5, ["unknown"]), ended
    assert sandbox.books.charges.total() == 1
    check_streams(ended)
    assert cogview("recover").code == 0 and sandbox.books.posts.total() == 1


@by_both
def test_a2_a_submit_cut_behind_the_id_is_none(cogview: Run) -> None:
    cut = TAKEN[: TAKEN.index(b'"request_id"')]
    with Scripted([cut], [DONE]) as api:
        assert asked(cogview, api).code == 0
        assert posts(api) == 1
    assert states() == ["saved"]


POLLS_LOST: list[Step] = [
    b"",
    reset,
    http("502 Bad Gateway", b"<html>"),
    error("500", "500 Internal Server Error"),
    error("1302", "429 Too Many Requests"),
    DONE[: len(DONE) // 2],
]


@by_both
@pytest.mark.parametrize("lost", POLLS_LOST)
def test_a3_a_lost_poll_is_repeated_and_costs_nothing(lost: Step, cogview: Run) -> None:
    with Scripted([TAKEN], [NOT_YET, lost, lost, DONE]) as api:
        ended = asked(cogview, api)
        assert (ended.code, posts(api)) == (0, 1), ended
        assert api.count(b"GET " + PATH[:-1]) == 0 or PATH in api.seen
        assert api.requests[1].split(b" ")[1].endswith(PATH.strip())
    assert states() == ["saved"]


@by_both
@pytest.mark.parametrize(
    ("refusal", "code", "tries", "state"),
    [
        (error("1302", "429 Too Many Requests"), 0, 2, "saved"),
        (error("1234", "500 Internal Server Error"), 0, 2, "saved"),
        (error("1301", "400 Bad Request"), 8, 1, "rejected"),
        (error("1113", "429 Too Many Requests"), 4, 1, "not_sent"),
        (http("502 Bad Gateway", b"<html>"), 5, 1, "unknown"),
    ],
)
def test_a4_a_submit_is_repeated_only_where_it_cost_nothing(
    refusal: bytes, code: int, tries: int, state: str, cogview: Run
) -> None:
    with Scripted([refusal, TAKEN], [DONE]) as api:
        ended = asked(cogview, api)
        assert (ended.code, posts(api), states()) == (code, tries, [state]), ended


@by_both
@pytest.mark.parametrize(
    ("failure", "code", "tries", "state"),
    [
        ({"error": {"code": "1301", "message": "m"}}, 8, 1, "rejected"),
        ({"contentFilter": [{"role": "user", "level": 0}]}, 8, 1, "rejected"),
        ({"error": {"code": "1214", "message": "m"}}, 3, 1, "rejected"),
        ({"error": {"code": "1113", "message": "m"}}, 4, 1, "not_sent"),
        ({"error": {"code": "1234", "message": "m"}}, 75, 3, "not_sent"),
        ({}, 5, 1, "unknown"),
    ],
)
def test_a5_a_task_that_fails_ends_by_its_code(
    failure: dict[str, object], code: int, tries: int, state: str, cogview: Run
) -> None:
    with Scripted([TAKEN], [told({"task_status": "FAIL", **failure})]) as api:
        ended = asked(cogview, api)
        assert (ended.code, posts(api), states()) == (code, tries, [state]), ended
        check_streams(ended)


@pytest.mark.parametrize(
    ("fault", "code", "state"),
    [("task-refused", 8, "rejected"), ("task-failed", 75, "not_sent")],
)
def test_a5_the_vendor_says_itself_that_nothing_was_made(
    fault: str, code: int, state: str, cogview: Run, sandbox: SandboxThread
) -> None:
    ended = cogview("gen", f"cat sandbox:{fault}", *GLM, "--json")
    assert (ended.code, states()) == (code, [state]), ended
    assert json.loads(ended.out.splitlines()[-1])["cost_max"] == "0"
    assert sandbox.books.posts.total() == 1 and not sandbox.books.charges


@by_both
def test_a6_what_is_not_finished_in_time_is_recovered(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Scripted([TAKEN], [NOT_YET]) as api:
        ended = asked(cogview, api, "--timeout", "1", "--json")
        assert (ended.code, states()) == (6, ["pending"]), ended
        image, summary = map(json.loads, ended.out.splitlines())
        assert (image["status"], image["error"]["code"]) == ("unsaved", "pending")
        assert (summary["cost"], summary["cost_max"], summary["unsaved"]) == ("0", "0.1", 1)
        check_streams(ended)
        shown = cogview("history")
        assert f"task {TASK}" in shown.out and "up to 0.1 CNY" in shown.err, shown
        monkeypatch.setenv("COGVIEW_BASE_URL", api.base_url)
        monkeypatch.setenv("COGVIEW_TIMEOUT", "1")
        assert cogview("recover").code == 6 and states() == ["pending"]
        api._steps[b"GET"] = [DONE]
        again = cogview("recover")
        assert (again.code, posts(api), states()) == (0, 1, ["saved"]), again
        check_streams(again)


def test_a6_recover_says_whom_it_cannot_ask(cogview: Run) -> None:
    with Scripted([TAKEN], [NOT_YET]) as api:
        assert asked(cogview, api, "--timeout", "1").code == 6
        ended = cogview("recover")
        assert ended.code == 6 and f"COGVIEW_BASE_URL={api.base_url}" in ended.err, ended
        assert posts(api) == 1
    assert states() == ["pending"]


@by_both
def test_a7_a_task_the_server_knows_no_more_is_unknown_and_not_sent_again(cogview: Run) -> None:
    with Scripted([TAKEN], [UNKNOWN_TASK]) as api:
        ended = asked(cogview, api, "-o", "cat.png")
        assert (ended.code, posts(api), states()) == (5, 1, ["unknown"]), ended
        check_streams(ended)


def test_a7_a_server_that_is_late_to_know_its_task_is_asked_twice(cogview: Run) -> None:
    with Scripted([TAKEN], [UNKNOWN_TASK, NOT_YET, UNKNOWN_TASK, DONE]) as api:
        assert asked(cogview, api).code == 0


@by_both
def test_a7_a_gateways_404_is_not_the_vendors_word(cogview: Run) -> None:
    """The task stays with the vendor, and is asked for later."""
    with Scripted([TAKEN], [http("404 Not Found", b"<html>")]) as api:
        ended = asked(cogview, api, "--timeout", "1", "-o", "cat.png")
        assert (ended.code, posts(api), states()) == (6, 1, ["pending"]), ended
        api._steps[b"GET"] = [DONE]
        again = cogview("gen", "cat", *GLM, "--async", "--base-url", api.base_url, "-o", "cat.png")
        assert (again.code, posts(api), states()) == (0, 1, ["saved"]), again


def test_a7_with_another_key_nothing_is_given_up(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Scripted([TAKEN], [NOT_YET]) as api:
        assert asked(cogview, api, "--timeout", "1").code == 6
        monkeypatch.setenv("COGVIEW_BASE_URL", api.base_url)
        monkeypatch.setenv("COGVIEW_API_KEY", "another-key.canary")
        api._steps[b"GET"] = [UNKNOWN_TASK]
        assert cogview("recover").code == 6 and states() == ["pending"]
        monkeypatch.setenv("COGVIEW_API_KEY", "test-key.canary")
        assert cogview("recover").code == 5 and states() == ["unknown"]


def test_a7_a_key_that_is_refused_leaves_it_pending(cogview: Run) -> None:
    with Scripted([TAKEN], [error("1000", "401 Unauthorized")]) as api:
        assert asked(cogview, api).code == 6
        assert (posts(api), api.count(b"GET")) == (1, 1)
    assert states() == ["pending"]


def test_a7_another_server_is_not_asked(cogview: Run, sandbox: SandboxThread) -> None:
    """For a batch one machine is the same under all its ports."""
    with open("p.txt", "w") as file:
        file.write("cat\n")
    with Scripted([TAKEN], [NOT_YET]) as api, Scripted([], [UNKNOWN_TASK]) as other:
        command = ("batch", "p.txt", *GLM, "--async", "--timeout", "1", "--base-url")
        assert cogview(*command, api.base_url).code == 6
        ended = cogview(*command, other.base_url)
        assert ended.code == 6 and api.base_url in ended.err, ended
        assert not other.requests
    assert states() == ["pending"]


ENDS = [("gen", ("gen", "cat")), ("once", ("gen", "cat", "--once")), ("recover", ("recover",))]


@pytest.mark.parametrize(("name", "command"), ENDS, ids=[name for name, _ in ENDS])
def test_a8_killed_between_submit_and_poll(
    name: str, command: tuple[str, ...], cogview: Run, sandbox: SandboxThread
) -> None:
    """The next run asks for the picture and sends nothing."""
    with running("gen", "cat", *GLM) as process:
        until(lambda: "pending" in states())
        kill(process)
    (entry,) = history()
    assert entry.task and entry.answer is None
    ended = cogview(*command, *(GLM if command[0] == "gen" else ()))
    assert (ended.code, len(images()), states()) == (0, 1, ["saved"]), ended
    assert (sandbox.books.posts.total(), sandbox.books.charges.total()) == (1, 1)


def test_a8_a_batch_that_was_killed_sends_only_the_rest(
    cogview: Run, sandbox: SandboxThread
) -> None:
    with open("p.txt", "w") as file:
        file.write("cat\ndog\nowl\n")
    with running("batch", "p.txt", *GLM) as process:
        until(lambda: "pending" in states())
        kill(process)
    before = sandbox.books.posts.total()
    ended = cogview("batch", "p.txt", *GLM)
    assert (ended.code, len(images()), set(states())) == (0, 3, {"saved"}), ended
    assert sandbox.books.posts.total() == sandbox.books.charges.total() == 3 and before == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a9_a_signal_ends_the_asking_at_once(
    number: signal.Signals, code: int, cogview: Run, sandbox: SandboxThread
) -> None:
    with running("gen", "cat", *GLM) as process:
        until(lambda: "pending" in states())
        began = time.monotonic()
        process.send_signal(number)
        assert process.wait(30) == code, said()
        assert time.monotonic() - began < 4  # it would ask again after 5
    assert states() == ["pending"] and "cogview recover" in said()
    assert cogview("recover").code == 0 and sandbox.books.posts.total() == 1


def test_a9_a_signal_during_a_question_does_not_wait_for_its_answer(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller, "QUESTION_SECONDS", 20.0)

    def interrupt(link: object) -> None:
        signal.raise_signal(signal.SIGINT)
        time.sleep(0.5)

    with Scripted([TAKEN], [interrupt]) as api:
        began = time.monotonic()
        assert asked(cogview, api).code == 130
        assert time.monotonic() - began < 10
    assert states() == ["pending"]


def test_a10_no_async_is_one_call(cogview: Run, sandbox: SandboxThread) -> None:
    assert cogview("gen", "cat", *GLM, "--no-async").code == 0
    (entry,) = history()
    assert entry.task is None and entry.answer and b"task_status" not in entry.answer.raw


@by_both
@pytest.mark.parametrize(
    "missing",
    [
        http("404 Not Found", b"<html>"),
        error("1222", "400 Bad Request"),
        error("1212", "400 Bad Request"),
    ],
)
def test_a10_an_api_without_the_pair_is_asked_the_other_way(
    missing: bytes, cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogview_cli.api.endpoints.has_pair", lambda _url: True)
    direct = told({"created": 1, "data": [ONE]})
    with Scripted([missing, direct], []) as api:
        ended = cogview("gen", "cat", *GLM, "-n", "2", "--base-url", api.base_url)
        assert (ended.code, posts(api), states()) == (0, 3, ["saved"] * 2), ended
        paths = [request.split(b" ")[1][-26:] for request in api.requests]
        assert [path.endswith(b"/async/images/generations") for path in paths] == [1, 0, 0]


def test_a11_what_is_with_the_server_counts_as_perhaps_paid(cogview: Run) -> None:
    with Scripted([TAKEN], [NOT_YET]) as api:
        limit = ("--max-cost", "0.15", "--timeout", "1", "--jobs", "1", "-n", "2")
        ended = asked(cogview, api, *limit)
        assert posts(api) == 1 and set(states()) == {"pending"}, ended


def test_a11_the_daily_limit_counts_it_too(cogview: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COGVIEW_DAILY_LIMIT", "0.15")
    with Scripted([TAKEN], [NOT_YET]) as api:
        assert asked(cogview, api, "--timeout", "1").code == 6
        assert cogview("gen", "dog", *GLM, "--async", "--base-url", api.base_url).code == 7
        assert posts(api) == 1


def test_a12_the_next_request_waits_for_the_slot(cogview: Run, sandbox: SandboxThread) -> None:
    """One task at a time, as the account has it: no 1302 is ever met."""
    with SandboxThread(hd_latency=(0.2, 0.2)) as box:
        ended = cogview("gen", "cat", *GLM, "-n", "3", "--base-url", box.base_url)
        assert (ended.code, box.books.posts.total()) == (0, 3), ended


def test_a13_a_pending_request_can_be_given_up(cogview: Run) -> None:
    with Scripted([TAKEN], [NOT_YET]) as api:
        assert asked(cogview, api, "--timeout", "1").code == 6
    (entry,) = history()
    refused = cogview("history", "resolve", entry.id, "--retry")
    assert refused.code == 2 and f"cogview recover {entry.id}" in refused.err
    assert cogview("history", "resolve", entry.id, "--drop").code == 0
    assert states() == ["resolved"]
    assert "up to 0.1 CNY" in cogview("history").err


def test_a13_patience_shorter_than_the_pace_asks_once(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller, "POLL_SECONDS", 30.0)
    with Scripted([TAKEN], [DONE]) as api:
        assert asked(cogview, api, "--timeout", "1").code == 0


def test_a13_a_server_that_asks_for_more_than_there_is_left_is_left_alone(cogview: Run) -> None:
    busy = told({"task_status": "PROCESSING"}, "200 OK", "Retry-After: 90")
    with Scripted([TAKEN], [busy]) as api:
        began = time.monotonic()
        assert asked(cogview, api, "--timeout", "20").code == 6
        assert time.monotonic() - began < 10 and api.count(b"GET") == 1


def test_a13_the_pace_is_what_the_server_asks_for(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = told({"task_status": "PROCESSING"}, "200 OK", "Retry-After: 1")
    with Scripted([TAKEN], [slow, DONE]) as api:
        began = time.monotonic()
        assert asked(cogview, api).code == 0
        assert time.monotonic() - began >= 1
