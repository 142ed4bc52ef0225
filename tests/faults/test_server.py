"""S1-S31: what the API, or a gateway before it, may answer to the POST."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from cogview_cli.api.error_codes import CODES
from cogview_cli.config.settings import load
from cogview_cli.sandbox.deferred_faults import QUEUE_FAULTS, TASK_FAULTS
from cogview_cli.sandbox.faults import DOWNLOAD_FAULTS, FAULTS, TEXT_FAULTS, URL_FAULTS
from cogview_cli.sandbox.thread import SandboxThread
from tests.conftest import Run
from tests.faults.case import Case, check_streams, not_sent, run_case, saved, unknown
from tests.faults.peers import Scripted, http, inline, throttled
from tests.faults.world import KEY, SMALL, environment, history, images, states

pytestmark = pytest.mark.faults
over_both = pytest.mark.usefixtures("both_transports")
BRIEF = ("--max-wait", "0.6")
SHORT = ("--timeout", "1")


def account(row: str, code: str) -> Case:
    return not_sent(f"{row} {code} account", code, 4)


def rejected(row: str, code: str) -> Case:
    return Case(id=f"{row} {code} rejected", fault=code, code=3, state="rejected")


def busy(row: str, code: str) -> Case:
    return not_sent(f"{row} {code} for ever", code, 75, *BRIEF, posts=(3, 9))


def filtered(name: str) -> Case:
    """A 200 without a picture, with a content filter: refused, and perhaps charged."""
    return Case(id=f"S19 {name}", fault=name, code=8, state="rejected", charged=1)


def policy(name: str) -> Case:
    """A gateway's word for a refusal."""
    return Case(id=f"S30 {name}", fault=name, code=8, state="rejected")


def gateway_rejected(name: str) -> Case:
    """A request that another server does not take; its own words are shown."""
    words = {"openai-model": "cogview-4", "404-model": "['cogview4']", "422-detail": "body.size"}
    return Case(id=f"S30 {name}", fault=name, code=3, state="rejected", words=(words[name],))


