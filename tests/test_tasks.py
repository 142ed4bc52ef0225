"""The asynchronous pair read: what a submit and a poll say, and which requests go that way."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.api import tasks
from cogview_cli.api.dialects import VENDOR, Server
from cogview_cli.api.endpoints import by_task, endpoint, result_path
from cogview_cli.api.error_codes import ErrorClass
from cogview_cli.api.protocol import Answer, ApiError, Reply
from cogview_cli.api.tasks import Gone, Later

OTHER = Server(vendor=False)
BIGMODEL = "https://open.bigmodel.cn/api/paas/v4"
URL = "https://images.example.com/1.png"


def said(body: object, status: int = 200, *, whole: bool = True, **headers: str) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, headers=named, raw=raw, whole=whole)


TAKEN = {"id": "123-abc", "model": "glm-image", "request_id": "r", "task_status": "PROCESSING"}


@pytest.mark.parametrize(
    ("body", "task"),
    [
        (TAKEN, "123-abc"),
        ({"id": 8842, "task_status": "PROCESSING"}, "8842"),
        ({"id": "a/b ?", "task_status": "SUCCESS"}, "a/b ?"),
        ({"request_id": "r", "task_status": "PROCESSING"}, None),
        ({"id": "", "task_status": "PROCESSING"}, None),
        ({"id": ".."}, None),
        ({"id": True}, None),
        (b"<html>", None),
    ],
)
def test_the_task_of_a_submit(body: object, task: str | None) -> None:
    found = tasks.submitted(said(body), VENDOR)
    assert found == task if task else isinstance(found, ApiError)


@pytest.mark.parametrize("length", range(len(json.dumps(TAKEN))))
def test_a_submit_that_was_cut_has_a_task_as_soon_as_its_id_is_whole(length: int) -> None:
    raw = json.dumps(TAKEN).encode()[:length]
    found = tasks.task_in(said(raw, whole=False))
    assert found == ("123-abc" if b'"123-abc"' in raw else None)


def test_a_task_is_taken_with_a_2xx_only() -> None:
    assert tasks.task_in(said(TAKEN, 500)) is None
    assert tasks.task_in(said(TAKEN, 201)) == "123-abc"


def test_a_submit_that_is_answered_with_the_picture_needs_no_poll() -> None:
    found = tasks.submitted(said({**TAKEN, "image_result": [{"url": URL}]}), VENDOR)
    assert isinstance(found, Reply) and found.images[0].url == URL


@pytest.mark.parametrize("result", [[{"url": URL}], {"url": URL}, [URL]])
@pytest.mark.parametrize("status", ["SUCCESS", "success", "SUCCEEDED", "PROCESSING", None])
def test_a_picture_is_an_answer_whatever_else_is_said(result: object, status: str | None) -> None:
    found = tasks.outcome(said({"task_status": status, "image_result": result}), VENDOR)
    assert isinstance(found, Reply) and found.images[0].url == URL


@pytest.mark.parametrize("status", ["PROCESSING", "processing", "QUEUED", "PENDING"])
def test_not_yet(status: str) -> None:
    found = tasks.outcome(said({"task_status": status}, retry_after="7"), VENDOR)
    assert isinstance(found, Later) and (found.seconds, found.useless) == (7.0, False)


FAIL = {"task_status": "FAIL"}


@pytest.mark.parametrize(
    ("body", "server", "kind"),
    [
        ({**FAIL, "error": {"code": "1301", "message": "m"}}, VENDOR, ErrorClass.REFUSED),
        ({**FAIL, "error": {"code": "1301", "message": "m"}}, OTHER, ErrorClass.REFUSED),
        ({**FAIL, "error": {"code": "1113", "message": "m"}}, VENDOR, ErrorClass.ACCOUNT),
        ({**FAIL, "error": {"code": "1234", "message": "m"}}, VENDOR, ErrorClass.TRANSIENT),
        ({**FAIL, "contentFilter": [{"level": 0, "role": "user"}]}, VENDOR, ErrorClass.REFUSED),
        ({**FAIL, "error": "no capacity"}, VENDOR, ErrorClass.LATER),
        (FAIL, VENDOR, ErrorClass.LATER),
        ({"task_status": "failed"}, VENDOR, ErrorClass.LATER),
        (FAIL, OTHER, ErrorClass.UNKNOWN),
    ],
)
def test_a_failed_task_ends_by_its_code(body: object, server: Server, kind: ErrorClass) -> None:
    found = tasks.outcome(said(body), server)
    assert isinstance(found, ApiError) and found.kind is kind


def test_success_without_a_picture_is_the_last_word() -> None:
    found = tasks.outcome(said({"task_status": "SUCCESS", "image_result": []}), VENDOR)
    assert isinstance(found, ApiError) and found.kind is ErrorClass.UNKNOWN


def test_success_that_was_cut_is_asked_for_again() -> None:
    raw = b'{"task_status":"SUCCESS","image_result":[{"url":"https://im'
    assert isinstance(tasks.outcome(said(b"[" + raw, whole=False), VENDOR), Later)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b'{"error":{"code":"404","message":"no such task"}}'),
        (400, b'{"error":{"code":"1214","message":"m"}}'),
        (400, b'{"error":{"code":"1222","message":"m"}}'),
    ],
)
def test_a_task_the_server_does_not_know(status: int, body: bytes) -> None:
    assert isinstance(tasks.outcome(said(body, status), VENDOR), Gone)


@pytest.mark.parametrize(
    ("status", "body", "useless"),
    [
        (404, b"", False),
        (404, b"<html>Not Found</html>", False),
        (200, b"", False),
        (200, b"<html>", False),
        (500, b'{"error":{"code":"500","message":"m"}}', False),
        (502, b"<html>", False),
        (429, b'{"error":{"code":"1302","message":"m"}}', False),
        (429, b'{"error":{"code":"1305","message":"m"}}', False),
        (401, b'{"error":{"code":"1000","message":"m"}}', True),
        (429, b'{"error":{"code":"1113","message":"m"}}', True),
    ],
)
def test_what_is_said_of_the_question_says_nothing_of_the_picture(
    status: int, body: bytes, useless: bool
) -> None:
    found = tasks.outcome(said(body, status), VENDOR)
    assert isinstance(found, Later) and found.useless is useless


@given(st.binary(max_size=200), st.integers(100, 599), st.booleans())
def test_no_bytes_are_a_bug(raw: bytes, status: int, whole: bool) -> None:
    answer = said(raw, status, whole=whole)
    tasks.submitted(answer, VENDOR)
    tasks.outcome(answer, OTHER)
    tasks.has_no_pair(answer, VENDOR)


@given(
    st.dictionaries(
        st.sampled_from(["id", "task_status", "image_result", "error", "data", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.sampled_from(["FAIL", "SUCCESS", URL]),
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
            max_leaves=5,
        ),
    ),
    st.integers(100, 599),
)
def test_no_json_is_a_bug(body: dict[str, object], status: int) -> None:
    tasks.submitted(said(body, status), VENDOR)
    tasks.outcome(said(body, status), OTHER)


@pytest.mark.parametrize(
    ("model", "base_url", "chosen", "expected"),
    [
        ("glm-image", BIGMODEL, None, True),
        ("GLM-Image", f"{BIGMODEL}/", None, True),
        ("glm-image", "http://127.0.0.1:8000/api/paas/v4", None, True),
        ("glm-image", "https://api.z.ai/api/paas/v4", None, False),
        ("glm-image", "https://api.z.ai/api/paas/v4", True, True),
        ("glm-image", "http://127.0.0.1:8000/v1", None, False),
        ("glm-image", "https://gateway.example.com/api/paas/v4", None, False),
        ("glm-image", BIGMODEL, False, False),
        ("cogview-4", BIGMODEL, None, False),
        ("cogview-4", BIGMODEL, True, False),
        ("glm-image-2", BIGMODEL, None, False),
        ("glm-image-2", BIGMODEL, True, True),
    ],
)
def test_which_requests_go_that_way(
    model: str, base_url: str, chosen: bool | None, expected: bool
) -> None:
    assert by_task(model, base_url, chosen) is expected
    assert endpoint(model, base_url, chosen).startswith("/async/") is expected


def test_a_task_id_cannot_lead_elsewhere() -> None:
    assert result_path("../a?b#c") == "/async-result/..%2Fa%3Fb%23c"
