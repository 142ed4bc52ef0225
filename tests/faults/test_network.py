"""N1-N14: the way to the API and back, TLS and proxies."""

from __future__ import annotations

import datetime
import json
import os
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from cogview_cli.net.clients import load_trust
from cogview_cli.sandbox.thread import SandboxThread
from tests.conftest import Ended, Run
from tests.faults.case import Case, check_streams, not_sent, run_case, unknown
from tests.faults.peers import (
    HOST,
    ConnectProxy,
    HttpProxy,
    Listener,
    Scripted,
    Socks5,
    Step,
    http,
    in_answer,
    inline,
    picture,
    reset,
    silence,
)
from tests.faults.world import KEY, SMALL, history, images, run, states

pytestmark = pytest.mark.faults
over_both = pytest.mark.usefixtures("both_transports")
SHORT = ("--timeout", "0.5")
API, HOST_OF_IMAGES = "api.example.invalid", "images.example.invalid"
CASES = [
    unknown("N5 FIN after the POST was read", "lost-answer"),
    unknown("N5 RST after the POST was read", "reset"),
    unknown("N7 silence past the deadline", "silent", *SHORT),
    unknown("N10 headers that never end", "slow-headers", *SHORT),
    not_sent("N13 HTML 404 of something else", "html-404", 9, words=("--base-url",)),
]


@over_both
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_case(case: Case, cogview: Run, sandbox: SandboxThread) -> None:
    run_case(case, cogview, sandbox)


def cost_nothing(ended: Ended, code: int, tries: int) -> None:
    """Ended with `code` after so many tries, none of which reached the API."""
    assert ended.code == code, ended
    (entry,) = history()
    assert (entry.state, entry.attempt, images()) == ("not_sent", tries, [])
    check_streams(ended)


def test_n1_an_unknown_host_is_temporary(cogview: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    ended = cogview("gen", "cat", "--base-url", f"https://{API}/v4", "--retries", "1")
    cost_nothing(ended, 75, 2)


def test_n2_a_refused_connection_is_temporary(cogview: Run) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))  # bound, not listening: connecting is refused
        url = f"http://{HOST}:{taken.getsockname()[1]}/v4"
        ended = cogview("gen", "cat", "--base-url", url)
    cost_nothing(ended, 75, 4)


