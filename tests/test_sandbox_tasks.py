"""The sandbox's asynchronous pair, and two clients of others that drive it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from cogview_cli.sandbox import answers
from cogview_cli.sandbox.deferred_faults import TASK_FAULTS
from cogview_cli.sandbox.thread import SandboxThread

SCHEMAS: dict[str, Any] = json.loads(
    (Path(__file__).parent / "vendor_schema.json").read_text(encoding="utf-8")
)
KEY = {"Authorization": "Bearer id.secret"}
SUBMIT, LENGTH = "/async/images/generations", 20.0


@pytest.fixture
def box() -> Iterator[SandboxThread]:
    with SandboxThread(hd_latency=(LENGTH, LENGTH)) as running:
        yield running


@pytest.fixture
def http(box: SandboxThread) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=box.base_url, headers=KEY, trust_env=False) as client:
        yield client


def submit(http: httpx.Client, prompt: str = "cat", **more: object) -> httpx.Response:
    return http.post(SUBMIT, json={"model": "glm-image", "prompt": prompt, **more})


def look(http: httpx.Client, task_id: str) -> dict[str, Any]:
    told: dict[str, Any] = http.get(f"/async-result/{task_id}").json()
    return told


def code_of(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


def test_a_task_is_taken_at_once_and_done_in_time(box: SandboxThread, http: httpx.Client) -> None:
    taken = submit(http, request_id="mine-1").json()
    jsonschema.validate(taken, SCHEMAS["AsyncResponse"])
    assert (taken["task_status"], taken["request_id"]) == ("PROCESSING", "mine-1")
    assert look(http, taken["id"])["task_status"] == "PROCESSING"
    box.skip(LENGTH)
    for _ in range(2):
        done = look(http, taken["id"])
        jsonschema.validate(done, SCHEMAS["AsyncImageGenerationResponse"])
        assert done["task_status"] == "SUCCESS"
    url = done["image_result"][0]["url"]
    assert httpx.get(url, trust_env=False).content.startswith(b"\x89PNG")
    assert box.books.charges == {"cat": 1} and box.books.cost == Decimal("0.1")


def test_only_glm_image_takes_it(http: httpx.Client) -> None:
    answer = http.post(SUBMIT, json={"model": "cogview-4", "prompt": "cat"})
    assert (answer.status_code, code_of(answer)) == (400, "1212")


@pytest.mark.parametrize(("model", "code"), [("glm-image", "1214"), ("dall-e", "1211")])
def test_a_submit_is_checked_as_a_direct_call_is(http: httpx.Client, model: str, code: str) -> None:
    answer = http.post(SUBMIT, json={"model": model, "prompt": "cat", "size": "1x1"})
    assert code_of(answer) == code


def test_the_key_decides_whose_task_it_is(box: SandboxThread, http: httpx.Client) -> None:
    path = f"/async-result/{submit(http).json()['id']}"
    assert code_of(http.get(path, headers={"Authorization": "Bearer other.key"})) == "1214"
    assert code_of(http.get(path, headers={"Authorization": "Bearer invalid.key"})) == "1000"
    assert code_of(http.get("/async-result/7")) == "1214"


def test_a_lost_submit_is_a_charge_nobody_can_ask_for(
    box: SandboxThread, http: httpx.Client
) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        submit(http, "sandbox:lost-answer")
    assert box.books.charges.total() == 1


def test_a_code_of_the_vendor_refuses_the_submit(box: SandboxThread, http: httpx.Client) -> None:
    assert code_of(submit(http, "sandbox:1302x1")) == "1302"
    assert submit(http, "sandbox:1302x1").status_code == 200
    assert submit(http, "sandbox:503").status_code == 503
    assert box.books.charges == {"sandbox:1302x1": 1}


@pytest.mark.parametrize("fault", answers.ANY_BODY)
def test_faults_of_any_body_reach_the_submit(
    box: SandboxThread, http: httpx.Client, fault: str
) -> None:
    answer = submit(http, f"sandbox:{fault}")
    with pytest.raises((ValueError, RecursionError, jsonschema.ValidationError)):
        jsonschema.validate(json.loads(answer.content.decode()), SCHEMAS["AsyncResponse"])
    assert box.books.charges[f"sandbox:{fault}"] == 1


def test_faults_of_pictures_leave_the_submit_alone(http: httpx.Client) -> None:
    taken = submit(http, "sandbox:url-number").json()
    jsonschema.validate(taken, SCHEMAS["AsyncResponse"])


def test_stuck_for_two_looks(box: SandboxThread, http: httpx.Client) -> None:
    task_id = submit(http, "sandbox:task-stuckx2").json()["id"]
    box.skip(LENGTH)
    told = [look(http, task_id)["task_status"] for _ in range(3)]
    assert told == ["PROCESSING", "PROCESSING", "SUCCESS"]


def test_stuck_for_good(box: SandboxThread, http: httpx.Client) -> None:
    task_id = submit(http, "sandbox:task-stuck").json()["id"]
    box.skip(LENGTH * 100)
    assert {look(http, task_id)["task_status"] for _ in range(5)} == {"PROCESSING"}


def test_a_lost_look_can_be_repeated(box: SandboxThread, http: httpx.Client) -> None:
    task_id = submit(http, "sandbox:task-lost-pollx1 sandbox:task-object").json()["id"]
    box.skip(LENGTH)
    with pytest.raises(httpx.RemoteProtocolError):
        look(http, task_id)
    assert look(http, task_id)["image_result"]["url"].startswith("http://127.0.0.1:")
    assert box.books.charges.total() == 1


@pytest.mark.parametrize("fault", ["task-refused", "task-failed"])
def test_a_task_that_fails_is_free(box: SandboxThread, http: httpx.Client, fault: str) -> None:
    task_id = submit(http, f"sandbox:{fault}").json()["id"]
    box.skip(LENGTH)
    told = look(http, task_id)
    assert told["task_status"] == "FAIL" and "image_result" not in told
    assert told.get("error", {}).get("code") == ("1301" if fault == "task-refused" else None)
    assert not box.books.charges


@pytest.mark.parametrize("fault", TASK_FAULTS)
def test_a_fault_of_tasks_is_none_of_a_direct_call(http: httpx.Client, fault: str) -> None:
    body = {"model": "cogview-4", "prompt": f"sandbox:{fault}", "size": "512x512"}
    answer = http.post("/images/generations", json=body)
    assert answer.status_code == 200 and answer.json()["data"][0]["url"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_vendors_client_submits_and_retrieves(box: SandboxThread) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        zai = pytest.importorskip("zai")
    http_client = httpx.Client(trust_env=False)
    with zai.ZhipuAiClient(
        api_key="id.secret", base_url=box.base_url, max_retries=0, http_client=http_client
    ) as client:
        taken = client.images.async_generations(model="glm-image", prompt="cat")
        assert taken.task_status == "PROCESSING"
        box.skip(LENGTH)
        done = client.images.retrieve_images_result(taken.id)
    assert done.task_status == "SUCCESS"
    image = httpx.get(done.image_result[0].url, trust_env=False)
    assert image.content.startswith(b"\x89PNG")