CASES = [
    saved("S1 1302 twice", "1302x2", posts=3),
    saved("S1 1303 once", "1303x1", posts=2),
    *(busy("S2", code) for code in ("1302", "1303")),
    not_sent("S3 1113 arrears", "1113", 4, words=("Coding Plan",)),
    saved("S4 Retry-After of 2 s", "retry-after-2x1", posts=2, seconds=2),
    not_sent("S5 Retry-After of a day", "retry-after-day", 75, words=("86400 s",)),
    saved("S5 Retry-After soon", "retry-after-junkx1", posts=2),
    saved("S5 Retry-After of 20 digits", "retry-after-digitsx1", posts=2),
    saved("S5 Retry-After in the past", "retry-after-pastx1", posts=2),
    *(
        not_sent(f"S6 {code} quota", code, 7)
        for code in ("1304", "1308", "1310", "1316", "1317", "1318", "1319", "1320", "1321")
    ),
    saved("S7 1305 twice", "1305x2", posts=3),
    saved("S7 1312 twice", "1312x2", posts=3),
    *(busy("S7", code) for code in ("1305", "1312")),
    *(
        Case(id=f"S8 {code} content policy", fault=code, code=8, state="rejected")
        for code in ("1300", "1301")
    ),
    *(rejected("S9", code) for code in ("1210", "1211", "1212", "1213", "1214", "1215")),
    *(rejected("S9", code) for code in ("1221", "1222", "1261")),
    *(account("S10", code) for code in ("1000", "1001", "1002", "1003", "1004", "1005", "1220")),
    *(account("S10", code) for code in ("1100", "1110", "1111", "1112", "1121", "1309")),
    *(account("S10", code) for code in ("1311", "1313", "1314", "1315")),
    *(saved(f"S11 {code} twice", f"{code}x2", posts=3) for code in ("500", "1200", "1230", "1234")),
    *(
        not_sent(f"S11 {code} for ever", code, 75, posts=(3, 3))
        for code in ("500", "1200", "1230", "1234")
    ),
    not_sent("S11 1120 is left to the next run", "1120", 75),
    unknown("S12a html-500 not generated", "html-500", charged=0),
    unknown("S12a html-502 not generated", "html-502", charged=0),
    unknown("S12a 504 not generated", "504", charged=0),
    unknown("S12b html-502 generated", "html-502-charged"),
    saved("S13 503 with Retry-After", "503x1", posts=2, seconds=1),
    saved("S13 503 while the model is loaded", "loadingx1", posts=2, seconds=1),
    not_sent("S13 503 and no time to wait", "503", 75, *BRIEF),
    saved("S14 408 once", "408x1", posts=2),
    not_sent("S14 408 for ever", "408", 75, posts=(3, 3)),
    unknown("S15 1231 already have request", "1231", charged=0),
    saved("S16 error 1302 inside a 200", "error-in-200x1", posts=2),
    saved("S16 code as a number", "code-numberx1", posts=2),
    unknown("S17 empty 200", "empty-200"),
    unknown("S17 HTML in a 200", "html-200"),
    saved("S17 BOM before the JSON", "bom-200"),
    unknown("S17 cut JSON of the right length", "cut-json"),
    saved("S18 100,000 nested lists", "deep-json"),
    saved("S18 number of 5,000 digits", "big-number"),
    saved("S18 NaN", "nan-json"),
    saved("S18 lone surrogate", "surrogate-json"),
    *map(filtered, ("empty-data", "no-data", "filtered")),
    saved("S19 contentFilter spelled otherwise", "camel-filter"),
    saved("S19 no content_filter", "no-filter"),
    saved("S20 two URLs in one answer", "two-images", images=2),
    unknown("S21 endless answer", "big-answer"),
    not_sent("S22 redirect to another origin", "redirect", 9, downloads=0),
    saved("S23 103 before the 200", "early-hints"),
    saved("S24 answer byte by byte", "slow-answer"),
    saved("S25 cut after the URL", "cut-answer"),
    unknown("S25 cut before the URL", "cut-early"),
    saved("S26 header of 200 KB", "huge-header"),
    saved("S28 blank before the colon of a header", "odd-header"),
    saved("S28 two lengths that differ", "two-lengths"),
    saved("S28 HTTP/1.0 without reason", "no-reason"),
    saved("S28 chunks that are none", "broken-chunks"),
    saved("S28 no head at all", "no-head"),
    saved("S29 picture and an error beside it", "error-beside"),
    filtered("docs-link"),
    unknown("S29 null data", "null-data"),
    saved("S29 data inside data", "nested-data"),
    saved("S29 picture under output.results", "output-results"),
    saved("S29 UTF-16", "utf16-200"),
    saved("S29 text behind the JSON", "junk-behind"),
    saved("S29 two JSON objects", "two-objects"),
    saved("S29 server-sent events", "event-stream"),
    saved("S29 multipart", "multipart"),
    *map(policy, ("openai-policy", "azure-policy", "litellm-policy")),
    *(not_sent(f"S30 {name}", name, 4) for name in ("openai-quota", "402")),
    not_sent("S30 litellm-1113", "litellm-1113", 4, words=("Coding Plan",)),
    *(not_sent(f"S30 {name}", name, 7) for name in ("openai-cap", "litellm-budget")),
    busy("S30", "openai-rate"),
    saved("S30 openai-rate twice", "openai-ratex2", posts=3),
    *(gateway_rejected(name) for name in ("openai-model", "404-model", "422-detail")),
    not_sent("S30 404 of another path", "404-path", 9, words=("--base-url",)),
    *(
        unknown(f"S31 {name}", name)
        for name in (
            "litellm-500",
            "litellm-408",
            "gateway-409",
            "gateway-425",
            "bare-408",
            "500-in-400",
            "error-without-code",
        )
    ),
    saved("S27 data named twice", "twice-json"),
    unknown("S27 url is a number", "url-number"),
    unknown("S27 url is null", "url-null"),
    saved("S27 created as a string", "created-text"),
    saved("S27 picture in the answer itself", "b64", downloads=0),
]


@over_both
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_case(case: Case, cogview: Run, sandbox: SandboxThread) -> None:
    run_case(case, cogview, sandbox)


def test_the_tables_name_every_code_and_every_fault() -> None:
    from tests.faults import test_download, test_input, test_network

    tables = (CASES, test_network.CASES, test_download.CASES, test_input.CASES)
    tried = {
        re.sub(r"x[0-9]+$", "", name)
        for case in itertools.chain(*tables)
        for name in case.fault.split(" sandbox:")
    }
    # Those of the queue and of tasks do nothing to a direct call, those of text to no answer.
    elsewhere = {*QUEUE_FAULTS, *TASK_FAULTS, *TEXT_FAULTS}
    assert (set(CODES) | set(FAULTS)) - elsewhere == tried
    here = {case.fault for case in CASES}
    assert not here & (set(DOWNLOAD_FAULTS) | set(URL_FAULTS))