def test_n3_a_connect_that_hangs_is_temporary(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full backlog on loopback: the kernel answers nothing."""
    monkeypatch.setattr("cogview_cli.net.clients.CONNECT_SECONDS", 0.2)
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind((HOST, 0))
        full.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        url = f"http://{HOST}:{full.getsockname()[1]}/v4"
        ended = cogview("gen", "cat", "--base-url", url, "--retries", "1")
    cost_nothing(ended, 75, 2)


@over_both
@pytest.mark.parametrize("end", [reset, b""], ids=["N5 RST", "N5 FIN"])
def test_one_post_and_no_more(end: Step, cogview: Run) -> None:
    with Scripted([end, inline()]) as api:
        assert cogview("gen", "cat", "--base-url", api.base_url).code == 5
        assert api.count(b"POST") == 1
    assert states() == ["unknown"]


class _Hangup(Listener):
    """RST without having read anything."""

    def talk(self, link: socket.socket) -> None:
        reset(link)


@over_both
def test_n6_a_reset_before_reading_is_a_false_alarm(cogview: Run) -> None:
    """It cannot be told from N5; an unknown too many is better than a payment too many.

    Where the reset comes before the connection is made, that try was not sent, and repeated.
    """
    with _Hangup() as api:
        ended = cogview("gen", "cat", "--base-url", f"http://{HOST}:{api.port}/v4")
    (entry,) = history()
    assert (ended.code, entry.state) in ((5, "unknown"), (75, "not_sent")), ended
    assert entry.attempt == api.connections


@over_both
def test_n8_each_post_has_a_connection_of_its_own(cogview: Run) -> None:
    """A kept connection that dies under a POST would be an avoidable unknown."""
    with Scripted([inline()]) as api:
        ended = cogview("gen", "cat", "-n", "2", "--jobs", "1", "--base-url", api.base_url)
        assert (ended.code, api.connections, api.count(b"POST")) == (0, 2, 2), ended
    assert len(images()) == 2


@over_both
def test_the_body_is_sent_with_its_length_and_not_in_chunks(cogview: Run) -> None:
    """Some gateways take no other."""
    with Scripted([inline()]) as api:
        assert cogview("gen", "猫", "--base-url", api.base_url).code == 0
        head, _, body = api.requests[0].partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}\r\n" in head.decode().lower() + "\r\n"
    assert b"transfer-encoding" not in head.lower() and json.loads(body)["prompt"] == "猫"


@over_both
def test_n9_the_second_post_lost_is_not_sent_again(cogview: Run, sandbox: SandboxThread) -> None:
    sandbox.script("cat", ["ok", "lost-answer"])
    assert cogview("gen", "cat", *SMALL, "-n", "2", "--jobs", "1").code == 5
    assert sandbox.books.posts.total() == sandbox.books.charges.total() == 2
    assert states() == ["saved", "unknown"]


def test_n14_a_clock_that_jumps_changes_no_wait(sandbox: SandboxThread, tmp_path: Path) -> None:
    """Wall-clock time jumps by a day, back and forth, all the while."""
    (tmp_path / "jump").mkdir()
    (tmp_path / "jump" / "sitecustomize.py").write_text(
        "import itertools, time\n"
        "real, days = time.time, itertools.cycle((0, 86400, -86400))\n"
        "time.time = lambda: real() + next(days)\n"
    )
    began = time.monotonic()
    ended = run(
        "gen", "cat sandbox:1302x2", *SMALL,
        COGVIEW_BASE_URL=sandbox.base_url, COGVIEW_API_KEY=KEY, PYTHONPATH=str(tmp_path / "jump"),
    )  # fmt: skip
    assert ended.code == 0, ended
    assert time.monotonic() - began < 20
    assert sandbox.books.posts.total() == 3 and states() == ["saved"]


# --- TLS --------------------------------------------------------------------


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[trustme.CA]:
    """A CA; `trust` makes it one that counts."""
    load_trust.cache_clear()
    yield trustme.CA()
    load_trust.cache_clear()


def trust(authority: trustme.CA, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))


def server_context(
    authority: trustme.CA, *names: str, until: datetime.datetime | None = None
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, not_after=until).configure_cert(context)
    return context


YESTERDAY = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
BAD = {
    "N4 expired": ("127.0.0.1", YESTERDAY, True),
    "N4 wrong host": ("another.example", None, True),
    "N4 self-signed": ("127.0.0.1", None, False),
}


@pytest.mark.parametrize("how", BAD)
def test_a_bad_certificate_stops_before_the_key(
    how: str,
    cogview: Run,
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name, until, trusted = BAD[how]
    if trusted:
        trust(authority, tmp_path, monkeypatch)
    with Scripted([inline()], tls=server_context(authority, name, until=until)) as api:
        ended = cogview("gen", "cat", "--base-url", api.base_url)
        assert (api.seen, api.connections) == (b"", 1)
    cost_nothing(ended, 9, 1)
    assert "TLS" in ended.err and "SSL_CERT_FILE" in ended.err


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_n4_ca_settings_of_the_environment_are_honoured(
    name: str, cogview: Run, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the API and for the image host."""
    trust(authority, tmp_path, monkeypatch)
    monkeypatch.setenv(name, os.environ["SSL_CERT_FILE"])
    if name != "SSL_CERT_FILE":
        monkeypatch.delenv("SSL_CERT_FILE")
    answer = in_answer(url="%ORIGIN%/1.png")
    context = server_context(authority, HOST)
    with Scripted([answer], [http("200 OK", picture())], tls=context) as api:
        ended = cogview("gen", "cat", "--base-url", api.base_url)
        assert ended.code == 0, ended
        post, get = api.requests
        assert f"Bearer {KEY}".encode() in post and KEY.encode() not in get
    assert states() == ["saved"] and len(images()) == 1


def test_n4_a_ca_file_that_is_none_is_named(
    cogview: Run, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    ended = cogview("gen", "cat", "--base-url", f"https://{API}/v4")
    assert ended.code == 9 and "SSL_CERT_FILE" in ended.err, ended
    assert "not_sent" in states() or states() == []


def test_n4_tls_to_a_plain_port_sends_no_key(cogview: Run) -> None:
    seen = []

    class Plain(Listener):
        def talk(self, link: socket.socket) -> None:
            seen.append(link.recv(65536))
            link.sendall(http("400 Bad Request"))

    with Plain() as plain:
        ended = cogview("gen", "cat", "--base-url", f"https://{HOST}:{plain.port}/v4")
    assert len(seen) == 1 and KEY.encode() not in seen[0]
    cost_nothing(ended, 9, 1)


# --- proxies ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "tries"),
    [("407 Proxy Authentication Required", 9, 1), ("502 Bad Gateway", 75, 2)],
    ids=["N12 407", "N12 502"],
)
def test_a_proxy_that_does_not_connect_cost_nothing(
    status: str, code: int, tries: int, cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ConnectProxy(answer=http(status)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{HOST}:{proxy.port}")
        ended = cogview("gen", "cat", "--base-url", f"https://{API}/v4", "--retries", "1")
        assert proxy.asked == [f"{API}:443"] * tries
        assert KEY.encode() not in proxy.seen
    cost_nothing(ended, code, tries)


@pytest.mark.parametrize("end", [reset, b""], ids=["N5 RST", "N5 FIN"])
def test_a_lost_answer_behind_a_proxy_is_posted_once(
    end: Step,
    cogview: Run,
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The request went inside TLS through a CONNECT; that it was sent is no secret of httpx."""
    trust(authority, tmp_path, monkeypatch)
    with Scripted([end, inline()], tls=server_context(authority, API)) as api:
        with ConnectProxy({f"{API}:443": api.port}) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://{HOST}:{proxy.port}")
            ended = cogview("gen", "cat", "--base-url", f"https://{API}/v4", "--retries", "3")
        assert (ended.code, api.count(b"POST"), len(proxy.asked)) == (5, 1, 1), ended
    assert states() == ["unknown"]


def test_a_certificate_that_is_not_the_hosts_behind_a_proxy_cost_nothing(
    cogview: Run, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CONNECT succeeds; the key and the body stay here."""
    trust(authority, tmp_path, monkeypatch)
    with Scripted([inline()], tls=server_context(authority, "another.example")) as api:
        with ConnectProxy({f"{API}:443": api.port}) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://{HOST}:{proxy.port}")
            ended = cogview("gen", "cat", "--base-url", f"https://{API}/v4")
        assert api.requests == []
    cost_nothing(ended, 9, 1)


def test_n12_a_proxy_that_is_not_there_is_temporary(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        monkeypatch.setenv("HTTPS_PROXY", f"http://{HOST}:{taken.getsockname()[1]}")
        ended = cogview("gen", "cat", "--base-url", f"https://{API}/v4", "--retries", "0")
    cost_nothing(ended, 75, 1)


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_n12_the_error_names_the_proxy_that_is_not_there(
    scheme: str, cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not its login."""
    with socket.create_server((HOST, 0)) as unused:
        port = unused.getsockname()[1]
    monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://user:canary@{HOST}:{port}")
    ended = cogview("gen", "cat", "--base-url", "https://api.example.invalid/v4", "--max-wait", "0")
    assert ended.code == 75 and f"the proxy {scheme}://{HOST}:{port}" in ended.err, ended
    assert "canary" not in ended.err and "HTTPS_PROXY" in ended.err


def test_n12_a_proxy_that_ends_before_the_download_is_named_too(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogview_cli.net.proxies.is_loopback", lambda _host: False)
    with socket.create_server((HOST, 0)) as unused:
        port = unused.getsockname()[1]
    with Scripted([in_answer(url="%ORIGIN%/1.png")]) as api, HttpProxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://{HOST}:{proxy.port}")
        talk = proxy.talk

        def last(link: socket.socket) -> None:
            monkeypatch.setenv("HTTP_PROXY", f"http://{HOST}:{port}")
            talk(link)

        proxy.talk = last  # type: ignore[method-assign]
        ended = cogview("gen", "cat", "--base-url", api.base_url, "-o", "cat.png")
    assert ended.code == 6 and f"the proxy http://{HOST}:{port}" in ended.err, ended


def test_n12_a_proxy_that_falls_silent_on_connect_is_temporary(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent(Listener):
        def talk(self, link: socket.socket) -> None:
            silence(link)

    with Silent() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{HOST}:{proxy.port}")
        more = ("--retries", "0", "--timeout", "0.5")
        ended = cogview("gen", "cat", "--base-url", f"https://{API}/v4", *more)
    assert ended.code == 75, ended
    assert states() == ["not_sent"]


@pytest.mark.parametrize("kind", ["http", "socks", "socks5h"])
def test_n12_a_proxy_sees_names_and_no_key(
    kind: str,
    cogview: Run,
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """API and image host through it, by name, inside TLS from end to end."""
    trust(authority, tmp_path, monkeypatch)
    context = server_context(authority, API, HOST_OF_IMAGES)
    answer = in_answer(url=f"https://{HOST_OF_IMAGES}/1.png?Signature=x")
    with Scripted([answer], [http("200 OK", picture())], tls=context) as server:
        ports = {f"{API}:443": server.port, f"{HOST_OF_IMAGES}:443": server.port}
        with (ConnectProxy if kind == "http" else Socks5)(ports) as proxy:
            monkeypatch.setenv("ALL_PROXY", f"{kind}://{HOST}:{proxy.port}")
            ended = cogview("gen", "cat", "--base-url", f"https://{API}/v4")
            assert ended.code == 0, ended
            assert proxy.asked == list(ports)
        assert KEY.encode() in server.requests[0] and KEY.encode() not in server.requests[1]
    assert states() == ["saved"]


@pytest.mark.parametrize("kind", ["http", "socks", "socks5h"])
def test_n12_the_check_goes_the_same_way(
    kind: str,
    cogview: Run,
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trust(authority, tmp_path, monkeypatch)
    with Scripted(gets=[http("200 OK", b"{}")], tls=server_context(authority, API)) as server:
        ports = {f"{API}:443": server.port}
        with (ConnectProxy if kind == "http" else Socks5)(ports) as proxy:
            monkeypatch.setenv("ALL_PROXY", f"{kind}://{HOST}:{proxy.port}")
            monkeypatch.setenv("COGVIEW_BASE_URL", f"https://{API}/v4")
            ended = cogview("config", "check")
            assert ended.code == 0, ended
            assert proxy.asked == list(ports) * 2  # the list of models, and what all have


@pytest.mark.parametrize(
    ("status", "code"),
    [("407 Proxy Authentication Required", 9), ("502 Bad Gateway", 75)],
    ids=["N12 407", "N12 502"],
)
def test_n12_the_check_ends_as_gen_does(
    status: str, code: int, cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COGVIEW_BASE_URL", f"https://{API}/v4")
    with ConnectProxy(answer=http(status)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{HOST}:{proxy.port}")
        assert cogview("gen", "cat", "--retries", "0").code == code
        assert cogview("config", "check").code == code
        assert KEY.encode() not in proxy.seen


@pytest.mark.parametrize("command", [("gen", "cat"), ("config", "check")], ids=" ".join)
def test_n1_a_name_that_no_host_can_have_is_named(
    command: tuple[str, ...], cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COGVIEW_BASE_URL", "https://☃☃..com/v4")
    ended = cogview(*command)
    assert ended.code == 9 and "COGVIEW_BASE_URL" in ended.err, ended
    assert "host that can be looked up" in ended.err


@pytest.mark.parametrize("end", [reset, silence], ids=["reset", "silent"])
def test_the_check_waits_no_longer_than_its_time(
    end: Step, cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer is temporary; a GET is never repeated for the sake of a check."""
    monkeypatch.setattr("cogview_cli.config.check.PROBE_SECONDS", 0.2)
    with Scripted(gets=[end]) as api:
        monkeypatch.setenv("COGVIEW_BASE_URL", api.base_url)
        ended = cogview("config", "check")
        assert (ended.code, len(api.requests)) == (75, 1), ended
    assert "no answer" in ended.out


def test_n12_the_check_passes_by_a_proxy_that_is_not_for_the_host(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookup = socket.getaddrinfo

    def nowhere(host: str, *more: Any, **named: Any) -> Any:
        if host == API:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return lookup(host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    with Socks5({}) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"socks://{HOST}:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", API)
        monkeypatch.setenv("COGVIEW_BASE_URL", f"https://{API}/v4")
        assert cogview("config", "check").code == 75
        assert proxy.connections == 0


def test_n12_loopback_goes_through_no_proxy(cogview: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with ConnectProxy(answer=http("502 Bad Gateway")) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"http://{HOST}:{proxy.port}")
        assert cogview("gen", "cat", *SMALL).code == 0
        assert proxy.connections == 0


def test_n12_a_proxy_setting_that_is_none_is_named(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "gopher://127.0.0.1:70")
    ended = cogview("gen", "cat", "--base-url", f"https://{API}/v4")
    assert ended.code == 9 and "PROXY" in ended.err, ended
