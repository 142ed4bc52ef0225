"""Every fault in one table: exit code, POSTs, charges, files, ledger. Nothing is paid twice."""

from __future__ import annotations

import itertools
import json
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from cogview_cli.ledger import Entry, Ledger
from cogview_cli.sandbox.faults import FAULTS
from cogview_cli.sandbox.thread import SandboxThread
from tests.conftest import Ended, Run

KEY = "test-key.canary"
IMAGES = (".png", ".jpg", ".webp")
GEN = ("--size", "512x512")
SHORT = ("--timeout", "1")
BRIEF = ("--max-wait", "2")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One fault and what must come of it. `posts` is (least, most)."""

    id: str
    fault: str
    code: int
    posts: tuple[int, int] = (1, 1)
    charges: int = 0
    images: int = 0
    state: str
    args: tuple[str, ...] = ()
    suffix: str = ".png"
    downloads: int | None = None


def account(code: str) -> Case:
    return Case(id=f"account-{code}", fault=code, code=4, state="not_sent")


def quota(code: str) -> Case:
    return Case(id=f"quota-{code}", fault=code, code=7, state="not_sent")


def rejected(code: str) -> Case:
    return Case(id=f"rejected-{code}", fault=code, code=3, state="rejected")


def refused(code: str) -> Case:
    return Case(id=f"refused-{code}", fault=code, code=8, state="rejected")


def transient(code: str) -> Case:
    return Case(id=f"transient-{code}", fault=code, code=75, posts=(3, 3), state="not_sent")


def busy(code: str) -> Case:
    return Case(
        id=f"busy-{code}-for-ever", fault=code, code=75, posts=(3, 12), state="not_sent", args=BRIEF
    )


def then_saved(id: str, fault: str, posts: int, *args: str) -> Case:
    return Case(
        id=id, fault=fault, code=0, posts=(posts, posts), charges=1, images=1, state="saved",
        args=args, downloads=1,
    )  # fmt: skip


def saved(id: str, fault: str, *args: str, suffix: str = ".png", images: int = 1) -> Case:
    return Case(
        id=id, fault=fault, code=0, charges=1, images=images, state="saved", args=args,
        suffix=suffix,
    )  # fmt: skip


def unknown(id: str, fault: str, *args: str, charges: int = 1) -> Case:
    return Case(id=id, fault=fault, code=5, charges=charges, state="unknown", args=args)


def unsaved(id: str, fault: str, *args: str, downloads: int | None = None) -> Case:
    return Case(
        id=id, fault=fault, code=6, charges=1, state="answer", args=args, downloads=downloads
    )


# Exit codes and POSTs of every vendor code, by the promises on money, not by the code under test.
VENDOR = [
    *map(account, ("1000", "1001", "1002", "1003", "1004", "1005", "1100", "1110", "1111")),
    *map(account, ("1112", "1113", "1121", "1220", "1309", "1311", "1313", "1314", "1315")),
    *map(quota, ("1304", "1308", "1310", "1316", "1317", "1318", "1319", "1320", "1321")),
    *map(rejected, ("1210", "1211", "1212", "1213", "1214", "1215", "1221", "1222", "1261")),
    *map(refused, ("1300", "1301")),
    *map(transient, ("500", "1200", "1230", "1234")),
    Case(id="transient-1120", fault="1120", code=75, posts=(1, 3), state="not_sent"),
    *map(busy, ("1302", "1303", "1305", "1312")),
    unknown("S15-1231", "1231", charges=0),
]
TIMES = [
    then_saved("S1-1302-twice", "1302x2", 3),
    then_saved("S1-1303-once", "1303x1", 2),
    then_saved("S7-1305-twice", "1305x2", 3),
    then_saved("S7-1312-once", "1312x1", 2),
    then_saved("S11-500-once", "500x1", 2),
    then_saved("S11-1200-twice", "1200x2", 3),
    then_saved("S11-1230-once", "1230x1", 2),
    then_saved("S11-1234-once", "1234x1", 2),
]
FREE = [
    unknown("S12-html-500", "html-500", charges=0),
    unknown("S12-html-502", "html-502", charges=0),
    unknown("S12-504", "504", charges=0),
    Case(id="N13-html-404", fault="html-404", code=9, state="not_sent"),
    then_saved("S13-503-once", "503x1", 2),
    Case(id="S13-503-no-time", fault="503", code=75, state="not_sent", args=("--max-wait", "0.5")),
    then_saved("S14-408-once", "408x1", 2),
    Case(id="S14-408-for-ever", fault="408", code=75, posts=(3, 3), state="not_sent"),
    then_saved("S4-retry-after-2", "retry-after-2x1", 2),
    Case(id="S5-retry-after-day", fault="retry-after-day", code=75, state="not_sent"),
    then_saved("S5-retry-after-junk", "retry-after-junkx1", 2),
    then_saved("S5-retry-after-digits", "retry-after-digitsx1", 2),
    then_saved("S5-retry-after-past", "retry-after-pastx1", 2),
    Case(id="S22-redirect", fault="redirect", code=9, state="not_sent", downloads=0),
    then_saved("S16-error-in-200", "error-in-200x1", 2),
    then_saved("S16-code-number", "code-numberx1", 2),
    Case(id="I20-hostile", fault="hostile", code=3, state="rejected"),
]
BODIES = [
    unknown("S17-empty-200", "empty-200"),
    unknown("S17-html-200", "html-200"),
    saved("S17-bom-200", "bom-200"),
    unknown("S17-cut-json", "cut-json"),
    saved("S18-deep-json", "deep-json"),
    saved("S18-big-number", "big-number"),
    saved("S18-nan-json", "nan-json"),
    saved("S18-surrogate-json", "surrogate-json"),
    saved("S27-twice-json", "twice-json"),
    unknown("S27-url-number", "url-number"),
    unknown("S27-url-null", "url-null"),
    Case(id="S19-empty-data", fault="empty-data", code=8, charges=1, state="rejected"),
    Case(id="S19-no-data", fault="no-data", code=8, charges=1, state="rejected"),
    Case(id="S19-filtered", fault="filtered", code=8, charges=1, state="rejected"),
    saved("camel-filter", "camel-filter"),
    saved("no-filter", "no-filter"),
    saved("created-text", "created-text"),
    saved("S20-two-images", "two-images", images=2),
    Case(
        id="b64", fault="b64", code=0, charges=1, images=1, state="saved", downloads=0
    ),
]  # fmt: skip
URLS = [
    Case(id="G2-expired-url", fault="expired-url", code=6, charges=1, state="expired"),
    unsaved("G14-private-url", "private-url", downloads=0),
    unsaved("G14-http-url", "http-url", downloads=0),
    unsaved("G14-file-url", "file-url", downloads=0),
    unsaved("G14-data-url", "data-url", downloads=0),
    unsaved("G14-userinfo-url", "userinfo-url", downloads=0),
    unsaved("G15-control-url", "control-url", downloads=0),
    unsaved("G15-long-url", "long-url", downloads=0),
]
WIRES = [
    unknown("N5-lost-answer", "lost-answer"),
    unknown("N5-reset", "reset"),
    unknown("N7-silent", "silent", *SHORT),
    saved("S25-cut-answer", "cut-answer"),
    unknown("S25-cut-early", "cut-early"),
    saved("S24-slow-answer", "slow-answer"),
    unknown("N10-slow-headers", "slow-headers", *SHORT),
    saved("S23-early-hints", "early-hints"),
    unknown("S21-big-answer", "big-answer"),
    unknown("S26-huge-header", "huge-header"),
    unknown("S12-html-502-charged", "html-502-charged"),
]
PASSING = (
    "cut-download", "short-download", "trim-download", "stall-download", "html-download",
    "empty-download", "403-download", "404-download", "500-download", "flip-download",
    "lost-download",
)  # fmt: skip
FINAL = (
    "oversize-download", "huge-length", "bomb-download", "bomb-warning", "gzip-download",
    "redirect-loop", "redirect-private", "redirect-file",
)  # fmt: skip
DOWNLOADS = [
    *(saved(f"{name}-once", f"{name}x1") for name in PASSING),
    *(unsaved(f"{name}-for-ever", name) for name in (*PASSING, *FINAL)),
    saved("slow-download", "slow-download"),
    saved("G12-wrong-type", "wrong-type"),
    saved("G12-jpeg", "jpeg", suffix=".jpg"),
    saved("G12-webp", "webp", suffix=".webp"),
    saved("G16-disposition", "disposition"),
    saved("G13-redirect-download", "redirect-download"),
]
CASES = [*VENDOR, *TIMES, *FREE, *BODIES, *URLS, *WIRES, *DOWNLOADS]


@pytest.fixture
def sandbox() -> Iterator[SandboxThread]:
    """Slow faults made of quick steps."""
    with SandboxThread(drip=0.002) as box:
        yield box


@pytest.fixture(autouse=True)
def patience(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rules on a shorter scale."""
    monkeypatch.setattr("cogview_cli.retry.THROTTLE_BASE", 0.05)
    monkeypatch.setattr("cogview_cli.retry.TRANSIENT_BASE", 0.02)
    monkeypatch.setattr("cogview_cli.download.TRIES", 2)
    if "stall" in request.node.name:
        monkeypatch.setattr("cogview_cli.download.IDLE_SECONDS", 0.4)


