"""G30: transfers of a picture that break off. What came is kept, and the rest is free."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from cogview_cli.net.clients import load_trust
from tests.conftest import Ended, Run
from tests.faults.case import check_streams
from tests.faults.peers import HOST, Scripted, Step, http, in_answer, picture, reset
from tests.faults.test_network import server_context, trust
from tests.faults.world import history, states, temporaries

pytestmark = pytest.mark.faults
both = pytest.mark.usefixtures("both_transports")
PNG, JPEG, WEBP = picture("PNG"), picture("JPEG"), picture("WEBP")
HALF = PNG[: len(PNG) // 2]
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def then_reset(data: bytes) -> Step:
    """These bytes, read by the client, and a reset."""

    def act(link: socket.socket) -> None:
        link.sendall(data)
        link.recv(1)  # the client closes, or its patience ends
        reset(link)

    return act


def packed(data: bytes, cut: int) -> bytes:
    return gzip.compress(data, mtime=0)[:-cut]


GZIP = b"Content-Encoding: gzip\r\n"
PACKED_HALF = packed(PNG, 4000)
# What comes, and what of it is kept.
CUT: dict[str, tuple[bytes, bytes]] = {
    "short of its length": (http("200 OK", HALF, length=len(PNG)), HALF),
    "one byte short of its length": (http("200 OK", PNG[:-1], length=len(PNG)), PNG[:-1]),
    "whole, and a longer length": (http("200 OK", PNG, length=len(PNG) + 9), PNG),
    "chunks without an end": (CHUNKED + chunk(HALF), HALF),
    "in the middle of a chunk": (CHUNKED + chunk(PNG)[: len(HALF) + 6], HALF),
    "in the size of a chunk": (CHUNKED + chunk(HALF) + b"1f", HALF),
    "behind the size of a chunk": (CHUNKED + chunk(HALF) + b"1f\r\n", HALF),
    "without a length": (HEAD + b"\r\n" + HALF, HALF),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\n" + HALF, HALF),
    "a cut page of words": (CHUNKED + chunk(b"<html>hotel"), b"<html>hotel"),
}  # fmt: skip
WHOLE: dict[str, tuple[bytes, bytes]] = {
    "last chunk missing": (CHUNKED + chunk(PNG), PNG),
    "last chunk missing, JPEG": (CHUNKED + chunk(JPEG), JPEG),
    "last chunk missing, WebP": (CHUNKED + chunk(WEBP), WEBP),
    "line end of the last chunk missing": (CHUNKED + chunk(PNG)[:-2], PNG),
    "half of that line end": (CHUNKED + chunk(PNG)[:-1], PNG),
    "size of the last chunk alone": (CHUNKED + chunk(PNG) + b"0", PNG),
    "trailer of gzip missing": (http("200 OK", packed(PNG, 8), GZIP.decode().strip()), PNG),
    "trailer of gzip missing in chunks": (
        CHUNKED.replace(b"\r\n\r\n", b"\r\n" + GZIP + b"\r\n") + chunk(packed(PNG, 8)), PNG),
}  # fmt: skip


def against(
    cogview: Run,
    *gets: Step,
    more: Callable[[Scripted], None] = lambda _: None,
    out: str = "cat.png",
) -> Ended:
    """`gen` that is out of patience when the first step of the last kind has come twice."""
    with Scripted([in_answer(url="%ORIGIN%/1.png")], gets) as api:
        ended = cogview("gen", "cat", "--base-url", api.base_url, "-o", out)
        more(api)
    assert api.count(b"POST") == 1
    return ended


def names() -> set[str]:
    return {path.name for path in Path.cwd().iterdir()}


@both
@pytest.mark.parametrize("how", CUT)
def test_what_came_is_kept_and_the_next_run_replaces_it(how: str, cogview: Run) -> None:
    came, kept = CUT[how]

    def later(api: Scripted) -> None:
        check_kept(kept)
        for _ in range(2):  # a server that cuts always at the same place is asked again
            gets = api.count(b"GET")
            assert cogview("recover").code == 6
            assert api.count(b"GET") > gets
            check_kept(kept)
        api._steps[b"GET"] = [http("200 OK", PNG)]
        assert cogview("recover").code == 0
        assert Path("cat.png").read_bytes() == PNG

    ended = against(cogview, came, more=later)
    check_streams(ended)
    assert ended.code == 6 and "cat.unverified'" in ended.err, ended
    assert names() == {"cat.png", "cat.png.json"}


def check_kept(content: bytes) -> None:
    assert names() == {"cat.unverified", "cat.unverified.json"}
    assert Path("cat.unverified").read_bytes() == content
    assert json.loads(Path("cat.unverified.json").read_text("utf-8"))["image"]["bytes"] == len(
        content
    )
    assert states() == ["answer"]


@both
@pytest.mark.parametrize("how", WHOLE)
def test_a_picture_whose_length_nobody_told_is_taken_when_all_of_it_is_there(
    how: str, cogview: Run
) -> None:
    came, content = WHOLE[how]

    def once(api: Scripted) -> None:
        assert api.count(b"GET") == 1

    ended = against(cogview, came, more=once, out="out/")
    assert ended.code == 0, ended
    path = Path(ended.out.strip())
    assert path.read_bytes() == content
    assert json.loads(Path(f"{path}.json").read_text("utf-8"))["image"]["bytes"] == len(content)


@both
def test_a_packed_picture_is_kept_as_far_as_it_unpacks(cogview: Run) -> None:
    ended = against(cogview, http("200 OK", PACKED_HALF, "Content-Encoding: gzip"))
    assert ended.code == 6, ended
    kept = Path("cat.unverified").read_bytes()
    assert 1000 < len(kept) < len(PNG) and PNG.startswith(kept)


@both
def test_a_packed_picture_whose_check_sum_is_wrong_is_no_picture(cogview: Run) -> None:
    """All of it comes out, and somewhere in it a bit is another."""
    broken = bytearray(gzip.compress(JPEG, mtime=0))
    broken[-8] ^= 1
    ended = against(cogview, http("200 OK", bytes(broken), "Content-Encoding: gzip"))
    assert ended.code == 6 and Path("cat.unverified").read_bytes() == JPEG, ended


@both
@pytest.mark.parametrize(
    "last",
    [b"", http("404 Not Found"), http("200 OK", b"<html>"), CHUNKED + chunk(PNG[:100])],
    ids=["no answer", "404", "a page", "less"],
)
def test_the_most_of_all_tries_is_kept(last: Step, cogview: Run) -> None:
    """Whatever comes afterwards; it is not lost because the last try brought less."""
    gets = (CHUNKED + chunk(PNG[:500]), CHUNKED + chunk(HALF), last)
    ended = against(cogview, *gets)
    assert ended.code == 6 and "cat.unverified'" in ended.err, ended
    check_kept(HALF)


@both
def test_a_damaged_picture_is_kept_though_the_host_is_gone_afterwards(cogview: Run) -> None:
    ended = against(cogview, http("200 OK", PNG[:-12]), b"")
    assert ended.code == 6, ended
    check_kept(PNG[:-12])


@both
def test_a_later_run_keeps_the_longer_beginning(cogview: Run) -> None:
    def later(api: Scripted) -> None:
        for length, most in ((400, 1000), (2000, 2000), (300, 2000)):
            api._steps[b"GET"] = [CHUNKED + chunk(PNG[:length])]
            assert cogview("recover").code == 6
            (kept,) = Path.cwd().glob("*.unverified")
            assert kept.read_bytes() == PNG[:most] and len(names()) == 2

    against(cogview, CHUNKED + chunk(PNG[:1000]), more=later)


@both
def test_nothing_is_left_of_tries_when_the_picture_comes(cogview: Run) -> None:
    ended = against(cogview, CHUNKED + chunk(HALF), http("200 OK", PNG))
    assert ended.code == 0 and temporaries() == [], ended
    assert names() == {"cat.png", "cat.png.json"}


@both
def test_what_a_killed_run_had_set_aside_goes(cogview: Run) -> None:
    def later(api: Scripted) -> None:
        (entry,) = history()
        Path(f".cogview-{entry.id}-0.best.part").write_bytes(HALF)
        api._steps[b"GET"] = [http("200 OK", PNG)]
        assert cogview("recover").code == 0
        assert names() == {"cat.png", "cat.png.json"}

    against(cogview, http("500 Oh"), more=later)


@both
def test_a_silence_within_the_picture_is_kept_too(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the time for a byte, and by the time for all of them."""
    monkeypatch.setattr("cogview_cli.pictures.download.IDLE_SECONDS", 0.2)
    ended = against(cogview, then_silence(CHUNKED + chunk(HALF)))
    assert ended.code == 6, ended
    check_kept(HALF)


