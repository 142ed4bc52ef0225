"""S30-S31 again, from a server that is neither the vendor nor our sandbox: who said it decides."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from cogview_cli.engine.fairness import ConcurrencyLimit
from cogview_cli.sandbox.gateway import LOSSES, REFUSALS, openai
from cogview_cli.sandbox.thread import SandboxThread
from tests.conftest import Run
from tests.faults.case import check_streams
from tests.faults.peers import Scripted, http, in_answer, inline, picture
from tests.faults.world import history, images, states

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("both_transports")]
OWN = b'{"error":{"code":"%s","message":"m"}}'


def said(status: int, body: bytes, *headers: str) -> bytes:
    return http(f"{status} X", body, "Content-Type: application/json", *headers)


@pytest.mark.parametrize("fault", LOSSES)
def test_s31_what_a_gateway_lost_is_unknown_and_posted_once(fault: str, cogview: Run) -> None:
    with Scripted([said(*LOSSES[fault]), inline()]) as api:
        ended = cogview("gen", "cat", "--base-url", api.base_url)
        assert (ended.code, api.count(b"POST")) == (5, 1), ended
    assert states() == ["unknown"]
    check_streams(ended)


@pytest.mark.parametrize(
    ("status", "code"), [(500, b"500"), (408, b"408"), (502, b"500"), (200, b"500")]
)
def test_s31_the_vendors_envelope_from_elsewhere_is_not_the_vendors_word(
    status: int, code: bytes, cogview: Run
) -> None:
    with Scripted([said(status, OWN % code), inline()]) as api:
        assert cogview("gen", "cat", "--base-url", api.base_url).code == 5
        assert api.count(b"POST") == 1


@pytest.mark.parametrize(("status", "code"), [(500, b"1234"), (429, b"1302"), (429, b"1312")])
def test_s31_its_four_digits_are_whoever_hands_them_on(
    status: int, code: bytes, cogview: Run
) -> None:
    with Scripted([said(status, OWN % code), inline()]) as api:
        assert cogview("gen", "cat", "--base-url", api.base_url).code == 0
        assert api.count(b"POST") == 2


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, OWN % b"1302"),
        (500, OWN % b"1305"),
        (500, openai("m", "zhipu_error", "1234")),
        (502, openai("m", None, "1302")),
        (500, b'{"code":1200,"msg":"m","success":false}'),
        (200, b'{"code":1302,"msg":"m"}'),
        (503, OWN % b"500"),
    ],
)
def test_s31_a_code_that_the_vendor_did_not_say_itself_repeats_nothing(
    status: int, body: bytes, cogview: Run
) -> None:
    with Scripted(
        [said(status, body, "Retry-After: 0" if status == 503 else "X: y"), inline()]
    ) as api:
        assert cogview("gen", "cat", "--base-url", api.base_url).code == 5
        assert api.count(b"POST") == 1
    assert states() == ["unknown"]


@pytest.mark.parametrize(
    "error", [{"code": 1301, "msg": "m"}, {"error": {"code": "1301", "message": "m", "type": "x"}}]
)
def test_s31_a_picture_beside_what_a_gateway_says_is_saved(
    error: dict[str, object], cogview: Run
) -> None:
    """It is read by the same rules when it is kept and when it is saved."""
    found = {**error, "data": [{"b64_json": base64.b64encode(picture()).decode()}]}
    with Scripted([said(500, json.dumps(found).encode())]) as api:
        ended = cogview("gen", "cat", "--base-url", api.base_url)
        assert (ended.code, api.count(b"POST"), len(images())) == (0, 1, 1), ended


def test_s31_new_api_that_lost_its_download_was_paid(cogview: Run) -> None:
    with Scripted([said(200, b'{"created":1,"data":null}'), inline()]) as api:
        assert cogview("gen", "cat", "--base-url", api.base_url).code == 5
        assert api.count(b"POST") == 1


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("openai-policy", 8), ("azure-policy", 8), ("litellm-policy", 8), ("openai-quota", 4),
        ("402", 4), ("litellm-1113", 4), ("openai-cap", 7), ("litellm-budget", 7),
        ("openai-model", 3), ("404-model", 3), ("422-detail", 3), ("404-path", 9),
    ],
)  # fmt: skip
def test_s30_a_refusal_is_one_post_and_ends_as_the_vendors_would(
    fault: str, code: int, cogview: Run
) -> None:
    with Scripted([said(*REFUSALS[fault])]) as api:
        ended = cogview("gen", "cat", "--base-url", api.base_url, "--json")
        assert (ended.code, api.count(b"POST")) == (code, 1), ended
    summary = json.loads(ended.out.splitlines()[-1])
    assert (summary["cost"], summary["cost_max"]) == ("0", "0")


def test_s30_a_busy_gateway_is_waited_for_with_fewer_at_once(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrunk: list[int] = []
    limit = ConcurrencyLimit.throttled

    def throttled(self: ConcurrencyLimit, epoch: int) -> None:
        shrunk.append(epoch)
        limit(self, epoch)

    monkeypatch.setattr(ConcurrencyLimit, "throttled", throttled)
    with Scripted([said(*REFUSALS["openai-rate"]), inline()]) as api:
        assert cogview("gen", "cat", "--base-url", api.base_url).code == 0
        assert (api.count(b"POST"), len(shrunk)) == (2, 1)


def test_s30_the_models_of_a_server_are_named(cogview: Run) -> None:
    with Scripted([said(*REFUSALS["404-model"])]) as api:
        ended = cogview("gen", "cat", "--base-url", api.base_url)
    assert "['cogview4']" in ended.err and "--model" in ended.err, ended


@pytest.mark.parametrize("fault", ["openai-policy", "azure-policy", "litellm-policy"])
def test_s30_refusals_that_come_first_stop_no_batch(fault: str, cogview: Run) -> None:
    """Its parameters were fine; three prompts were not."""
    Path("p.txt").write_text("".join(f"cat {number}\n" for number in range(8)))
    with Scripted([said(*REFUSALS[fault])] * 3 + [inline()]) as api:
        order = ("--jobs", "1", "--base-url", api.base_url)
        ended = cogview("batch", "p.txt", "-o", "out", *order)
        assert (ended.code, api.count(b"POST"), len(images())) == (3, 8, 5), ended
    again = cogview("batch", "p.txt", "-o", "out", *order, "--json")
    found = [json.loads(line).get("status") for line in again.out.splitlines()]
    assert found.count("refused") == 3, again


def test_s30_different_complaints_of_a_gateway_are_no_mistake_of_them_all(cogview: Run) -> None:
    """LiteLLM gives each the code "400"; only words that are the same make them alike."""
    Path("p.txt").write_text("".join(f"cat {number}\n" for number in range(6)))
    complaints = [said(400, openai(f"prompt {n} is odd", None, "400")) for n in range(3)]
    with Scripted([*complaints, inline()]) as api:
        cogview("batch", "p.txt", "-o", "out", "--jobs", "1", "--base-url", api.base_url)
        assert (api.count(b"POST"), len(images())) == (6, 3)


def test_s30_the_same_complaint_three_times_stops_the_batch(cogview: Run) -> None:
    """Also where each has a request id of its own."""
    Path("p.txt").write_text("".join(f"cat {number}\n" for number in range(6)))
    ids = (f"20261125-{number}7f3a9c{number}" for number in range(6))
    with Scripted([said(400, openai(f"no (request id: {one})", None, "x")) for one in ids]) as api:
        ended = cogview("batch", "p.txt", "-o", "out", "--jobs", "1", "--base-url", api.base_url)
        assert (ended.code, api.count(b"POST")) == (3, 3), ended


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nX-Corp-Proxy : x\r\n",
        b"HTTP/1.1 200 OK\r\nX-Note: a\nb\r\n",
        b"HTTP/1.1 200\r\nContent-Length: 7\r\nContent-Length: 9\r\n",
        b"HTTP/1.1 200 OK\r\nSet-Cookie: " + b"x" * 150_000 + b"\r\n",
    ],
    ids=["blank", "bare LF", "two lengths", "over-long"],
)
def test_s28_the_raw_answer_reaches_the_ledger_whatever_its_head(head: bytes, cogview: Run) -> None:
    whole = in_answer(url="%ORIGIN%/1.png")
    body = whole.partition(b"\r\n\r\n")[2]
    odd = head + b"Connection: close\r\n\r\n" + body
    with Scripted([odd], [http("200 OK", picture())]) as api:
        ended = cogview("gen", "cat", "--base-url", api.base_url)
        assert (ended.code, api.count(b"POST"), len(images())) == (0, 1, 1), ended
    (entry,) = history()
    assert entry.answer is not None and entry.answer.raw.startswith(b'{"created"')


def test_s28_what_is_no_answer_is_in_the_ledger_too(cogview: Run) -> None:
    with Scripted([b"\x15\x03\x01 nothing that anybody reads"]) as api:
        ended = cogview("gen", "cat", "--base-url", api.base_url)
        assert (ended.code, api.count(b"POST")) == (5, 1), ended
    (entry,) = history()
    assert entry.answer is not None and b"nothing that anybody reads" in entry.answer.raw
    assert not entry.answer.whole


def test_the_sandbox_says_who_it_is(cogview: Run, sandbox: SandboxThread) -> None:
    assert cogview("gen", "cat sandbox:500x1", "--size", "512x512").code == 0
    (entry,) = history()
    assert entry.answer is not None
    assert entry.answer.headers["server"].startswith("cogview-sandbox/")
