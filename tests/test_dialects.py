"""Who said it decides: the vendor, our sandbox, a gateway, a server of open weights."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.api.dialects import (
    SANDBOX_SERVER,
    SENTENCES,
    VENDOR,
    WORDS,
    Server,
    kind_of,
    read_error,
    server_of,
)
from cogview_cli.api.error_codes import CODES, ErrorClass
from cogview_cli.api.protocol import Answer, ApiError, decode
from cogview_cli.sandbox.gateway import detail, openai

OTHER = Server(vendor=False)
LOOPBACK = Server(vendor=False, loopback=True)
FREE = Server(vendor=False, free=True)
UNSURE = (408, 409, 425, 500, 502, 504)


def refusal(
    body: object, status: int, server: Server = OTHER, headers: dict[str, str] | None = None
) -> ApiError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    found = decode(Answer(status=status, headers=headers or {}, raw=raw), server)
    assert isinstance(found, ApiError)
    return found


def kind(
    body: object, status: int, server: Server = OTHER, headers: dict[str, str] | None = None
) -> ErrorClass:
    return refusal(body, status, server, headers).kind


def own(code: str) -> dict[str, Any]:
    """The vendor's envelope."""
    return {"error": {"code": code, "message": "m"}}


@pytest.mark.parametrize(
    ("url", "vendor"),
    [
        ("https://open.bigmodel.cn/api/paas/v4", True),
        ("https://api.z.ai/api/paas/v4", True),
        ("https://API.Z.AI./api", True),
        ("https://bigmodel.cn.example/v4", False),
        ("https://notbigmodel.cn/v4", False),
        ("https://gateway.example/open.bigmodel.cn", False),
        ("https://open.bigmodel.cn@gateway.example/v4", False),
        ("http://127.0.0.1:4000", False),
        ("http://[broken", False),
        ("", False),
    ],
)
def test_the_host_tells_whether_it_is_the_vendor(url: str, vendor: bool) -> None:
    assert server_of(url).vendor is vendor


@pytest.mark.parametrize("status", UNSURE)
def test_a_gateways_failure_after_sending_is_unknown(status: int) -> None:
    """One POST, in whatever words it comes."""
    bodies = [
        b"", b"<html>busy</html>", own(str(status)), own("500"), own("gateway_timeout"),
        openai("m", "server_error", str(status)), openai("m", None, None), detail("busy"),
        {"message": "busy"}, {"error": "busy"},
    ]  # fmt: skip
    for body in bodies:
        assert kind(body, status) is ErrorClass.UNKNOWN, body


@pytest.mark.parametrize("status", UNSURE)
def test_it_is_repeated_where_a_picture_costs_nothing(status: int) -> None:
    for body in (b"", own("500"), openai("m", None, "500"), detail("busy")):
        assert kind(body, status, FREE) is ErrorClass.TRANSIENT, body


def test_a_success_without_a_picture_is_not_repeated_even_there() -> None:
    assert kind({"created": 1, "data": None}, 200, FREE) is ErrorClass.UNKNOWN


def test_the_code_500_is_unknown_whatever_the_status_says() -> None:
    for code in ("500", "502", "504", "408"):
        assert kind(openai("m", None, code), 400) is ErrorClass.UNKNOWN
        assert kind(own(code), 200) is ErrorClass.UNKNOWN


def test_the_vendors_own_envelope_says_that_nothing_was_made() -> None:
    assert kind(own("500"), 500, VENDOR) is ErrorClass.TRANSIENT
    assert kind(own("408"), 408, VENDOR) is ErrorClass.TRANSIENT
    assert kind({**own("500"), "request_id": "r"}, 500, VENDOR) is ErrorClass.TRANSIENT