@both
def test_the_deadline_of_a_download_keeps_what_came(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogview_cli.pictures.download.TOTAL_SECONDS", 0.5)
    ended = against(cogview, then_silence(CHUNKED + chunk(HALF)))
    assert ended.code == 6 and "0.5 s" in ended.err, ended
    check_kept(HALF)


def then_silence(data: bytes) -> Step:
    def act(link: socket.socket) -> None:
        link.sendall(data)
        link.recv(1)

    return act


@pytest.mark.parametrize("length", [True, False], ids=["length", "no length"])
def test_tls_that_ends_without_a_word(
    length: bool, cogview: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No close_notify: without a length the decoder tells whether all has come."""
    authority = trustme.CA()
    trust(authority, tmp_path, monkeypatch)
    monkeypatch.setattr("cogview_cli.net.clients.load_trust", load_trust.__wrapped__)
    whole = http("200 OK", PNG) if length else HEAD + b"\r\n" + PNG
    half = http("200 OK", HALF, length=len(PNG)) if length else HEAD + b"\r\n" + HALF
    context = server_context(authority, HOST)
    with Scripted([in_answer(url="%ORIGIN%/1.png")], [half], tls=context) as api:
        ended = cogview("gen", "cat", "--base-url", api.base_url, "-o", "cat.png")
        assert ended.code == 6, ended
        check_kept(HALF)
        api._steps[b"GET"] = [whole]
        assert cogview("recover").code == 0
    assert Path("cat.png").read_bytes() == PNG


@both
def test_a_reset_behind_the_whole_picture_costs_nothing(cogview: Run) -> None:
    def sent_and_reset(link: socket.socket) -> None:
        link.sendall(HEAD + b"\r\n" + PNG)
        link.settimeout(0.3)
        try:
            link.recv(1)
        except TimeoutError:
            reset(link)

    ended = against(cogview, sent_and_reset)
    assert ended.code == 0 and Path("cat.png").read_bytes() == PNG, ended
