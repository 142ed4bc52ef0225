"""The sandbox as a server of open weights: `cogview sandbox --dialect openai`."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cogview_cli.sandbox.thread import SandboxThread
from tests.conftest import Run

KEY = {"Authorization": "Bearer own-server-key"}
SMALL = {"model": "cogview4", "size": "512x512"}


@pytest.fixture
def box() -> Iterator[SandboxThread]:
    with SandboxThread(dialect="openai") as running:
        yield running


@pytest.fixture
def http(box: SandboxThread) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=box.base_url, headers=KEY, trust_env=False, timeout=20) as client:
        yield client


def post(http: httpx.Client, prompt: str = "cat", **more: object) -> httpx.Response:
    return http.post("/images/generations", json={**SMALL, "prompt": prompt, **more})


def packed(answer: httpx.Response) -> list[bytes]:
    return [base64.b64decode(one["b64_json"]) for one in answer.json()["data"]]


def test_links_are_relative_and_behind_the_key(box: SandboxThread, http: httpx.Client) -> None:
    url = post(http).json()["data"][0]["url"]
    assert url.startswith("/v1/images/") and url.endswith("/content")
    assert httpx.get(f"{box.origin}{url}", headers=KEY, trust_env=False).content[:4] == b"\x89PNG"
    assert httpx.get(f"{box.origin}{url}", trust_env=False).status_code == 401


def test_without_a_key_everything_is_open(box: SandboxThread) -> None:
    with httpx.Client(base_url=box.base_url, trust_env=False) as bare:
        url = post(bare).json()["data"][0]["url"]
        assert bare.get(f"{box.origin}{url}").status_code == 200


def test_a_wrong_key_is_openais_401(http: httpx.Client) -> None:
    answer = http.get("/models", headers={"Authorization": "Bearer invalid"})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"


def test_the_same_seed_is_the_same_picture(http: httpx.Client) -> None:
    inline = {"response_format": "b64_json"}
    plain, again, other = (packed(post(http, **inline, **more)) for more in ({}, {}, {"seed": 7}))
    assert plain == again != other
    assert len(set(packed(post(http, n=3, **inline)))) == 3


def test_pictures_behind_links_differ_by_their_seed(box: SandboxThread, http: httpx.Client) -> None:
    urls = [post(http, **more).json()["data"][0]["url"] for more in ({}, {}, {"seed": 7})]
    first, second, third = (http.get(f"{box.origin}{url}").content for url in urls)
    assert first == second != third


def test_nothing_costs_anything(box: SandboxThread, http: httpx.Client) -> None:
    post(http)
    assert box.books.charges == {"cat": 1} and not box.books.cost


def test_the_models_are_listed(http: httpx.Client) -> None:
    assert [model["id"] for model in http.get("/models").json()["data"]] == [
        "cogview4", "glm-image",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value"),
    [("size", "512*512"), ("size", "512X512"), ("response_format", "png"), ("n", 11), ("n", "2")],
)
def test_what_is_wrong_is_fastapis_list(http: httpx.Client, field: str, value: object) -> None:
    answer = post(http, **{field: value})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", field]


def test_other_errors_are_fastapis_detail(box: SandboxThread, http: httpx.Client) -> None:
    assert post(http, model="dall-e").status_code == 404
    assert "cogview4" in post(http, model="dall-e").json()["detail"]
    assert post(http, size="528x528").status_code == 500
    assert http.get("/nothing").json() == {"detail": "Not Found"}
    assert http.post("/images/generations", content=b"{").status_code == 422
    assert http.post("/images/generations", json=[]).status_code == 422
    assert http.get("/images/none/content").status_code == 404
    assert http.post("/batches", json={}).status_code == 404
    assert httpx.get(f"{box.origin}/sandbox/books", trust_env=False).status_code == 200


def test_faults_of_the_catalogue_work_here_too(http: httpx.Client) -> None:
    loading = post(http, "sandbox:loadingx1")
    assert (loading.status_code, loading.headers["retry-after"]) == (503, "1")
    assert post(http, "sandbox:loadingx1").status_code == 200
    assert post(http, "sandbox:disk-path").json()["data"][0]["url"].startswith("/root/")
    assert post(http, "sandbox:litellm-500").json()["error"]["code"] == "500"
    quoted = post(http, "sandbox:1113")
    assert quoted.status_code == 429
    assert quoted.json()["error"]["code"] == "429" and "1113" in quoted.text
    assert packed(post(http, "sandbox:b64"))


def test_one_picture_is_made_at_a_time() -> None:
    """Two that take 0.2 s each take 0.4 s, however many ask at once."""
    import asyncio
    import time

    async def scene() -> float:
        from cogview_cli.sandbox.server import Sandbox

        async with (
            Sandbox(dialect="openai", latency=(0.2, 0.2)) as box,
            httpx.AsyncClient(base_url=box.base_url, trust_env=False, timeout=20) as client,
        ):
            began = time.monotonic()
            body = {**SMALL, "prompt": "cat"}
            await asyncio.gather(*(client.post("/images/generations", json=body) for _ in "ab"))
            return time.monotonic() - began

    assert asyncio.run(scene()) >= 0.4


# Our own commands against it


def profile(box: SandboxThread, text: str) -> None:
    """The profile `gpu`, as its owner would write it."""
    path = Path(os.environ["COGVIEW_CONFIG_DIR"], "config.toml")
    path.parent.mkdir(mode=0o700, exist_ok=True)
    table = f'[profiles.gpu]\nbase-url = "{box.base_url}"\nmodel = "cogview4"\nprice = 0\n'
    path.write_text(f"{table}{text}\n", "utf-8")
    path.chmod(0o600)


@pytest.fixture
def ours(cogview: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.delenv("COGVIEW_BASE_URL")
    return cogview


OPEN = 'size-rules = "cogview4"\n'


@pytest.mark.parametrize("text", ["content-auth = true", 'response-format = "b64_json"'])
def test_gen_gets_its_picture_either_way(box: SandboxThread, ours: Run, text: str) -> None:
    profile(box, f"{OPEN}{text}")
    checked = ours("config", "check", "--profile", "gpu")
    assert checked.code == 0, checked
    ended = ours("gen", "猫", "-s", "512x512", "--profile", "gpu")
    assert ended.code == 0, ended
    assert Path(ended.out.rstrip("\n")).is_file()
    assert len(box.books.bodies) == 1


def test_without_the_key_the_link_is_refused_and_the_way_out_named(
    box: SandboxThread, ours: Run
) -> None:
    profile(box, OPEN)
    ended = ours("gen", "猫", "-s", "512x512", "--profile", "gpu")
    assert ended.code == 6 and "content-auth" in ended.err, ended


def test_a_path_on_the_disk_names_the_way_out(box: SandboxThread, ours: Run) -> None:
    profile(box, OPEN)
    ended = ours("gen", "猫 sandbox:disk-path", "-s", "512x512", "--profile", "gpu")
    assert ended.code == 6 and "--response-format b64_json" in ended.err, ended


def test_a_batch_waits_for_the_model_and_gets_everything(box: SandboxThread, ours: Run) -> None:
    profile(box, f'{OPEN}response-format = "b64_json"\nextra = {{ seed = "random" }}')
    rows = ["一 sandbox:loadingx1", "二 sandbox:litellm-500x1", "三"]
    Path("prompts.txt").write_text("\n".join(rows), "utf-8")
    ended = ours("batch", "prompts.txt", "-s", "512x512", "--profile", "gpu", "--jobs", "2")
    assert ended.code == 0, ended
    assert len(ended.out.splitlines()) == 3
    assert box.books.posts[rows[0]] == box.books.posts[rows[1]] == 2


def test_a_field_it_does_not_take_is_shown(box: SandboxThread, ours: Run) -> None:
    profile(box, 'size-rules = "none"')
    ended = ours("gen", "猫", "--extra", "seed=words", "-s", "512x512", "--profile", "gpu")
    assert ended.code == 3 and "body.seed" in ended.err, ended


# OpenAI's client


@pytest.fixture
def openai() -> Any:
    return pytest.importorskip("openai", reason="openai is not installed")


def test_openais_client_gets_pictures_and_errors(box: SandboxThread, openai: Any) -> None:
    with openai.OpenAI(base_url=box.base_url, api_key="any", max_retries=0) as client:
        made = client.images.generate(
            model="cogview4", prompt="cat", size="512x512", response_format="b64_json", n=2
        )
        assert len({one.b64_json for one in made.data}) == 2
        assert [model.id for model in client.models.list()] == ["cogview4", "glm-image"]
        with pytest.raises(openai.UnprocessableEntityError):
            client.images.generate(model="cogview4", prompt="cat", size="auto")
        with pytest.raises(openai.RateLimitError):
            client.images.generate(model="cogview4", prompt="sandbox:1302", size="512x512")


def test_openais_client_uploads_a_batch_to_the_vendors_dialect(
    sandbox: SandboxThread, openai: Any
) -> None:
    """The vendor's files and batches have OpenAI's shape."""
    line = b'{"custom_id":"item-1","method":"POST","url":"/v4/images/generations","body":{}}'
    with openai.OpenAI(base_url=sandbox.base_url, api_key="id.secret", max_retries=0) as client:
        file = client.files.create(file=("a.jsonl", line), purpose="batch")
        batch = client.batches.create(
            input_file_id=file.id, endpoint="/v4/images/generations", completion_window="24h"
        )
        assert client.batches.retrieve(batch.id).input_file_id == file.id