@pytest.mark.parametrize(
    "body",
    [
        b"", {"error": {"message": "Handler dispatch failed"}}, openai("m", None, "500"),
        openai("m", "server_error", "500"), {"code": 500, "msg": "m", "success": False},
        {"error": {"code": "500", "message": "m", "param": None}},
    ],
)  # fmt: skip
def test_any_other_envelope_from_its_host_is_somebody_elses(body: object) -> None:
    assert kind(body, 500, VENDOR) is ErrorClass.UNKNOWN


def test_the_sandbox_is_believed_on_this_machine_only() -> None:
    ours = {"server": f"{SANDBOX_SERVER}/1.0"}
    assert kind(own("500"), 500, LOOPBACK, ours) is ErrorClass.TRANSIENT
    assert kind(own("500"), 500, OTHER, ours) is ErrorClass.UNKNOWN
    assert kind(own("500"), 500, LOOPBACK, {"server": "uvicorn"}) is ErrorClass.UNKNOWN


FOUR_DIGITS = sorted(code for code in CODES if len(code) == 4)
BUSY = (ErrorClass.THROTTLE, ErrorClass.OVERLOAD)
REPEATED = (*BUSY, ErrorClass.TRANSIENT)
ANY_STATUS = (200, 400, 408, 409, 429, 500, 502, 503, 504)


def not_the_vendors(code: str) -> list[object]:
    """A vendor's code in envelopes that the vendor does not use, or not for pictures."""
    return [
        openai("m", "zhipu_image_error", code),
        {"error": {"code": code, "message": "m", "type": None}},
        {"error": {"code": code, "message": "m", "param": "size"}},
        {"code": code, "msg": "m"}, {"code": int(code), "msg": "m", "success": False},
        {"success": False, "code": code}, {"error": "m", "code": code},
        {"message": "m", "code": code}, {"detail": own(code)},
    ]  # fmt: skip


@pytest.mark.parametrize("code", FOUR_DIGITS)
def test_four_digits_of_the_vendor_decide_from_any_host(code: str) -> None:
    assert kind(own(code), CODES[code].status) is CODES[code].kind


@pytest.mark.parametrize("code", FOUR_DIGITS)
def test_in_another_envelope_they_decide_where_the_gateway_itself_refused(code: str) -> None:
    for body in not_the_vendors(code):
        wanted = CODES[code].kind
        assert kind(body, 429) is (ErrorClass.THROTTLE if code in TRANSIENT else wanted), body
        if wanted not in REPEATED:
            assert kind(body, 400) is wanted, body


TRANSIENT = [code for code in FOUR_DIGITS if CODES[code].kind is ErrorClass.TRANSIENT]


@pytest.mark.parametrize("code", FOUR_DIGITS)
@pytest.mark.parametrize("status", [0, 200, *UNSURE, 503])
def test_in_another_envelope_they_do_not_where_a_picture_may_have_been_made(
    code: str, status: int
) -> None:
    for body in not_the_vendors(code):
        assert kind(body, status) is ErrorClass.UNKNOWN, body


@pytest.mark.parametrize("code", [code for code in FOUR_DIGITS if CODES[code].kind in BUSY])
@pytest.mark.parametrize("status", ANY_STATUS)
def test_busy_means_429_but_for_the_vendor_itself(code: str, status: int) -> None:
    assert kind(own(code), status, VENDOR) is CODES[code].kind
    assert kind(own(code), status, LOOPBACK, {"server": SANDBOX_SERVER}) is CODES[code].kind
    for server in (OTHER, LOOPBACK):
        for body in (own(code), *not_the_vendors(code)):
            assert (kind(body, status, server) in REPEATED) is (status == 429), body


def test_a_type_or_param_is_no_word_of_the_vendors_even_from_its_host() -> None:
    for code in FOUR_DIGITS:
        for body in not_the_vendors(code)[:3]:
            assert kind(body, 500, VENDOR) is ErrorClass.UNKNOWN, body


def test_the_envelope_of_its_other_services_counts_from_its_host_only() -> None:
    for body in ({"code": 1113, "msg": "m", "success": False}, {"code": "1234", "msg": "m"}):
        code = str(body["code"])
        assert kind(body, 200, VENDOR) is CODES[code].kind
        assert kind(body, 200, OTHER) is kind(body, 500, OTHER) is ErrorClass.UNKNOWN


