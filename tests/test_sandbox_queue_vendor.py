"""The sandbox's queue against the vendor's own schemas and Python client."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from cogview_cli.sandbox.queue_rules import IMAGES
from cogview_cli.sandbox.thread import SandboxThread

SCHEMAS: dict[str, Any] = json.loads(
    (Path(__file__).parent / "vendor_schema.json").read_text(encoding="utf-8")
)
LENGTH = 100.0


@pytest.fixture
def box() -> Iterator[SandboxThread]:
    with SandboxThread(queue_latency=(LENGTH, LENGTH)) as running:
        yield running


@pytest.fixture
def http(box: SandboxThread) -> Iterator[httpx.Client]:
    headers = {"Authorization": "Bearer id.secret"}
    with httpx.Client(base_url=box.base_url, headers=headers, trust_env=False) as client:
        yield client


def jsonl(*prompts: str) -> bytes:
    lines = [
        {
            "custom_id": f"item-{number}",
            "method": "POST",
            "url": IMAGES,
            "body": {"model": "cogview-4-250304", "prompt": prompt, "size": "512x512"},
        }
        for number, prompt in enumerate(prompts)
    ]
    return b"\n".join(json.dumps(line).encode() for line in lines)


def valid(answer: httpx.Response, schema: str) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    jsonschema.validate(told, SCHEMAS[schema])
    return told


def upload(http: httpx.Client, content: bytes) -> httpx.Response:
    form = {"file": ("a.jsonl", content)}
    return http.post("/files", files=form, data={"purpose": "batch"})


@pytest.mark.parametrize("counts", ["", "top-counts"])
def test_every_answer_is_as_the_schema_says(
    box: SandboxThread, http: httpx.Client, counts: str
) -> None:
    if counts:
        box.queue_fault(counts)
    file_id = valid(upload(http, jsonl("a", "sandbox:1301")), "FileObject")["id"]
    valid(http.get(f"/files/{file_id}"), "FileObject")
    valid(http.get("/files", params={"purpose": "batch"}), "FileListResponse")
    asked = {"input_file_id": file_id, "endpoint": IMAGES, "metadata": {"run": "r1"}}
    batch_id = valid(http.post("/batches", json=asked), "Batch")["id"]
    for passes in (0, 15, 77, 20):
        box.skip(passes)
        valid(http.get(f"/batches/{batch_id}"), "Batch")
    listed = valid(http.get("/batches"), "BatchListResponse")["data"]
    output = listed[0]["output_file_id"]
    line = json.loads(http.get(f"/files/{output}/content").content)
    jsonschema.validate(
        {k: v for k, v in line["response"]["body"].items() if k != "request_id"},
        SCHEMAS["ImageGenerationResponse"],
    )
    valid(http.delete(f"/files/{output}"), "FileDeletedResponse")


def test_failed_and_cancelled_batches_are_as_the_schema_says(
    box: SandboxThread, http: httpx.Client
) -> None:
    for content, cancels in ((jsonl("a") + b"\n{cut", False), (jsonl("a"), True)):
        file_id = upload(http, content).json()["id"]
        asked = {"input_file_id": file_id, "endpoint": IMAGES}
        batch_id = http.post("/batches", json=asked).json()["id"]
        if cancels:
            valid(http.post(f"/batches/{batch_id}/cancel"), "Batch")
        box.skip(LENGTH)
        told = valid(http.get(f"/batches/{batch_id}"), "Batch")
        assert told["status"] == ("cancelled" if cancels else "failed")


def test_errors_have_the_schemas_envelope(http: httpx.Client) -> None:
    for answer in (upload(http, b""), http.get("/files/none"), http.post("/batches", json={})):
        assert answer.status_code in (400, 404)
        jsonschema.validate(answer.json(), SCHEMAS["Error"])


@pytest.fixture(scope="module")
def zai() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("zai")


@pytest.fixture
def client(zai: Any, box: SandboxThread) -> Iterator[Any]:
    with zai.ZhipuAiClient(
        api_key="id.secret",
        base_url=box.base_url,
        max_retries=0,
        http_client=httpx.Client(trust_env=False),
    ) as running:
        yield running


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_vendors_client_sends_a_batch_and_reads_its_results(
    box: SandboxThread, client: Any
) -> None:
    file = client.files.create(file=("a.jsonl", jsonl("a", "b", "sandbox:1301")), purpose="batch")
    assert [each.id for each in client.files.list(purpose="batch").data] == [file.id]
    batch = client.batches.create(
        input_file_id=file.id, endpoint=IMAGES, metadata={"run": "r1"}, auto_delete_input_file=False
    )
    assert (batch.status, batch.metadata) == ("validating", {"run": "r1"})
    box.skip(LENGTH)
    (done,) = client.batches.list(limit=10).data
    assert (done.id, done.status) == (batch.id, "completed")
    assert done.request_counts.completed == 2 and done.request_counts.failed == 1
    made = client.files.content(done.output_file_id).content.splitlines()
    refused = client.files.content(done.error_file_id).content.splitlines()
    assert (len(made), len(refused)) == (2, 1)
    assert client.files.delete(file.id).deleted
    assert client.batches.retrieve(batch.id).output_file_id == done.output_file_id


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_vendors_client_pages_through_batches_and_cancels_one(
    box: SandboxThread, client: Any
) -> None:
    box.queue_fault("page-20")
    content = jsonl("a")
    for _ in range(21):
        file = client.files.create(file=("a.jsonl", content), purpose="batch")
        batch = client.batches.create(input_file_id=file.id, endpoint=IMAGES)
    assert len(list(client.batches.list(limit=100))) == 21
    assert client.batches.cancel(batch.id).status == "cancelling"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_vendors_client_sees_a_full_queue_and_a_model_not_listed(
    box: SandboxThread, client: Any
) -> None:
    from zai.core import APIReachLimitError, APIRequestFailedError

    box.queue_fault("queue-full")
    file = client.files.create(file=("a.jsonl", jsonl("a")), purpose="batch")
    with pytest.raises(APIReachLimitError):
        client.batches.create(input_file_id=file.id, endpoint=IMAGES)
    box.queue_fault("not-listed")
    with pytest.raises(APIRequestFailedError):
        client.files.create(file=("b.jsonl", jsonl("a")), purpose="batch")
