"""S32, G29: answers and pictures that come packed, though nobody asked for it."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.api.client import ANSWER_LIMIT, KEPT_OF_TOO_LONG, Exchange
from cogview_cli.api.redaction import Redactor
from cogview_cli.net.inflate import LAYERS, unpacked
from cogview_cli.pictures.unpack import CutShort, TooMuch, unpack
from tests.conftest import Run
from tests.faults.peers import ORIGIN, Scripted, http, picture
from tests.faults.world import images, states

pytestmark = pytest.mark.faults
LIMIT = 2**20


def raw_deflate(data: bytes) -> bytes:
    return zlib.compress(data, wbits=-15)


def members(data: bytes) -> bytes:
    """gzip in several members, as `cat` and some servers make it, padded at the end."""
    half = len(data) // 2
    return gzip.compress(data[:half]) + gzip.compress(b"") + gzip.compress(data[half:]) + b"\0" * 9


def twice(data: bytes) -> bytes:
    return gzip.compress(gzip.compress(data))


# Content-Encoding, and how the body is made.
PACKINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "GZIP": ("GZIP", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "gzip, gzip": ("gzip, gzip", twice),
    "gzip twice, said once": ("gzip", twice),
    "gzip of several members": ("gzip", members),
    "gzip unsaid": ("", gzip.compress),
    "gzip said to be deflate": ("deflate", gzip.compress),
    "gzip said to be br": ("br", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "zlib unsaid": ("", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "deflate, gzip": ("deflate, gzip", lambda data: gzip.compress(raw_deflate(data))),
    "gzip, deflate": ("gzip, deflate", lambda data: raw_deflate(gzip.compress(data))),
    "gzip, identity": ("gzip, identity", gzip.compress),
    "plain said to be gzip": ("gzip", bytes),
    "plain said to be deflate": ("deflate", bytes),
}
packings = pytest.mark.parametrize("packing", PACKINGS)


def headers(coding: str) -> list[str]:
    return [f"Content-Encoding: {coding}"] if coding else []


@packings
@pytest.mark.usefixtures("both_transports")
def test_a_packed_answer_and_a_packed_picture_are_read(packing: str, cogview: Run) -> None:
    coding, pack = PACKINGS[packing]
    with Scripted([], [http("200 OK", pack(picture()), *headers(coding))]) as api:
        body = json.dumps({"created": 1, "data": [{"url": f"{api.origin}/1.png"}]}).encode()
        api._steps[b"POST"] = [http("200 OK", pack(body), *headers(coding))]
        ended = cogview("gen", "cat", "--base-url", api.base_url)
        assert (ended.code, api.count(b"POST"), len(images())) == (0, 1, 1), ended
    assert images()[0].read_bytes() == picture()
    assert ORIGIN not in body and states() == ["saved"]


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate"])
@pytest.mark.usefixtures("both_transports")
def test_a_packing_of_the_transfer_is_taken_off_too(coding: str, cogview: Run) -> None:
    pack = raw_deflate if coding == "deflate" else gzip.compress

    def chunked(body: bytes) -> bytes:
        head = (
            f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}, chunked\r\nConnection: close\r\n\r\n"
        )
        packed = pack(body)
        return head.encode() + b"%x\r\n" % len(packed) + packed + b"\r\n0\r\n\r\n"

    with Scripted([], [chunked(picture())]) as api:
        body = json.dumps({"created": 1, "data": [{"url": f"{api.origin}/1.png"}]}).encode()
        api._steps[b"POST"] = [chunked(body)]
        ended = cogview("gen", "cat", "--base-url", api.base_url)
        assert (ended.code, api.count(b"POST"), len(images())) == (0, 1, 1), ended


@packings
@given(st.binary(max_size=300))
def test_what_was_packed_comes_out_and_nothing_raises(packing: str, data: bytes) -> None:
    coding, pack = PACKINGS[packing]
    body = b'{"data":"' + data + b'"}'
    assert unpacked(pack(body), coding, LIMIT) == (body, True)
    unpacked(data, coding, LIMIT)
    unpacked(pack(body)[: len(data)], coding, LIMIT)


@packings
def test_what_came_of_a_cut_answer_is_kept(packing: str) -> None:
    coding, pack = PACKINGS[packing]
    body = json.dumps({"url": "https://cdn.example/1.png", "rest": list(range(9000))}).encode()
    packed = pack(body)
    data, whole = unpacked(packed[: len(packed) - 2000], coding, LIMIT)
    if pack is not bytes:
        assert body.startswith(data) and not whole
    assert data.startswith(b'{"url": "https://cdn.example/1.png"')


def test_what_comes_before_damage_is_kept() -> None:
    packed = bytearray(gzip.compress(b'{"url":"https://cdn.example/1.png"}'))
    packed[-6] ^= 1  # its checksum
    assert unpacked(bytes(packed), "gzip", LIMIT) == (b'{"url":"https://cdn.example/1.png"}', False)


def bomb(layers: int = 1) -> bytes:
    data = bytes(4 * ANSWER_LIMIT)
    for _ in range(layers):
        data = gzip.compress(data)
    return data


@pytest.mark.parametrize("packed", [bomb(), bomb(2), bomb() * 20], ids=["one", "two", "members"])
def test_an_answer_unpacks_within_bounds(packed: bytes) -> None:
    exchange = Exchange(Redactor(""), None)
    exchange.status, exchange.raw, exchange.whole = 200, bytearray(packed), True
    tracemalloc.start()
    try:
        answer = exchange.answer()
        assert tracemalloc.get_traced_memory()[1] < 3 * ANSWER_LIMIT
    finally:
        tracemalloc.stop()
    assert (len(answer.raw), answer.whole) == (KEPT_OF_TOO_LONG, False)


def test_a_layer_too_many_stays() -> None:
    data = b"{}"
    for _ in range(LAYERS + 1):
        data = gzip.compress(data)
    assert unpacked(data, "", LIMIT).data[:2] == b"\x1f\x8b"


def test_a_file_unpacks_within_bounds_and_stays_as_it_was_otherwise(tmp_path: Path) -> None:
    """What comes out of a cut one is kept; of one that holds nothing, what there is."""
    path = tmp_path / "in" / "part"
    path.parent.mkdir()
    whole = gzip.compress(bytes(LIMIT)) * 2
    for packed, limit, error, left in (
        (whole, LIMIT, TooMuch, whole),
        (whole[:-3], 2 * LIMIT, CutShort, bytes(2 * LIMIT)),
        (whole[:5], LIMIT, CutShort, whole[:5]),
    ):
        path.write_bytes(packed)
        with pytest.raises(error):
            unpack(path, "gzip", limit)
        assert path.read_bytes() == left and list(path.parent.iterdir()) == [path]
    path.write_bytes(whole)
    unpack(path, "", 2 * LIMIT)
    assert path.read_bytes() == bytes(2 * LIMIT)