def history() -> list[Entry]:
    with Ledger(Path(os.environ["COGVIEW_STATE_DIR"])) as ledger:
        return ledger.history()


def images(folder: Path | None = None) -> list[Path]:
    found = (folder or Path.cwd()).rglob("*")
    return sorted(path for path in found if path.suffix in IMAGES)


def test_the_table_names_every_code_and_every_fault() -> None:
    from cogview_cli.codes import CODES

    tried = {re.sub(r"x[0-9]+$", "", case.fault) for case in CASES}
    assert set(CODES) | set(FAULTS) == tried


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_fault_costs_what_it_must_and_leaves_what_it_may(
    case: Case, cogview: Run, sandbox: SandboxThread
) -> None:
    ended = cogview("gen", f"cat sandbox:{case.fault}", *GEN, *case.args)
    books = sandbox.books
    assert ended.code == case.code, ended
    assert case.posts[0] <= books.posts.total() <= case.posts[1], books.posts
    assert books.charges.total() == case.charges
    assert books.leaks == []
    if case.downloads is not None:
        assert books.downloads.total() == case.downloads
    _check_files(case, ended)
    _check_ledger(case)
    assert KEY not in ended.out + ended.err
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", ended.out)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", ended.err)


def _check_files(case: Case, ended: Ended) -> None:
    found = images()
    assert [path.suffix for path in found] == [case.suffix] * case.images
    assert sorted(ended.out.splitlines()) == [str(path.relative_to(Path.cwd())) for path in found]
    for path in found:
        assert json.loads(Path(f"{path}.json").read_text("utf-8"))["image"]["file"] == path.name
    others = {path for path in Path.cwd().rglob("*") if path.is_file()} - set(found)
    others -= {Path(f"{path}.json") for path in found}
    # A picture that claims too many pixels is kept under a name that is no picture's.
    assert {path.suffix for path in others} == ({".unverified"} if "bomb" in case.id else set())


