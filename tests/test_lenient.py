"""Answers that break the rules of HTTP are read as far as they make sense, over both transports."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogview_cli.api.client import ApiClient, NotSent
from cogview_cli.api.request import ImageRequest
from cogview_cli.net.clients import new_client
from cogview_cli.net.failures import (
    NetworkError,
    NotHttp,
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
)
from cogview_cli.net.lenient import HEAD_LIMIT, AnswerRepair
from cogview_cli.net.request_body import RequestBody
from cogview_cli.net.target import target_of
from tests.faults.peers import ConnectProxy, HttpProxy, Scripted, Socks5, http

PAID = b'{"data":[{"url":"https://cdn.example/1.png"}]}'
OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(PAID)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
ODD_HEADS = {
    "a blank before the colon": OK + b"X-Corp-Proxy : x\r\n" + LENGTH,
    "no colon": OK + b"nonsense\r\n" + LENGTH,
    "no name": OK + b": x\r\n" + LENGTH,
    "a bare LF in a value": OK + b"X-Note: one\ntwo\r\n" + LENGTH,
    "bare LF as line end": (OK + LENGTH).replace(b"\r\n", b"\n"),
    "a bare CR in a value": OK + b"X-Note: one\rtwo\r\n" + LENGTH,
    "NUL in a value": OK + b"X-Note: a\0b\r\n" + LENGTH,
    "a folded line": OK + b"X-Note: one\r\n two\r\n" + LENGTH,
    "a folded line first": OK + b" lost\r\n" + LENGTH,
    "letters beyond ASCII in a value": OK + "X-Note: 猫\r\n".encode() + LENGTH,
    "letters beyond ASCII in a name": OK + "X-猫: x\r\n".encode() + LENGTH,
    "a cookie of 200 KB": OK + b"Set-Cookie: " + b"x" * 200_000 + b"\r\n" + LENGTH,
    "10,000 lines": OK + b"X-Note: x\r\n" * 10_000 + LENGTH,
    "the same length twice": OK + LENGTH + LENGTH,
    "the same length twice in a line": OK + b"Content-Length: 46, 46\r\n",
    "two lengths, the longer one right": OK + b"Content-Length: 5\r\n" + LENGTH,
    "two wrong lengths, and a close": OK
    + b"Content-Length: 5\r\nContent-Length: 7\r\nConnection: close\r\n",
    "a length that is no number": OK + b"Content-Length: many\r\n",
    "a negative length": OK + b"Content-Length: -1\r\n",
    "a length of 30 digits": OK + b"Content-Length: " + b"9" * 30 + b"\r\n",
    "a coding nobody knows": OK + b"Transfer-Encoding: identity\r\n",
    "no reason": b"HTTP/1.1 200\r\n" + LENGTH,
    "two blanks": b"HTTP/1.1  200  OK\r\n" + LENGTH,
    "a reason beyond ASCII": "HTTP/1.1 200 好\r\n".encode() + LENGTH,
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\n",
    "HTTP/2 in letters": b"HTTP/2 200\r\n" + LENGTH,
    "HTTP without version": b"HTTP 200 OK\r\n" + LENGTH,
    "a blank line first": b"\r\n" + OK + LENGTH,
    "hints first, then an odd line": b"HTTP/1.1 103 Hm\r\nX : y\r\n\r\n"
    + OK
    + b"X : y\r\n"
    + LENGTH,
}
ODD_BODIES = {
    "chunks": b"10\r\n" + PAID[:16] + b"\r\n1e;x=y\r\n" + PAID[16:] + b"\r\n0\r\n\r\n",
    "chunks with blanks and bare LF": b" 2e \n" + PAID + b"\n0\n\n",
    "chunks and trailers that are none": b"2e\r\n" + PAID + b"\r\n0\r\nnonsense\r\n\r\n",
}
BROKEN_BODIES = {
    "no chunks at all": PAID,
    "no chunks at all, with a line end": PAID + b"\r\n",
    "the last chunk is missing": b"2e\r\n" + PAID + b"\r\n",
    "junk behind a chunk": b"2e\r\n" + PAID + b"junk\r\n0\r\n\r\n",
    "a size of 40 digits": b"f" * 40 + b"\r\n" + PAID,
}


@pytest.fixture(params=["direct", "proxy"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _post(said: bytes, way: str, monkeypatch: pytest.MonkeyPatch) -> tuple[int, bytes, str]:
    """Status, body and the error's name, if the answer broke off."""
    with Scripted(posts=[said]) as server:
        if way == "direct":
            return asyncio.run(_talk(server.base_url))
        with HttpProxy() as proxy:
            monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
            return asyncio.run(_talk(f"http://api.example.invalid:{server.port}/v4"))


async def _talk(url: str) -> tuple[int, bytes, str]:
    body, status = b"", 0
    target, sent = target_of(url), RequestBody(b"{}")
    client = new_client(target, read_seconds=20)
    try:
        headers = {"Content-Length": str(len(sent))}
        async with client.stream("POST", target, content=sent, headers=headers) as response:
            status = response.status
            async for piece in response.body:
                body += piece
    except NotHttp as error:
        return error.status, error.came, "NotHttp"
    except RemoteProtocolError as error:
        return status, body, type(error).__name__
    finally:
        await client.aclose()
    return status, body, ""