@pytest.mark.parametrize("word", sorted(WORDS))
def test_every_word_is_read_as_code_and_as_type(word: str) -> None:
    for body in (openai("m", None, word), openai("m", word.upper(), "400")):
        found = refusal(body, 400)
        assert (found.kind, found.code) == (WORDS[word], word)
    inside = {"error": {"code": "x", "message": "m", "innererror": {"code": word}}}
    assert kind(inside, 400) is WORDS[word]


def test_the_code_is_more_exact_than_the_type() -> None:
    body = openai("m", "insufficient_quota", "project_spend_limit_exceeded")
    assert kind(body, 429) is ErrorClass.QUOTA


@pytest.mark.parametrize(
    ("message", "status", "wanted", "code"),
    [
        ("litellm.RateLimitError: {'error': {'code': '1113', 'message': '余额不足'}}", 429,
         ErrorClass.ACCOUNT, "1113"),
        ("OpenAIException - 余额不足或无可用资源包,请充值。", 429, ErrorClass.ACCOUNT, "1113"),
        ('{"error":{"code":"1301","message":"敏感"}}', 400, ErrorClass.REFUSED, "1301"),
        (r'upstream said {\"error\":{\"code\":\"1301\"}}', 400, ErrorClass.REFUSED, "1301"),
        ("[1113][余额][r-1]", 429, ErrorClass.ACCOUNT, "1113"),
        ("1302: 您的账户已达到速率限制", 429, ErrorClass.THROTTLE, "1302"),
        ("litellm.BadRequestError: litellm.ContentPolicyViolationError: x", 400,
         ErrorClass.REFUSED, "contentpolicyviolationerror"),
        ("Error code: 400 - {'error': {'code': 'content_policy_violation'}}", 400,
         ErrorClass.REFUSED, "content_policy_violation"),
        ("rejected as a result of our safety system", 400, ErrorClass.REFUSED,
         "content_policy_violation"),
        # Numbers that are no codes, and words that are part of others.
        ("prompt of 1300 tokens is too long", 400, ErrorClass.BAD_REQUEST, "400"),
        ("1210x1210 is not supported", 400, ErrorClass.BAD_REQUEST, "400"),
        ("see my_content_filter_settings", 400, ErrorClass.BAD_REQUEST, "400"),
    ],
)  # fmt: skip
def test_what_a_gateway_quotes_in_its_message_counts(
    message: str, status: int, wanted: ErrorClass, code: str
) -> None:
    found = refusal(
        openai(message, "throttling_error" if status == 429 else None, str(status)), status
    )
    assert (found.kind, found.code) == (wanted, code)


@pytest.mark.parametrize("status", UNSURE)
@pytest.mark.parametrize("quoted", ["code: 1302", "{'code': '1234'}", "余额不足", "content_filter"])
def test_what_is_quoted_does_not_count_where_a_picture_may_have_been_made(
    quoted: str, status: int
) -> None:
    """The gateway speaks of its last try; the one before may have been charged."""
    assert kind(openai(quoted, None, str(status)), status) is ErrorClass.UNKNOWN


@pytest.mark.parametrize("code", ["1302", "1303", "1305", "1312"])
@pytest.mark.parametrize(
    ("status", "wanted"),
    [(429, None), (400, ErrorClass.LATER), (403, ErrorClass.LATER), (422, ErrorClass.LATER),
     (200, ErrorClass.UNKNOWN), (408, ErrorClass.UNKNOWN), (500, ErrorClass.UNKNOWN)],
)  # fmt: skip
def test_busy_under_another_status_is_neither_repeated_nor_the_requests_fault(
    code: str, status: int, wanted: ErrorClass | None
) -> None:
    body = {"error": {"code": code, "message": "busy"}}
    assert kind(body, status) is (wanted or CODES[code].kind)


