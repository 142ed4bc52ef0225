"""The decisions of the queue: cutting, lines, results, intervals."""

from __future__ import annotations

import itertools
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.api.batches import (
    BatchStatus,
    Odd,
    Result,
    is_part,
    read_batch,
    read_page,
    read_result,
    request_line,
)
from cogview_cli.api.dialects import VENDOR
from cogview_cli.api.protocol import Answer
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.ledger import State
from cogview_cli.queue.cutting import Cutter, Limits, limits_of
from cogview_cli.queue.poll import FIRST_SECONDS, LONGEST_SECONDS, interval
from cogview_cli.queue.results import salvaged, settled

PICTURE = {"created": 1, "data": [{"url": "https://a.example/1.png?Expires=9"}]}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


def cut(sizes: list[int], limits: Limits) -> list[list[int]]:
    parts: list[list[int]] = [[]]
    cutter = Cutter(limits)
    for size in sizes:
        if not cutter.fits(size):
            cutter = Cutter(limits)
            parts.append([])
        cutter.add(size)
        parts[-1].append(size)
    return parts


@given(st.lists(st.integers(1, 400), max_size=60), st.integers(1, 20), st.integers(1, 1000))
def test_parts_keep_to_the_limits_and_lose_nothing(sizes: list[int], lines: int, most: int) -> None:
    parts = cut(sizes, Limits(lines, most))
    assert [size for part in parts for size in part] == sizes
    for part in parts:
        assert len(part) <= lines
        assert sum(part) <= most or len(part) == 1
    for part, following in itertools.pairwise(parts):  # none is smaller than needed
        assert len(part) == lines or sum(part) + following[0] > most


def test_a_part_fits_into_the_queue() -> None:
    assert limits_of(None).lines == 10_000
    assert limits_of(7).lines == 7
    assert limits_of(7).smaller(7).lines == 3
    assert limits_of(1).smaller(1).lines == 1


@given(st.text("abcdef0123456789", min_size=6, max_size=40), st.text(max_size=50))
def test_a_line_is_read_as_it_was_written(key: str, prompt: str) -> None:
    line = request_line(key, {"model": "cogview-4", "prompt": prompt})
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    read = json.loads(line)
    assert read["custom_id"] == key
    assert (read["method"], read["url"]) == ("POST", "/v4/images/generations")


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_line_makes_the_reader_fail(line: bytes) -> None:
    found = read_result(line, {})
    assert found is None or isinstance(found, Result | Odd)
    if isinstance(found, Result):
        settled(found, VENDOR)
    if isinstance(found, Odd):
        salvaged(found, {}, VENDOR)


@given(JSON, JSON, JSON)
def test_no_object_makes_the_reader_fail(status: Any, counts: Any, errors: Any) -> None:
    fields = {"id": "b", "status": status, "request_counts": counts, "errors": errors}
    batch = read_batch({**fields, "metadata": errors, "output_file_id": counts})
    assert batch is not None
    is_part(batch, "p", "f")


def result(key: str, **response: Any) -> bytes:
    return json.dumps({"custom_id": key, "response": response, "id": "b"}).encode()


@pytest.mark.parametrize(
    ("line", "state", "code"),
    [
        (result("k12345", status_code=200, body=PICTURE), State.ANSWER, ""),
        (result("k12345", status_code="200", body=PICTURE), State.ANSWER, ""),
        (result("k12345", body=PICTURE), State.ANSWER, ""),
        (
            result("k12345", status_code=400, body={"error": {"code": "1301", "message": "x"}}),
            State.REJECTED,
            "1301",
        ),
        (
            result("k12345", status_code=400, body={"error": {"code": "1214", "message": "x"}}),
            State.REJECTED,
            "1214",
        ),
        (
            result("k12345", status_code=500, body={"error": {"code": "500", "message": "x"}}),
            State.NOT_SENT,
            "500",
        ),
        (result("k12345", status_code=502, body="<html>"), State.NOT_SENT, ""),
        (result("k12345", status_code=200, body={"created": 1}), State.UNKNOWN, ""),
        (
            b'{"custom_id":"k12345","response":null,"error":{"code":"batch_expired","message":"x"}}',
            State.NOT_SENT,
            None,
        ),
        (
            b'{"custom_id":"k12345","error":{"code":"1301","message":"x"}}',
            State.REJECTED,
            "1301",
        ),
    ],
)
def test_how_a_line_ends_its_request(line: bytes, state: State, code: str | None) -> None:
    found = read_result(line, {"server": "x"})
    assert isinstance(found, Result)
    end = settled(found, VENDOR)
    assert (end.key, end.state) == ("k12345", state)
    assert code is None or end.code == code