@pytest.mark.parametrize("name", ODD_HEADS)
def test_an_odd_head_costs_no_answer(name: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = _post(ODD_HEADS[name] + b"\r\n" + PAID, way, monkeypatch)
    assert answer == (200, PAID, "")


@pytest.mark.parametrize("name", ODD_BODIES)
def test_odd_chunks_are_read(name: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = _post(OK + CHUNKED + b"\r\n" + ODD_BODIES[name], way, monkeypatch)
    assert answer == (200, PAID, "")


@pytest.mark.parametrize("name", BROKEN_BODIES)
def test_what_came_of_broken_chunks_is_handed_on_before_the_error(
    name: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, body, error = _post(OK + CHUNKED + b"\r\n" + BROKEN_BODIES[name], way, monkeypatch)
    assert (status, error) == (200, "RemoteProtocolError")
    assert PAID in body


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (PAID, 0),
        (b"\x15\x03\x01\0", 0),
        (b"HTTP/1.1 abc OK\r\n\r\n" + PAID, 0),
        (OK + b"X: y\r\n" + PAID, 200),
        (OK + b"X: " + b"x" * 2 * HEAD_LIMIT, 200),
    ],
    ids=["no head", "no HTTP", "no status", "no blank line", "a head without end"],
)
def test_what_is_no_answer_is_kept_with_the_error(
    said: bytes, status: int, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, came, error = _post(said, way, monkeypatch)
    assert (found, error) == (status, "NotHttp")
    assert came == said[: len(came)] and len(came) >= min(len(said), HEAD_LIMIT)


def test_what_a_proxy_says_to_connect_is_not_taken_for_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing was sent to the API: it cost nothing, however odd the words."""

    class Key:
        def reveal(self) -> str:
            return "test-key.canary"

    async def ask() -> None:
        client = ApiClient("https://api.example.invalid/v4", Key(), timeout=20)
        try:
            await client.post(ImageRequest(model="m", prompt="p"))
        finally:
            await client.close()

    for said in (b"HTTP/1.1 502 Bad\r\nX: " + PAID, PAID, b"HTTP/1.1 200 OK\r\n" + PAID):
        with ConnectProxy(answer=said) as proxy, pytest.raises(NotSent):
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
            asyncio.run(ask())


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_has_none_whatever_it_says(
    status: int, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = b"HTTP/1.1 %d X\r\nX : y\r\n" % status + CHUNKED + b"\r\n"
    assert _post(said, way, monkeypatch) == (status, b"", "")


def test_a_login_that_a_socks_proxy_asks_for_is_no_answer_to_repair(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What goes over the connection before the request is left alone."""
    with (
        Scripted(posts=[OK + b"X : y\r\n" + LENGTH + b"\r\n" + PAID]) as server,
        Socks5({"api.example.invalid:80": server.port}) as proxy,
    ):
        monkeypatch.setenv("ALL_PROXY", f"socks5h://127.0.0.1:{proxy.port}")
        assert asyncio.run(_talk("http://api.example.invalid/v4")) == (200, PAID, "")


# Without a socket: where the network cuts an answer makes no difference.


def _read(pieces: list[bytes]) -> tuple[bytes, str]:
    """What a parser gets of `pieces`, and the error's name."""
    coming = iter([*pieces, b"", b"", b""])

    async def more() -> bytes:
        return next(coming)

    async def run() -> tuple[bytes, str]:
        repair, got = AnswerRepair(), b""
        try:
            while data := await repair.read(more):
                got += data
        except RemoteProtocolError as error:
            return got, type(error).__name__
        return got, ""

    return asyncio.run(run())


def _cut(said: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted({cut for cut in cuts if cut < len(said)} - {0}), len(said)]
    return [said[begin:end] for begin, end in pairwise(edges)]


whole_answers = st.sampled_from(
    [head + b"\r\n" + PAID for name, head in ODD_HEADS.items() if len(head) < 1000]
    + [OK + CHUNKED + b"\r\n" + body for body in (ODD_BODIES | BROKEN_BODIES).values()]
)


@given(whole_answers, st.lists(st.integers(1, 300), max_size=8))
@settings(deadline=None, max_examples=150)
def test_where_an_odd_answer_is_cut_makes_no_difference(said: bytes, cuts: list[int]) -> None:
    assert _read(_cut(said, cuts)) == _read([said])


@given(
    st.binary(max_size=300) | st.binary(max_size=300).map(lambda rest: OK + CHUNKED + rest),
    st.lists(st.integers(1, 300), max_size=5),
)
@settings(deadline=None, max_examples=200)
def test_no_bytes_raise_anything_else(said: bytes, cuts: list[int]) -> None:
    _got, error = _read(_cut(said, cuts))
    assert error in ("", "NotHttp", "RemoteProtocolError")


@pytest.mark.parametrize("error", [ReadError("reset"), ReadTimeout("late")])
def test_what_came_of_a_head_is_kept_when_the_connection_fails(error: NetworkError) -> None:
    """Its link may be all there is of a paid picture. Without any byte, the error is as it was."""
    said = OK + b"X: y\r\n" + PAID

    async def run(pieces: list[bytes]) -> None:
        coming = iter(pieces)

        async def more() -> bytes:
            if piece := next(coming, None):
                return piece
            raise error

        await AnswerRepair().read(more)

    with pytest.raises(NotHttp) as caught:
        asyncio.run(run(_cut(said, [9, 30])))
    assert (caught.value.came, caught.value.status) == (said, 200)
    with pytest.raises(type(error)) as plain:
        asyncio.run(run([]))
    assert plain.value is error


def test_a_correct_answer_passes_as_it_is() -> None:
    said = http(
        "200 OK", PAID, "Content-Type: application/json", "Set-Cookie: a=b", "Set-Cookie: c=d"
    )
    got, error = _read([said])
    head, _, body = got.partition(b"\r\n\r\n")
    assert (sorted(head.split(b"\r\n")), body, error) == (
        sorted(said.partition(b"\r\n\r\n")[0].split(b"\r\n")), PAID, "",
    )  # fmt: skip
