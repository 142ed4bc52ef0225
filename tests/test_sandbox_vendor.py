"""The sandbox against the vendor's own documents: its OpenAPI schemas and its Python client."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from cogview_cli.api.error_codes import CODES
from cogview_cli.sandbox.thread import SandboxThread

SCHEMAS: dict[str, Any] = json.loads(
    (Path(__file__).parent / "vendor_schema.json").read_text(encoding="utf-8")
)
REQUESTS: list[dict[str, object]] = [
    {"model": "glm-image", "prompt": "一只可爱的小猫咪", "size": "1280x1280"},
    {"model": "cogview-4-250304", "prompt": "a", "quality": "hd", "user_id": "sixsix"},
    {"model": "cogview-4", "prompt": "b", "watermark_enabled": False, "size": "2048x1024"},
    {"model": "cogview-3-flash", "prompt": "c"},
]
REFUSED: list[dict[str, object]] = [
    {"model": "dall-e", "prompt": "a"},
    {"model": "glm-image", "prompt": "a", "quality": "ultra"},
    {"model": "glm-image", "prompt": "a", "user_id": "five5"},
    {"model": "glm-image", "prompt": "a", "watermark_enabled": "no"},
    {"model": "glm-image"},
    {"prompt": "a"},
]


@pytest.fixture
def box() -> Iterator[SandboxThread]:
    with SandboxThread() as running:
        yield running


def _post(box: SandboxThread, body: dict[str, object]) -> httpx.Response:
    headers = {"Authorization": "Bearer id.secret"}
    url = f"{box.base_url}/images/generations"
    return httpx.post(url, json=body, headers=headers, trust_env=False)


@pytest.mark.parametrize("body", REQUESTS)
def test_a_request_the_schema_allows_is_answered_as_the_schema_says(
    box: SandboxThread, body: dict[str, object]
) -> None:
    jsonschema.validate(body, SCHEMAS["CreateImageRequest"])
    answer = _post(box, body)
    assert answer.status_code == 200
    jsonschema.validate(answer.json(), SCHEMAS["ImageGenerationResponse"])


@pytest.mark.parametrize("body", REFUSED)
def test_a_request_the_schema_forbids_is_refused(
    box: SandboxThread, body: dict[str, object]
) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(body, SCHEMAS["CreateImageRequest"])
    assert _post(box, body).status_code == 400


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_error_has_the_schemas_envelope(box: SandboxThread, code: str) -> None:
    answer = _post(box, {"model": "cogview-4", "prompt": f"sandbox:{code}"})
    assert answer.status_code == CODES[code].status
    jsonschema.validate(answer.json(), SCHEMAS["Error"])
    assert answer.json()["error"]["code"] == code


@pytest.fixture(scope="module")
def zai() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("zai")


def _client(zai: Any, box: SandboxThread, key: str) -> Any:
    http_client = httpx.Client(trust_env=False)
    return zai.ZhipuAiClient(
        api_key=key, base_url=box.base_url, max_retries=0, http_client=http_client
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_vendors_client_gets_a_picture(zai: Any, box: SandboxThread) -> None:
    with _client(zai, box, "id.secret") as client:
        answer = client.images.generations(model="cogview-4-250304", prompt="山水")
    assert httpx.get(answer.data[0].url, trust_env=False).content.startswith(b"\x89PNG")
    assert box.books.charges == {"山水": 1}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_vendors_client_sees_a_policy_refusal_as_400(zai: Any, box: SandboxThread) -> None:
    from zai.core import APIRequestFailedError

    with _client(zai, box, "id.secret") as client, pytest.raises(APIRequestFailedError) as caught:
        client.images.generations(model="cogview-4", prompt="sandbox:1301")
    assert caught.value.response.json()["contentFilter"] == [{"level": 1, "role": "user"}]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_vendors_client_sees_a_wrong_key_as_401(zai: Any, box: SandboxThread) -> None:
    from zai.core import APIAuthenticationError

    with _client(zai, box, "invalid.key") as client, pytest.raises(APIAuthenticationError):
        client.images.generations(model="cogview-4", prompt="a")
    assert not box.books.charges