class _Clocked(deque[dict[str, object]]):
    """Bodies as they arrive, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def append(self, body: dict[str, object]) -> None:
        self.times.append(time.monotonic())
        super().append(body)

    @property
    def gaps(self) -> list[float]:
        return [after - before for before, after in zip(self.times, self.times[1:], strict=False)]


@pytest.fixture
def clocked(sandbox: SandboxThread) -> _Clocked:
    sandbox.books.bodies = _Clocked()
    return sandbox.books.bodies


def test_s2_gaps_grow(cogview: Run, clocked: _Clocked) -> None:
    """Each wait is at least as long as half the doubled window."""
    cogview("gen", "sandbox:1302", *SMALL, "--max-wait", "1")
    assert len(clocked.gaps) >= 3
    assert all(gap >= 0.025 * 2**n for n, gap in enumerate(clocked.gaps))


@over_both
@pytest.mark.parametrize("value", ["-5", "0.5", "1e9", "٣", "1, 2", "", "  "])
def test_s5_junk_in_retry_after_is_our_own_backoff(value: str, cogview: Run) -> None:
    with Scripted([throttled(f"Retry-After: {value}"), inline()]) as api:
        began = time.monotonic()
        ended = cogview("gen", "cat", "--base-url", api.base_url)
        assert (ended.code, api.count(b"POST")) == (0, 2), ended
        assert time.monotonic() - began < 2


@over_both
def test_s5_a_date_counts_from_the_answers_own_date(cogview: Run) -> None:
    """This machine's clock may be years off."""
    dates = "Date: Wed, 21 Oct 2015 07:28:00 GMT", "Retry-After: Wed, 21 Oct 2015 07:28:01 GMT"
    with Scripted([throttled(*dates), inline()]) as api:
        began = time.monotonic()
        assert cogview("gen", "cat", "--base-url", api.base_url).code == 0
        assert 1 <= time.monotonic() - began < 4


@over_both
def test_s6_the_reset_time_is_shown(cogview: Run) -> None:
    ended = cogview("gen", "sandbox:1308", *SMALL)
    assert "2030-01-01 00:00:00" in ended.err, ended


@over_both
@pytest.mark.parametrize(
    ("code", "exit_code"), [("1113", 4), ("1002", 4), ("1304", 7)], ids=["S3", "S10", "S6"]
)
def test_what_holds_for_the_account_ends_the_run(
    code: str, exit_code: int, cogview: Run, sandbox: SandboxThread
) -> None:
    """What was saved before stays; nothing is sent after."""
    sandbox.script("cat", ["ok", code, "ok"])
    ended = cogview("gen", "cat", *SMALL, "-n", "4", "--jobs", "1", "--json")
    assert ended.code == exit_code, ended
    assert (len(images()), sandbox.books.posts.total(), sandbox.books.charges.total()) == (1, 2, 1)
    summary = json.loads(ended.out.splitlines()[-1])
    assert (summary["saved"], summary["failed"], summary["not_sent"]) == (1, 1, 2)


def test_s7_everybody_pauses_while_the_platform_is_busy(cogview: Run, clocked: _Clocked) -> None:
    """No request begins between an overload and the end of its pause."""
    ended = cogview("gen", "cat sandbox:1305x1", *SMALL, "-n", "3", "--jobs", "1")
    assert ended.code == 0, ended
    assert len(clocked.times) == 4 and clocked.gaps[0] >= 0.025


@over_both
def test_s8_one_refusal_stops_none_of_the_others(cogview: Run, sandbox: SandboxThread) -> None:
    sandbox.script("cat", ["ok", "ok", "1301", "ok", "ok"])
    ended = cogview("gen", "cat", *SMALL, "-n", "5", "--jobs", "1")
    assert ended.code == 8, ended
    assert (len(images()), sandbox.books.posts.total()) == (4, 5)
    assert sorted(states()) == ["rejected", "saved", "saved", "saved", "saved"]


@over_both
def test_s12_the_unknown_outranks_every_other_end(cogview: Run, sandbox: SandboxThread) -> None:
    sandbox.script("cat", ["ok", "lost-answer", "1113"])
    assert cogview("gen", "cat", *SMALL, "-n", "3", "--jobs", "1").code == 5


@over_both
def test_s12_an_unknown_outcome_is_repeated_only_on_demand(
    cogview: Run, sandbox: SandboxThread
) -> None:
    """It stays on record, and both count as perhaps paid."""
    ended = cogview("gen", "sandbox:html-502-chargedx1", *SMALL, "--on-unknown", "retry")
    assert ended.code == 0, ended
    assert sandbox.books.posts.total() == sandbox.books.charges.total() == 2
    assert states() == ["unknown", "saved"]


