"""HTTP/1.1 on a connection of our own: whole, bounded, and the answer before the error."""

from __future__ import annotations

import asyncio
import errno
import gc
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from cogview_cli.net.clients import tls_failure
from cogview_cli.net.connection import WINDOW
from cogview_cli.net.failures import (
    BodyConsumed,
    ConnectError,
    ConnectTimeout,
    LocalProtocolError,
    ReadTimeout,
    RemoteProtocolError,
    WriteTimeout,
)
from cogview_cli.net.http11 import DirectClient
from cogview_cli.net.lenient import HEAD_LIMIT
from cogview_cli.net.request_body import RequestBody
from cogview_cli.net.response import Limits
from cogview_cli.net.target import target_of
from tests.faults.peers import Listener, Scripted, Step, http, reset, silence

BODY = bytes(range(256)) * 4096 * 5  # 5 MiB, no two neighbours alike
UNTIL_CLOSED = b"HTTP/1.1 200 OK\r\n\r\npaid"
LONG, SHORT = Limits(20, 20), Limits(0.2, 20)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def _server_side(authority: trustme.CA, name: str = "localhost") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def _client_side(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture(params=["http", "https"])
def sides(
    request: pytest.FixtureRequest, authority: trustme.CA
) -> Iterator[tuple[ssl.SSLContext | None, ssl.SSLContext | None]]:
    """What server and client know of TLS; nothing for plain connections."""
    secure = request.param == "https"
    yield (_server_side(authority), _client_side(authority)) if secure else (None, None)


class Answer(NamedTuple):
    """A response, read whole."""

    status: int
    headers: Mapping[str, str]
    content: bytes


def _client(trusted: ssl.SSLContext | None = None, limits: Limits = LONG) -> DirectClient:
    return DirectClient(trusted, limits, {})


async def _read(client: DirectClient, method: str, url: str, **more: Any) -> Answer:
    more = {"headers": {}, **more}
    async with client.stream(method, target_of(url), **more) as response:
        content = b"".join([piece async for piece in response.body])
        return Answer(response.status, response.headers, content)


def get(
    url: str, trusted: ssl.SSLContext | None = None, limits: Limits = LONG, **more: Any
) -> Answer:
    """One GET, its body read."""
    return asyncio.run(_read(_client(trusted, limits), "GET", url, **more))


def _sending(data: bytes) -> dict[str, Any]:
    body = RequestBody(data)
    return {"content": body, "headers": {"Content-Length": str(len(body))}}


def post(url: str, body: bytes, limits: Limits = LONG) -> Answer:
    """One POST, its answer read."""
    return asyncio.run(_read(_client(None, limits), "POST", url, **_sending(body)))


def _answered(step: Step) -> Answer:
    with Scripted(posts=[step]) as server:
        return post(server.origin, b"{}")


# What arrives.


def test_a_large_body_arrives_whole(sides: tuple[Any, Any]) -> None:
    server_side, client_side = sides
    with Scripted(gets=[http("200 OK", BODY)], tls=server_side, name="localhost") as server:
        assert get(server.origin, client_side).content == BODY


def test_a_reader_that_rests_is_not_sent_more_than_it_can_hold(sides: tuple[Any, Any]) -> None:
    server_side, client_side = sides

    async def slowly(url: str) -> list[bytes]:
        asked = _client(client_side).stream("GET", target_of(url), headers={})
        async with asked as response:
            pieces = []
            async for piece in response.body:
                pieces.append(piece)
                for _ in range(20):  # all that may come meanwhile does
                    await asyncio.sleep(0.001)
        return pieces

    with Scripted(gets=[http("200 OK", BODY)], tls=server_side, name="localhost") as server:
        pieces = asyncio.run(slowly(server.origin))
    assert b"".join(pieces) == BODY
    # A WINDOW less a byte, then one read of asyncio's, of two, and what of a TLS record had come.
    assert max(map(len, pieces)) <= 3 * WINDOW + 2**14


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(1, 400), max_size=6), chunked=st.booleans())
def test_where_the_network_cuts_an_answer_makes_no_difference(
    cuts: list[int], chunked: bool
) -> None:
    body = "猫".encode() * 100
    head = b"HTTP/1.1 200 OK\r\nX-Request-Id: 7\r\n"
    if chunked:
        said = head + b"Transfer-Encoding: chunked\r\n\r\n12c\r\n" + body + b"\r\n0\r\n\r\n"
    else:
        said = head + b"Content-Length: 300\r\n\r\n" + body
    edges = [0, *sorted({cut for cut in cuts if cut < len(said)}), len(said)]

    def talk(link: socket.socket) -> None:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for begin, end in pairwise(edges):
            link.sendall(said[begin:end])

    answer = _answered(talk)
    assert (answer.status, answer.content) == (200, body)
    assert answer.headers["x-request-id"] == "7"