def test_a_quoted_failure_of_the_vendor_is_no_leave_to_repeat() -> None:
    assert kind(openai("{'code': '1234'}", None, "400"), 400) is ErrorClass.BAD_REQUEST


@pytest.mark.parametrize(
    ("body", "status", "wanted"),
    [
        (openai("m", None, None), 402, ErrorClass.ACCOUNT),
        (b"", 402, ErrorClass.ACCOUNT),
        (openai("m", "auth_error", "401"), 401, ErrorClass.ACCOUNT),
        (openai("m", "key_model_access_denied", "403"), 403, ErrorClass.ACCOUNT),
        (openai("m", "tokens", None), 429, ErrorClass.THROTTLE),
        (detail("Rate limit reached"), 429, ErrorClass.THROTTLE),
        (b"<html>slow down</html>", 429, ErrorClass.THROTTLE),
        (
            openai("m", "invalid_request_error", "invalid_value", "size"),
            400,
            ErrorClass.BAD_REQUEST,
        ),
        (detail("the size is not aligned"), 422, ErrorClass.BAD_REQUEST),
        (detail("Model not found"), 404, ErrorClass.BAD_REQUEST),
        (openai("The model `x` does not exist", None, None), 404, ErrorClass.BAD_REQUEST),
        (detail("Not Found"), 404, ErrorClass.NOT_THE_API),
        ({"status": 404, "error": "Not Found", "path": "/v4"}, 404, ErrorClass.NOT_THE_API),
        (detail("Method Not Allowed"), 405, ErrorClass.NOT_THE_API),
    ],
)
def test_other_numbers_say_what_they_are(body: object, status: int, wanted: ErrorClass) -> None:
    assert kind(body, status) is wanted


def test_a_503_may_be_waited_out_only_when_it_says_so() -> None:
    assert kind(detail("loading"), 503, OTHER, {"retry-after": "30"}) is ErrorClass.TRANSIENT
    assert kind(detail("loading"), 503) is ErrorClass.UNKNOWN
    assert kind(openai("m", None, "503"), 503, OTHER, {"retry-after": "30"}) is ErrorClass.TRANSIENT


@pytest.mark.parametrize("code", ["500", "502", "504", "408", "409", "425"])
def test_a_503_of_somebody_elses_failure_may_not(code: str) -> None:
    for body in (own(code), openai("m", None, code), {"code": code, "msg": "m"}):
        assert kind(body, 503, OTHER, {"retry-after": "30"}) is ErrorClass.UNKNOWN


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (detail("Model not found. Available: ['cogview4']"), "Available: ['cogview4']"),
        (
            detail([{"loc": ["body", "size"], "msg": "Field required"}, {"msg": "and this"}, 7]),
            "body.size: Field required; and this; 7",
        ),
        (detail({"error": {"message": "inside", "code": "x"}}), "inside"),
        (detail({"message": "inside"}), "inside"),
        (openai("wrong", None, "invalid_value", "quality"), "wrong (quality)"),
        ({"object": "error", "message": "no such thing", "code": 400}, "no such thing"),
    ],
)
def test_the_servers_own_words_are_shown(body: object, shown: str) -> None:
    assert shown in str(refusal(body, 400).message)


def test_every_sentence_stands_for_a_code_or_a_word() -> None:
    assert all(kind_of(code) for code in SENTENCES.values())
    assert all(text == text.lower() for text in (*SENTENCES, *WORDS))
    assert kind_of("never heard of it") is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["error", "code", "message", "msg", "detail", "loc", "type", "param", "innererror"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(json_values, st.integers(0, 999), st.sampled_from([VENDOR, OTHER, LOOPBACK, FREE]))
def test_nothing_in_an_error_raises(body: Any, status: int, server: Server) -> None:
    read_error(body, status)
    found = decode(Answer(status=status, headers={}, raw=json.dumps(body).encode()), server)
    assert isinstance(found, ApiError)
