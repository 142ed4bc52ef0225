"""The wire: bodies hold only what was asked for; any answer has a meaning."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogview_cli.api.error_codes import CODES, ErrorClass
from cogview_cli.api.protocol import Answer, ApiError, Reply, decode, retry_after
from cogview_cli.api.request import ImageRequest
from cogview_cli.engine.validation import validate_request

URL = "https://cdn.example/1_watermark.png?Signature=a%2Bb%3D&Expires=1762327333"
HTML = b'<html><a href="https://cdn.example/help">502</a></html>'


def answer(body: object, status: int = 200, whole: bool = True, **headers: str) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, headers=named, raw=raw, whole=whole)


def kind(body: object, status: int = 200, **headers: str) -> ErrorClass:
    found = decode(answer(body, status, True, **headers))
    assert isinstance(found, ApiError)
    return found.kind


def reply(body: object, **more: Any) -> Reply:
    found = decode(answer(body, **more))
    assert isinstance(found, Reply)
    return found


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8)
)
keys = st.sampled_from(
    ["error", "code", "message", "msg", "success", "data", "url", "b64_json", "content_filter",
     "contentFilter", "role", "level", "created", "id", "request_id", "image_result", "output",
     "results", "images", "result", "detail", "type", "image_url"]
)  # fmt: skip
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=12,
)  # fmt: skip
statuses = st.sampled_from(
    [200, 201, 301, 400, 401, 403, 404, 408, 429, 500, 502, 503]
) | st.integers(100, 599)
headers = st.dictionaries(
    st.sampled_from(["retry-after", "date", "x-request-id"]), st.text(max_size=40)
)
dates = st.tuples(
    st.integers(0, 99), st.integers(0, 10**30), st.text("0123456789:", max_size=9)
).map(lambda parts: f"Mon, {parts[0]} Jan {parts[1]} {parts[2]} GMT")


@given(st.binary(max_size=200), statuses, headers, st.booleans())
@settings(deadline=None, max_examples=150)
def test_decoding_arbitrary_bytes_never_raises(
    raw: bytes, status: int, headers: dict[str, str], whole: bool
) -> None:
    found = decode(Answer(status=status, headers=headers, raw=raw, whole=whole))
    assert isinstance(found, Reply | ApiError)


@given(st.dictionaries(keys, values, max_size=6), statuses)
@settings(deadline=None, max_examples=300)
def test_decoding_arbitrary_json_never_raises_and_its_text_is_unicode(
    body: dict[str, Any], status: int
) -> None:
    found = decode(answer(body, status))
    if isinstance(found, ApiError):
        (found.code + str(found.message)).encode("utf-8")
    else:
        assert found.images
        "".join(ref.url or "" for ref in found.images).encode("utf-8")


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"\xef\xbb\xbf", b"null", b"[]", b'{"data":[{"url":5}]}', b'{"data":[{"url":["u"]}]}',
        b'{"data":[{"url":"  "}]}', b'"{\\"data\\":[]}"', b'"{"', b'"' + b"[" * 100_000 + b'"',
        b'{"data":' + b"[" * 30 + b'"https://a.example/1"' + b"]" * 30 + b"}",
        b'{"created":' + b"9" * 5000 + b"}", b"[" * 100_000, b'{"data":NaN}', HTML, b'{"data":[]}',
        b'{"data":[{"url":"https://cdn.exa',
    ],
)  # fmt: skip
def test_a_200_without_an_image_is_unknown(raw: bytes) -> None:
    assert kind(raw) is ErrorClass.UNKNOWN


def test_the_documented_answer_is_read_in_full() -> None:
    found = reply({
        "created": 1762240925, "id": "r1", "data": [{"url": URL}],
        "content_filter": [{"role": "assistant", "level": 3}],
    })  # fmt: skip
    assert [ref.url for ref in found.images] == [URL]
    assert (found.created, found.request_id) == (1762240925, "r1")
    assert found.content_filter == ({"role": "assistant", "level": 3},)


@pytest.mark.parametrize(
    "body",
    [
        {"data": [{"url": URL}], "created": "1762240925"},
        {"data": {"url": URL}},
        {"data": [{"image_url": URL}]},
        {"image_result": [{"url": URL}]},
        {"image_result": {"url": URL}},
        {"error": None, "data": [{"url": URL}]},
        {"error": {}, "data": [{"url": URL}]},
        {"code": 200, "msg": "ok", "success": True, "data": [{"url": URL}]},
    ],
)
def test_the_shapes_of_gateways_are_read_too(body: dict[str, Any]) -> None:
    assert [ref.url for ref in reply(body).images] == [URL]


@pytest.mark.parametrize(
    ("raw", "seconds"),
    [
        ("1762240925", 1762240925), ('"1762240925"', 1762240925), ("1762240925.75", 1762240925),
        ("1.5e9", 1500000000), ("0", 0), ("-1", None), ("-0.5", None), ("1e400", None),
        ("NaN", None), ("1e11", None), ("true", None), ("null", None), ('"soon"', None),
        ("9" * 12, None), ("[1]", None),
    ],
)  # fmt: skip
def test_created_is_whole_seconds_or_nothing(raw: str, seconds: int | None) -> None:
    found = reply(f'{{"created":{raw},"data":[{{"url":"{URL}"}}]}}'.encode())
    assert found.created == seconds


def test_base64_and_several_images_are_read() -> None:
    found = reply({"data": [{"b64_json": "AAAA"}, {"url": URL}, {"url": ""}, 5]})
    assert [(ref.url, ref.b64) for ref in found.images] == [(None, "AAAA"), (URL, None)]


@pytest.mark.parametrize(
    "raw",
    [
        b'{"created":1,"data":[{"url":"%s"}],"content_fil' % URL.encode(),
        b'{"data":[{"url":"%s"' % URL.replace("/", "\\/").replace("&", "\\u0026").encode(),
        b'\xff\xfe garbage "%s"' % URL.encode(),
    ],
)
def test_the_only_url_of_a_cut_answer_is_saved(raw: bytes) -> None:
    assert [ref.url for ref in reply(raw, whole=False).images] == [URL]


ANSWER = {"created": 1, "data": [{"url": URL}]}
B64 = "iVBORw0KGgoAAAANSUhEUg"


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"data": [{"url": URL}]}},
        {"code": 0, "message": "ok", "data": {"images": [{"url": URL}]}},
        {"output": {"task_status": "SUCCEEDED", "results": [{"url": URL}]}},
        {"output": [URL]},
        {"output": URL},
        {"images": [URL]},
        {"images": [{"url": URL}]},
        {"results": [{"data": [{"url": URL}]}]},
        {"data": {"image_urls": [URL]}},
        {"data": [URL]},
        {"data": [{"image_url": {"url": URL}}]},
        [{"url": URL}],
        {"data": [[{"url": URL}]]},
        {"data": [[[URL]]]},
        {"data": [{"url": [URL]}]},
        {"data": [{"url": ["a", {"b": 1}, URL]}]},
        {"data": [{"URL": URL}]},
        {"data": {"picture": {"href": URL}}},
        json.dumps(ANSWER),
        json.dumps([ANSWER]),
    ],
)
def test_the_picture_is_found_in_the_shapes_of_other_servers(body: object) -> None:
    assert [ref.url for ref in reply(body).images] == [URL]


@pytest.mark.parametrize(
    "body",
    [
        {"images": [B64]},
        {"data": [{"b64_json": B64, "url": None}]},
        {"output": [{"result": "x"}, B64]},
        {"data": [{"image_base64": B64}]},
    ],
)
def test_a_picture_in_base64_is_found_in_them_too(body: object) -> None:
    assert [(ref.url, ref.b64) for ref in reply(body).images] == [(None, B64)]


def test_a_link_and_base64_for_one_picture_are_both_kept() -> None:
    found = reply({"data": [{"b64_json": B64, "url": URL}]})
    assert [(ref.url, ref.b64) for ref in found.images] == [(URL, B64)]


@pytest.mark.parametrize(
    "raw",
    [
        json.dumps(ANSWER).encode("utf-16"),
        json.dumps(ANSWER).encode("utf-16-le"),
        json.dumps(ANSWER).encode("utf-32"),
        b"\xef\xbb\xbf" + json.dumps(ANSWER).encode(),
        json.dumps({**ANSWER, "note": "猫"}, ensure_ascii=False).encode("gbk"),
        json.dumps(ANSWER).encode() + b"}}<!-- done -->",
        b'{"created":1}' + json.dumps(ANSWER).encode(),
        b'{"progress":1}\n' + json.dumps(ANSWER).encode() + b'\n{"done":true}',
        b")]}',\n" + json.dumps(ANSWER).encode(),
        b"callback(" + json.dumps(ANSWER).encode() + b");",
        b"event: done\ndata: " + json.dumps(ANSWER).encode() + b"\n\ndata: [DONE]\n\n",
        b": ping\n\ndata: " + json.dumps(ANSWER, indent=1).replace("\n", "\ndata: ").encode(),
        b"--b\r\nContent-Type: x/json\r\n\r\n" + json.dumps(ANSWER).encode() + b"\r\n--b--",
    ],
)  # fmt: skip
def test_the_answer_is_read_through_whatever_stands_around_it(raw: bytes) -> None:
    assert [ref.url for ref in reply(raw).images] == [URL]


@pytest.mark.parametrize("code", ["1113", "1301", "1302", "1210", "500", "1231", "nobody's"])
@pytest.mark.parametrize("status", [200, 201])
def test_a_success_that_holds_a_picture_is_an_answer_whatever_stands_beside(
    code: str, status: int
) -> None:
    error = {"code": code, "message": "m"}
    assert [r.url for r in reply({**ANSWER, "error": error}, status=status).images] == [URL]
    assert reply({**ANSWER, "success": False, "code": code, "msg": "m"}).images
    assert reply({**ANSWER, "detail": "m"}).images
    assert reply({**ANSWER, "content_filter": [{"role": "assistant", "level": 0}]}).images


@pytest.mark.parametrize(
    ("status", "code"), [(429, "1302"), (429, "1305"), (500, "1234"), (502, "x")]
)
def test_a_picture_in_hand_is_not_asked_for_again(status: int, code: str) -> None:
    found = reply({**ANSWER, "error": {"code": code, "message": "m"}}, status=status)
    assert [ref.url for ref in found.images] == [URL]


DOCS = "https://docs.example/help"
FILTER = {"content_filter": [{"role": "user", "level": 0}]}


@pytest.mark.parametrize(
    "body",
    [
        {"data": [], "message": DOCS},
        {"data": None, "help": {"url": DOCS}},
        {"data": [], "help": {"url": f"{DOCS}/logo.png"}},
        {"message": f"see {DOCS}"},
        {"help": {"url": DOCS}},
        {"message": f"{DOCS}.png"},
        {"image_result": [], "docs": DOCS},
        {"output": {"task_status": "FAILED", "help": DOCS}},
        {"output": "nothing came of it"},
        {"results": [{"url": "/help"}]},
        b"<!DOCTYPE html><script>var x = {\"url\": \"%s\"}</script>" % URL.encode(),
        b'Sorry\n<HTML><img src="%s">' % URL.encode(),
        b'{"message":"see \"%s\"","x' % DOCS.encode(),
        b'{"error":{"code":"1301","url":"%s","x' % DOCS.encode(),
        b'{"error":"no","help":{"url":"%s"},"x' % DOCS.encode(),
    ],
)  # fmt: skip
def test_a_link_where_no_picture_can_be_was_not_paid_for(body: object) -> None:
    assert kind(body) is ErrorClass.UNKNOWN
    if isinstance(body, dict):
        assert kind({**body, **FILTER}) is ErrorClass.REFUSED
        error = {"code": "1301", "message": DOCS, "url": URL}
        assert kind({**body, "error": error}) is ErrorClass.REFUSED
        assert kind({**body, "error": error}, 400) is ErrorClass.REFUSED


def test_help_beside_an_error_is_no_picture_even_where_gateways_put_pictures() -> None:
    body = {"error": {"code": "1301", "message": "m"}, "result": {"url": DOCS}}
    assert kind(body) is ErrorClass.REFUSED


def test_in_a_shape_of_its_own_a_link_counts_if_it_names_a_picture() -> None:
    assert [ref.url for ref in reply({"made": {"href": URL, "docs": DOCS}}).images] == [URL]
    assert [ref.url for ref in reply(b'{"help":"%s","data":[{"url":"%s"' % (
        DOCS.encode(), URL.encode())).images] == [URL]  # fmt: skip


def test_the_picture_itself_as_an_answer_is_kept() -> None:
    picture = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
    (ref,) = reply(picture).images
    assert base64.b64decode(ref.b64 or "") == picture
    assert isinstance(decode(answer(picture, whole=False)), ApiError)
    assert kind(picture, 502) is ErrorClass.UNKNOWN


@pytest.mark.parametrize("status", [0, 200])
def test_an_answer_with_its_head_still_on_is_read(status: int) -> None:
    """Where the head made no sense, the raw bytes are all there is."""
    raw = b"HTTQ/1.1 200 OK\r\nX: y\r\n" + json.dumps(ANSWER).encode()
    assert [ref.url for ref in reply(raw, status=status, whole=False).images] == [URL]
    assert isinstance(decode(answer(b"\x15\x03\x01\0", 0, False)), ApiError)


def test_two_urls_in_a_cut_answer_are_not_guessed_at() -> None:
    assert kind(b'{"a":"https://a.example/x","b":"https://b.example/y",') is ErrorClass.UNKNOWN


@pytest.mark.parametrize("code", sorted(CODES))
@pytest.mark.parametrize("status", [200, 429, 500])
def test_a_known_code_decides_whatever_the_status_and_type(code: str, status: int) -> None:
    for spelled in (code, int(code)):
        body = {"error": {"code": spelled, "message": "m"}}
        assert kind(body, status) is CODES[code].kind


@pytest.mark.parametrize(
    ("status", "enveloped", "bare"),
    [
        (400, ErrorClass.BAD_REQUEST, ErrorClass.NOT_THE_API),
        (401, ErrorClass.ACCOUNT, ErrorClass.ACCOUNT),
        (404, ErrorClass.BAD_REQUEST, ErrorClass.NOT_THE_API),
        (402, ErrorClass.ACCOUNT, ErrorClass.ACCOUNT),
        (408, ErrorClass.TRANSIENT, ErrorClass.UNKNOWN),
        (409, ErrorClass.UNKNOWN, ErrorClass.UNKNOWN),
        (425, ErrorClass.UNKNOWN, ErrorClass.UNKNOWN),
        (429, ErrorClass.THROTTLE, ErrorClass.THROTTLE),
        (500, ErrorClass.UNKNOWN, ErrorClass.UNKNOWN),
        (502, ErrorClass.UNKNOWN, ErrorClass.UNKNOWN),
        (503, ErrorClass.UNKNOWN, ErrorClass.UNKNOWN),
    ],
)
def test_without_a_known_code_the_status_decides(
    status: int, enveloped: ErrorClass, bare: ErrorClass
) -> None:
    assert kind({"error": {"code": "9999", "message": "m"}}, status) is enveloped
    assert kind(HTML, status) is bare


@pytest.mark.parametrize("body", [HTML, {"error": {"message": "busy"}}])
def test_a_503_with_retry_after_cost_nothing(body: object) -> None:
    assert kind(body, 503, retry_after="2") is ErrorClass.TRANSIENT


def test_a_redirect_means_that_this_is_not_the_api() -> None:
    assert kind(b"", 302, location="https://elsewhere.example/") is ErrorClass.NOT_THE_API


@pytest.mark.parametrize("name", ["contentFilter", "content_filter"])
def test_a_refusal_names_role_and_level_in_either_spelling(name: str) -> None:
    body = {name: [{"level": 1, "role": "user"}], "error": {"code": "1301", "message": "敏感"}}
    found = decode(answer(body, 400))
    assert isinstance(found, ApiError)
    assert (found.kind, str(found.message)) == (ErrorClass.REFUSED, "敏感")
    assert found.content_filter == ({"role": "user", "level": 1},)


def test_an_empty_answer_with_a_filter_is_a_refusal() -> None:
    assert (
        kind({"data": [], "content_filter": [{"role": "assistant", "level": 0}]})
        is ErrorClass.REFUSED
    )


def test_a_failure_in_the_other_envelope_is_an_error() -> None:
    found = decode(answer({"code": 1113, "msg": "余额不足", "success": False}))
    assert isinstance(found, ApiError)
    assert (found.kind, found.code, str(found.message)) == (ErrorClass.ACCOUNT, "1113", "余额不足")


@given(
    st.text(st.sampled_from("0123456789-+. e٣st"), max_size=12) | st.text(max_size=40) | dates,
    dates,
)
@settings(deadline=None, max_examples=300)
def test_retry_after_never_raises_and_is_never_negative(value: str, date: str) -> None:
    seconds = retry_after({"retry-after": value, "date": date})
    assert seconds is None or seconds >= 0
    if seconds is not None and not value.strip().startswith("Mon"):
        assert value.strip().isascii() and value.strip().isdigit() and len(value.strip()) <= 6


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0), ("2", 2.0), (" 120 ", 120.0), ("86400", 86400.0), ("-5", None), ("0.5", None),
        ("soon", None), ("1e9", None), ("٣", None), ("1" * 20, None), ("", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Mon, 1 Jan 99999999999 00:00:00 GMT", None),
    ],
)  # fmt: skip
def test_retry_after_takes_plain_seconds_or_a_date(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value}) == seconds


def test_a_date_counts_from_the_answers_own_clock() -> None:
    now = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
    later = format_datetime(now + timedelta(seconds=90), usegmt=True)
    assert retry_after({"retry-after": later, "date": format_datetime(now, usegmt=True)}) == 90.0


def test_no_header_no_wait() -> None:
    assert retry_after({}) is None


def test_a_body_holds_only_what_was_asked_for() -> None:
    """In the spelling that the request came with: `validate_request` knows the vendor's."""
    asked = validate_request(ImageRequest(model="cogView-4", prompt="猫"), validate=True)
    assert asked.body() == {"model": "cogview-4", "prompt": "猫"}


def test_a_watermark_switched_off_is_sent() -> None:
    request = ImageRequest(
        model="m", prompt="p", size="1024x1024", quality="hd", user_id="user01", watermark=False
    )
    assert request.body()["watermark_enabled"] is False
    assert ImageRequest.from_body(request.body()) == request


def test_a_body_is_utf8_and_not_escaped() -> None:
    assert "猫".encode() in ImageRequest(model="m", prompt="猫").encode()