def test_an_answer_is_had_although_a_reset_came_before_it_was_read() -> None:
    begun, was_reset = threading.Event(), threading.Event()

    def talk(link: socket.socket) -> None:
        link.sendall(http("200 OK", length=40_000))
        begun.wait(20)
        link.sendall(b"paid" * 10_000)
        reset(link)
        was_reset.set()

    async def late(url: str) -> bytes:
        async with _client().stream("GET", target_of(url), headers={}) as response:
            begun.set()
            await asyncio.to_thread(was_reset.wait, 20)
            for _ in range(10):  # the loop has seen it
                await asyncio.sleep(0.001)
            return b"".join([piece async for piece in response.body])

    with Scripted(gets=[talk]) as server:
        assert asyncio.run(late(server.origin)) == b"paid" * 10_000


def test_a_body_of_no_said_length_ends_with_the_connection() -> None:
    assert _answered(UNTIL_CLOSED).content == b"paid"


def test_what_comes_before_the_answer_is_passed_over() -> None:
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"
    assert _answered(early + http("200 OK", b"paid")).content == b"paid"


@pytest.mark.parametrize(
    "said",
    [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npaid", b"\x15\x03\x01\0"],
    ids=["nothing", "half a head", "half a body", "no HTTP"],
)
def test_less_than_an_answer_is_an_error(said: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        _answered(said)


def test_a_head_without_end_is_not_kept() -> None:
    def talk(link: socket.socket) -> None:
        link.sendall(b"HTTP/1.1 200 OK\r\nX: " + b"x" * (2 * HEAD_LIMIT))
        silence(link)

    with pytest.raises(RemoteProtocolError):
        _answered(talk)


def test_a_silent_server_is_left_after_the_time_allowed() -> None:
    with Scripted(posts=[silence]) as server, pytest.raises(ReadTimeout):
        post(server.origin, b"{}", Limits(20, 0.1))


@pytest.mark.parametrize("said", [http("200 OK", BODY), UNTIL_CLOSED], ids=["we", "the server"])
def test_no_connection_is_left_to_the_garbage_collector(
    sides: tuple[Any, Any], said: bytes
) -> None:
    """Whoever ends it."""
    server_side, client_side = sides
    warned: list[str] = []
    with (
        warnings.catch_warnings(),
        Scripted(gets=[said], tls=server_side, name="localhost") as server,
    ):
        warnings.simplefilter("always", ResourceWarning)
        warnings.showwarning = lambda message, *_more: warned.append(str(message))
        for _ in range(3):
            get(server.origin, client_side)
        gc.collect()
    assert warned == []


# What is sent.


def test_a_large_request_arrives_whole() -> None:
    with Scripted(posts=[http("200 OK")]) as server:
        assert post(server.origin, BODY).status == 200
    assert server.requests[0].endswith(BODY)


def test_a_server_that_does_not_read_is_left_after_the_time_allowed() -> None:
    class Deaf(Listener):
        def talk(self, link: socket.socket) -> None:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            gone.wait(20)

    gone = threading.Event()
    with Deaf() as server, pytest.raises(WriteTimeout):
        try:
            post(f"http://127.0.0.1:{server.port}", BODY, Limits(20, 0.2))
        finally:
            gone.set()


class Hasty(Listener):
    """Answers at the first byte, says no more, and then reads to the end."""

    def __init__(self) -> None:
        super().__init__()
        self.url = f"http://127.0.0.1:{self.port}"
        self.done = threading.Event()

    def talk(self, link: socket.socket) -> None:
        link.recv(1)
        link.sendall(http("413 Content Too Large", b"too much"))
        link.shutdown(socket.SHUT_WR)
        silence(link)
        self.done.set()


def test_a_server_may_answer_before_it_has_read_all() -> None:
    with Hasty() as server:
        answer = post(server.url, BODY)
    assert (answer.status, answer.content) == (413, b"too much")


def test_a_connection_that_ended_by_itself_is_closed_all_the_same() -> None:
    async def late(server: Hasty) -> int:
        asked = _client().stream("POST", target_of(server.url), **_sending(BODY * 8))
        async with asked as response:
            await asyncio.to_thread(server.done.wait, 20)
            await asyncio.sleep(0.01)  # the loop has noticed
        return response.status

    with Hasty() as server:
        assert asyncio.run(late(server)) == 413


def test_the_body_is_read_only_once_the_connection_and_its_tls_stand(
    authority: trustme.CA,
) -> None:
    """Refused, or with a certificate that is not the host's: it was never touched."""
    body, trusted = RequestBody(b"{}"), _client_side(authority)

    async def ask(url: str) -> None:
        await _read(_client(trusted), "POST", url, content=body, headers={"Content-Length": "2"})

    other = _server_side(authority, "other.example")
    with Scripted([http("200 OK")], tls=other, name="localhost") as server:
        with pytest.raises(ConnectError):
            asyncio.run(ask(server.origin))
        assert not body.taken
    with pytest.raises(ConnectError):  # nobody listens any more
        asyncio.run(ask(server.origin))
    assert not body.taken
    own = _server_side(authority)
    with Scripted([http("200 OK")], tls=own, name="localhost") as server:
        asyncio.run(ask(server.origin))
        assert b"{}" in server.requests[0]
    assert body.taken


def test_a_body_is_sent_once() -> None:
    """A transport that tried again by itself would pay again."""
    body = RequestBody(b"{}")

    async def ask(url: str) -> None:
        sending = {"content": body, "headers": {"Content-Length": "2"}}
        await _read(_client(), "POST", url, **sending)
        with pytest.raises(BodyConsumed):
            await _read(_client(), "POST", url, **sending)

    with Scripted([http("200 OK")]) as server:
        asyncio.run(ask(server.origin))
        assert server.seen.count(b"{}") == 1


def test_a_header_that_cannot_be_sent_is_refused_before_anything_goes() -> None:
    with Scripted(gets=[http("200 OK")]) as server:
        with pytest.raises(LocalProtocolError):
            get(server.origin, headers={"X": "a\nb"})
        assert server.requests in ([], [b""])


# Connecting.


def _name_has(addresses: list[str], monkeypatch: pytest.MonkeyPatch, zone: int = 0) -> None:
    """Every name leads to these; the system is asked in bytes, as of a host in ASCII."""
    numeric = socket.getaddrinfo

    def lookup(host: str | bytes, port: int, *how: Any, **flags: Any) -> list[Any]:
        if isinstance(host, str) and ":" in host:  # an address with a zone, by asyncio
            return list(numeric(host, port, *how, **flags))
        assert isinstance(host, bytes)
        ends = [(ip, port, 0, zone) if ":" in ip else (ip, port) for ip in addresses]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", end) for end in ends]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)


def test_a_server_is_found_at_its_second_address(monkeypatch: pytest.MonkeyPatch) -> None:
    with Scripted(gets=[http("200 OK", b"here")]) as server, socket.socket() as closed:
        closed.bind(("127.0.0.2", server.port))
        _name_has(["127.0.0.2", "127.0.0.1"], monkeypatch)
        assert get(f"http://two.example:{server.port}").content == b"here"


@pytest.mark.parametrize(
    ("count", "said"), [(1, "Connection refused"), (2, "no address of the host answers")]
)
def test_a_refusal_is_told_in_plain_words(
    count: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
        other.bind(("127.0.0.2", port))
        _name_has(["127.0.0.1", "127.0.0.2"][:count], monkeypatch)
        with pytest.raises(ConnectError) as caught:
            get(f"http://host.example:{port}")
    assert str(caught.value) == said


def test_a_name_on_the_link_keeps_its_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the names of mDNS have it: without the interface there is no way to such an address."""
    tried: list[object] = []

    async def noted(_loop: object, _socket: socket.socket, end: object) -> None:
        tried.append(end)
        raise OSError(errno.ENETUNREACH, "unreachable")

    monkeypatch.setattr(asyncio.SelectorEventLoop, "sock_connect", noted)
    _name_has(["fe80::5"], monkeypatch, zone=1)
    with pytest.raises(ConnectError):
        get("http://box.local:8000")
    assert tried == [("fe80::5", 8000, 0, 1)]


def test_a_network_that_is_gone_is_told_whatever_addresses_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def gone(*_: object) -> None:
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.setattr(asyncio.SelectorEventLoop, "sock_connect", gone)
    _name_has(["192.0.2.1", "2001:db8::1"], monkeypatch)
    with pytest.raises(ConnectError) as caught:
        get("http://host.example")
    assert str(caught.value) == "Network is unreachable"


def test_nobody_waits_for_a_lookup_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the request nor the end of the event loop, which waits for its own threads."""
    asked, answered = threading.Event(), threading.Event()

    def hangs(*_: object, **__: object) -> list[object]:
        asked.set()
        assert answered.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    try:
        with pytest.raises(ConnectTimeout):
            get("http://late.example", limits=SHORT)
        assert asked.is_set()
        (lookup,) = [thread for thread in threading.enumerate() if thread.name == "lookup"]
        assert lookup.daemon  # nor the end of the process
    finally:
        answered.set()
    lookup.join(20)


def test_a_lookup_without_a_thread_is_an_error_of_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none)
    with pytest.raises(ConnectError):
        get("http://host.example")


def test_the_certificate_must_be_the_hosts_own(authority: trustme.CA) -> None:
    tls = _server_side(authority, "other.example")
    with (
        Scripted(gets=[http("200 OK")], tls=tls, name="localhost") as server,
        pytest.raises(ConnectError) as caught,
    ):
        get(server.origin, _client_side(authority))
    assert tls_failure(caught.value)


def test_a_handshake_that_does_not_come_is_given_up(authority: trustme.CA) -> None:
    class Mute(Listener):
        def talk(self, link: socket.socket) -> None:
            silence(link)

    with Mute() as server, pytest.raises(ConnectTimeout):
        get(f"https://localhost:{server.port}", _client_side(authority), SHORT)


def test_a_server_that_leaves_the_handshake_is_told_as_that(authority: trustme.CA) -> None:
    class Gone(Listener):
        def talk(self, link: socket.socket) -> None:
            link.recv(1)
            reset(link)

    with Gone() as server, pytest.raises(ConnectError) as caught:
        get(f"https://localhost:{server.port}", _client_side(authority))
    assert tls_failure(caught.value) is None


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_an_address_of_ipv6_is_connected_to() -> None:
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 on loopback")
    with listener:
        asked = asyncio.run(_one_by_ipv6(listener))
    assert asked == (200, b"six")


async def _one_by_ipv6(listener: socket.socket) -> tuple[int, bytes]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(http("200 OK", b"six"))
        writer.close()

    async with await asyncio.start_server(serve, sock=listener):
        url = f"http://[::1]:{listener.getsockname()[1]}"
        answer = await _read(_client(), "GET", url)
    return answer.status, answer.content