def test_an_error_beside_a_picture_is_a_picture() -> None:
    line = json.loads(result("k12345", status_code="200", body=PICTURE))
    line["error"] = {"code": "1234", "message": "x"}
    found = read_result(json.dumps(line).encode(), {})
    assert isinstance(found, Result)
    assert settled(found, VENDOR).state == State.ANSWER


def test_a_cut_line_that_names_its_request() -> None:
    whole = json.dumps({"custom_id": "k12345", "response": {"status_code": 200, "body": PICTURE}})
    there = read_result(whole[: whole.index("?Expires=9") + 11].encode(), {})
    assert isinstance(there, Odd)
    found = salvaged(there, {}, VENDOR)
    assert found and (found.key, found.state) == ("k12345", State.ANSWER)
    cut_off = read_result(whole[: whole.index("https:") + 9].encode(), {})
    assert isinstance(cut_off, Odd) and cut_off.picture
    found = salvaged(cut_off, {}, VENDOR)
    assert found and found.state == State.UNKNOWN
    assert found.message == Message.of("answer-cut")


def test_counts_stand_in_either_place() -> None:
    nested = read_batch({"id": 7, "request_counts": {"total": 3, "completed": 2, "failed": 1}})
    top = read_batch({"id": "7", "request_counts": 3, "total": 3, "completed": "2", "failed": 1})
    assert nested and top
    assert nested[5:8] == top[5:8] == (3, 2, 1)
    assert nested.id == "7"


def test_no_file_is_no_file() -> None:
    batch = read_batch({"id": "b", "status": "completed", "error_file_id": "", "metadata": None})
    assert batch and batch.error_file is None and batch.output_file is None and batch.ended


def test_a_batch_is_known_by_its_metadata_before_its_file() -> None:
    def batch(**more: Any) -> bool:
        found = read_batch({"id": "b", "input_file_id": "f", **more})
        assert found
        return is_part(found, "p", "f")

    assert batch(metadata={"cogview-part": "p"})
    assert not batch(metadata={"cogview-part": "other"})
    assert batch(metadata={}) and batch(metadata={"mine": "1"}) and batch()


@pytest.mark.parametrize(
    ("fields", "after"),
    [
        ({"has_more": True, "last_id": "z"}, "z"),
        ({"has_more": True}, "b"),
        ({"has_more": False, "last_id": "z"}, None),
        ({}, None),
    ],
)
def test_pages(fields: dict[str, Any], after: str | None) -> None:
    raw = json.dumps({"data": [{"id": "a"}, {"id": "b"}], **fields}).encode()
    page = read_page(Answer(200, {}, raw))
    assert page and page.after == after
    assert read_page(Answer(200, {}, b'{"data": 1}')) is None


@given(st.integers(0, 100))
def test_looks_grow_apart(looks: int) -> None:
    assert FIRST_SECONDS <= interval(looks) <= interval(looks + 1) <= LONGEST_SECONDS
    assert interval(looks, every=2.0) == 2.0
    assert interval(looks, every=2.0, retry_after=9.0) == 9.0
    assert interval(looks, retry_after=1e9) == LONGEST_SECONDS


def test_every_status_that_ends_is_known() -> None:
    ended = {status for status in BatchStatus if read_batch({"id": "b", "status": status}).ended}  # type: ignore[union-attr]
    assert ended == {"failed", "completed", "expired", "cancelled"}
    assert not read_batch({"id": "b", "status": random.choice("ab")}).ended  # type: ignore[union-attr]