def _check_ledger(case: Case) -> None:
    (entry,) = history()
    assert entry.state == case.state
    if case.charges and case.state in ("answer", "saved", "expired"):
        assert entry.answer is not None and entry.answer.raw


def test_a_wait_asked_for_by_the_api_is_waited(cogview: Run, sandbox: SandboxThread) -> None:
    began = time.monotonic()
    assert cogview("gen", "sandbox:503x1", *GEN).code == 0
    assert time.monotonic() - began >= 1


def test_a_refused_redirect_never_reaches_its_target(cogview: Run) -> None:
    with _Listener() as other, _Answering(f"http://127.0.0.1:{other.port}/x") as api:
        ended = cogview("gen", "cat", "--base-url", f"http://127.0.0.1:{api.port}/v4")
        assert ended.code == 9
        assert other.seen == b"" and b"POST /v4/images/generations" in api.seen


def test_a_refused_connection_is_temporary_and_cost_nothing(cogview: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: connecting is refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v4"
        ended = cogview("gen", "cat", "--base-url", url, "--retries", "1")
    assert ended.code == 75, ended
    assert [entry.state for entry in history()] == ["not_sent"]
    assert history()[0].attempt == 2
    assert images() == []


def test_an_unknown_host_is_temporary_and_cost_nothing(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    ended = cogview("gen", "cat", "--base-url", "https://api.example.invalid/v4", "--retries", "1")
    assert ended.code == 75, ended
    assert [entry.state for entry in history()] == ["not_sent"]


def test_tls_to_a_plain_port_sends_no_key(cogview: Run) -> None:
    with _Listener(answer=b"HTTP/1.1 400 Bad Request\r\n\r\n") as plain:
        ended = cogview("gen", "cat", "--base-url", f"https://127.0.0.1:{plain.port}/v4")
        assert ended.code == 9, ended
        assert KEY.encode() not in plain.seen and plain.connections == 1
    assert [entry.state for entry in history()] == ["not_sent"]


@pytest.mark.parametrize("trusted", [False, True], ids=["N4-self-signed", "N4-wrong-host"])
def test_a_bad_certificate_stops_before_the_key(
    trusted: bool, cogview: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cogview_cli.network import tls_context

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("another.example").configure_cert(context)
    if trusted:
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    tls_context.cache_clear()
    try:
        with _Listener(tls=context) as server:
            ended = cogview("gen", "cat", "--base-url", f"https://127.0.0.1:{server.port}/v4")
            assert ended.code == 9, ended
            assert server.seen == b"" and server.connections == 1
    finally:
        tls_context.cache_clear()
    assert [entry.state for entry in history()] == ["not_sent"]


def test_an_unknown_outcome_is_repeated_only_on_demand_and_stays_on_record(
    cogview: Run, sandbox: SandboxThread
) -> None:
    ended = cogview("gen", "sandbox:lost-answerx1", *GEN, "--on-unknown", "retry")
    assert ended.code == 0, ended
    assert sandbox.books.posts.total() == sandbox.books.charges.total() == 2
    assert [entry.state for entry in history()] == ["unknown", "saved"]


def test_max_cost_is_never_crossed(cogview: Run, sandbox: SandboxThread) -> None:
    ended = cogview("gen", "cat", *GEN, "-n", "3", "--max-cost", "0.13")
    assert ended.code == 7, ended
    assert len(images()) == sandbox.books.posts.total() == 2
    assert [entry.state for entry in history()] == ["saved", "saved"]


def test_an_unknown_outcome_counts_against_max_cost(cogview: Run, sandbox: SandboxThread) -> None:
    ended = cogview("gen", "sandbox:lost-answerx1", *GEN, "-n", "2", "--max-cost", "0.06")
    assert ended.code == 5, ended
    assert sandbox.books.posts.total() == 1


def test_a_200_without_a_picture_counts_against_max_cost(
    cogview: Run, sandbox: SandboxThread
) -> None:
    """The vendor does not say that a filtered picture is free."""
    ended = cogview("gen", "sandbox:filtered", *GEN, "-n", "2", "--max-cost", "0.06")
    assert ended.code == 7, ended
    assert str(sandbox.books.cost) == "0.06"


def test_the_tier_bounds_what_is_in_flight(cogview: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with SandboxThread(latency=(0.2, 0.2)) as slow:
        monkeypatch.setenv("COGVIEW_BASE_URL", slow.base_url)
        ended = cogview("gen", "cat", *GEN, "-n", "8", "--tier", "V0")
        assert ended.code == 0, ended
        # As many POSTs as images: nobody was told 1302.
        assert slow.books.posts.total() == slow.books.charges.total() == len(images()) == 8
        assert 2 <= slow.books.max_in_flight <= 5


@pytest.mark.parametrize("code, expected", [("1113", 4), ("1002", 4), ("1304", 7)])
def test_what_holds_for_the_whole_account_ends_the_run(
    code: str, expected: int, cogview: Run, sandbox: SandboxThread
) -> None:
    ended = cogview("gen", f"sandbox:{code}", *GEN, "-n", "3", "--jobs", "1", "--json")
    assert ended.code == expected, ended
    assert sandbox.books.posts.total() == 1
    summary = json.loads(ended.out.splitlines()[-1])
    assert (summary["saved"], summary["failed"], summary["not_sent"]) == (0, 1, 2)


def test_a_paid_image_survives_the_account_error_of_the_next(
    cogview: Run, sandbox: SandboxThread
) -> None:
    sandbox.script("cat", ["ok", "1113", "ok"])
    ended = cogview("gen", "cat", *GEN, "-n", "3", "--jobs", "1")
    assert ended.code == 4, ended
    assert (len(images()), sandbox.books.posts.total()) == (1, 2)


def test_one_refused_image_stops_none_of_the_others(cogview: Run, sandbox: SandboxThread) -> None:
    sandbox.script("cat", ["ok", "1301", "ok"])
    ended = cogview("gen", "cat", *GEN, "-n", "3", "--jobs", "1")
    assert ended.code == 8, ended
    assert (len(images()), sandbox.books.posts.total()) == (2, 3)


def test_a_refusal_says_whose_fault_it_was(cogview: Run) -> None:
    """Role and level of the content filter are shown."""
    ended = cogview("gen", "sandbox:filtered", *GEN)
    assert "assistant" in ended.err and "0" in ended.err


def test_the_unknown_outranks_all_other_ends_of_a_run(cogview: Run, sandbox: SandboxThread) -> None:
    sandbox.script("cat", ["ok", "lost-answer", "1113"])
    assert cogview("gen", "cat", *GEN, "-n", "3", "--jobs", "1").code == 5


class _Listener:
    """Accepts connections, notes the (decrypted) bytes, may answer the first ones."""

    def __init__(self, *, answer: bytes = b"", tls: ssl.SSLContext | None = None) -> None:
        self.seen = b""
        self.connections = 0
        self._answer, self._tls = answer, tls
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        for _ in itertools.count():
            try:
                link, _peer = self._socket.accept()
            except OSError:
                return
            if self.port == 0:
                link.close()
                return
            self.connections += 1
            with link:
                link.settimeout(5)
                self._talk(link)

    def _talk(self, link: socket.socket) -> None:
        try:
            if self._tls:
                with self._tls.wrap_socket(link, server_side=True) as secure:
                    self.seen += secure.recv(65536)
                return
            self.seen += link.recv(65536)
            link.sendall(self._answer)
        except OSError:
            return

    def __enter__(self) -> _Listener:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        port, self.port = self.port, 0
        with socket.create_connection(("127.0.0.1", port)):
            pass
        self._thread.join()
        self._socket.close()


class _Answering(_Listener):
    """An API that redirects every POST to `location`."""

    def __init__(self, location: str) -> None:
        head = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {location}\r\n"
        super().__init__(answer=f"{head}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