@pytest.mark.parametrize("then", ["budget", "1301", "1302", "1210", "1113"])
def test_s12_what_was_perhaps_paid_stays_unknown_however_the_next_try_ends(
    then: str, cogview: Run, sandbox: SandboxThread
) -> None:
    """Not sent, refused, busy, rejected, no balance: none of these undoes the first one."""
    sandbox.script("cat", ["lost-answer", *[then if then in CODES else "ok"] * 9])
    limit = ("--max-cost", "0.06") if then == "budget" else ()
    line = ("gen", "cat", *SMALL, *BRIEF, "--on-unknown", "retry", "--json", *limit)
    ended = cogview(*line)
    assert ended.code == 5, ended
    image, summary = map(json.loads, ended.out.splitlines())
    assert (image["status"], summary["unknown"], summary["cost_max"]) == ("unknown", 1, "0.06")
    assert states()[0] == "unknown"


@over_both
@pytest.mark.parametrize("fault", ["empty-200", "html-200", "cut-json", "url-number"])
def test_s17_the_raw_answer_is_kept_before_it_is_read(fault: str, cogview: Run) -> None:
    cogview("gen", f"sandbox:{fault}", *SMALL)
    (entry,) = history()
    assert entry.answer is not None and entry.answer.status == 200
    assert bool(entry.answer.raw) == (fault != "empty-200")


@over_both
def test_s19_a_refusal_names_role_and_level(cogview: Run) -> None:
    assert "role assistant, level 0" in cogview("gen", "sandbox:filtered", *SMALL).err


# A child's rusage would count the parent it was forked from.
_WITH_PEAK = """
from cogview_cli.__main__ import main
code = main()
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")))
raise SystemExit(code)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_s21_an_endless_answer_takes_bounded_memory_and_the_head_is_kept(
    sandbox: SandboxThread,
) -> None:
    keys = {"COGVIEW_BASE_URL": sandbox.base_url, "COGVIEW_API_KEY": KEY}
    done = subprocess.run(
        [sys.executable, "-c", _WITH_PEAK, "gen", "sandbox:big-answer"],
        env=environment(**keys),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 5
    peak = int(done.stdout.split()[-2])
    assert peak < 200 * 1024, f"{peak // 1024} MiB"
    (entry,) = history()
    assert entry.answer is not None and len(entry.answer.raw) == 2**20


@over_both
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["same", "other"])
def test_s22_no_redirect_is_followed(status: int, where: str, cogview: Run) -> None:
    """Neither the key nor the body goes anywhere else."""
    with Scripted([inline()]) as other:
        target = "%ORIGIN%" if where == "same" else other.origin
        moved = http(f"{status} Moved", b"", f"Location: {target}/v5/images/generations")
        with Scripted([moved, inline()]) as api:
            ended = cogview("gen", "cat", "--base-url", api.base_url)
            assert (ended.code, len(api.requests), other.connections) == (9, 1, 0), ended
            assert api.requests[0].startswith(b"POST /v4/images/generations ")
    assert (states(), images()) == (["not_sent"], [])
    check_streams(ended)


def test_s24_an_answer_has_five_minutes() -> None:
    assert load({}).timeout == 300


@pytest.mark.torture
def test_s24_an_answer_after_170_seconds_is_saved(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SandboxThread(latency=(170.0, 170.0)) as slow:
        monkeypatch.setenv("COGVIEW_BASE_URL", slow.base_url)
        assert cogview("gen", "cat", *SMALL).code == 0
        assert slow.books.posts.total() == 1


@over_both
def test_s26_and_s27_nothing_of_the_answer_is_taken_at_its_word(cogview: Run) -> None:
    """A value of every wrong kind, in every place: no crash, one POST, an honest end."""
    values: tuple[Any, ...] = (None, 7, 1.5, True, [], {}, "", "x", [[]], [None], {"url": []})
    for value in values:
        body: dict[str, Any] = dict.fromkeys(("data", "created", "content_filter"), value)
        with Scripted([http("200 OK", json.dumps({**body, "error": value}).encode())]) as api:
            ended = cogview("gen", "cat", "--base-url", api.base_url, "--max-wait", "0")
            assert ended.code in (3, 5, 6, 8, 9, 75), (value, ended)
            assert api.count(b"POST") == 1 or ended.code == 75, value


@pytest.mark.parametrize("limit", [("--max-cost", "0.06"), ()], ids=["limit", "no limit"])
@pytest.mark.parametrize("command", ["gen", "batch"])
def test_s3_the_hint_does_not_offer_what_was_asked_for(
    command: str, limit: tuple[str, ...], cogview: Run
) -> None:
    Path("p.txt").write_text("cat sandbox:lost-answer\n", "utf-8")
    source = "p.txt" if command == "batch" else "cat sandbox:lost-answer"
    ended = cogview(command, source, *SMALL, "--on-unknown", "retry", *limit)
    assert ended.code == 5 and "history --unknown" in ended.err, ended
    assert "not repeated" not in ended.err and "within --max-cost" in ended.err
    assert "not repeated (--on-unknown retry" in cogview("gen", "a sandbox:lost-answer").err
