"""The sandbox does what it says, over real sockets."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import socket
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from decimal import Decimal

import httpx
import pytest
from PIL import Image

from cogview_cli.api.error_codes import CODES
from cogview_cli.sandbox import answers, downloads, faults, lettering
from cogview_cli.sandbox.messages import CHINESE
from cogview_cli.sandbox.picture import NAMESPACE, Sketch, render
from cogview_cli.sandbox.server import Sandbox
from cogview_cli.sandbox.thread import SandboxThread
from cogview_cli.textcheck.plain import plain

KEY = {"Authorization": "Bearer id.secret"}
SMALL = {"model": "cogview-4", "size": "512x512"}
Fields = dict[str, object]


@pytest.fixture
def box() -> Iterator[SandboxThread]:
    with SandboxThread(drip=0.0005) as running:
        yield running


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=20) as running:
        yield running


def post(
    client: httpx.Client, box: SandboxThread, prompt: str = "cat", **more: object
) -> httpx.Response:
    url = f"{box.base_url}/images/generations"
    return client.post(url, json={**SMALL, "prompt": prompt, **more}, headers=KEY)


def picture_url(client: httpx.Client, box: SandboxThread, prompt: str, **more: object) -> str:
    return str(post(client, box, prompt, **more).json()["data"][0]["url"])


def code_of(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


def raw(origin: str, data: bytes, *, half_close: bool = False) -> bytes:
    """Everything the server sends until it closes."""
    host, port = origin.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as link:
        link.sendall(data)
        if half_close:
            link.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: link.recv(65536), b""))


def raw_post(box: SandboxThread, prompt: str, *, version: str = "1.1") -> bytes:
    body = json.dumps({**SMALL, "prompt": prompt}).encode()
    opening = (
        f"POST /api/paas/v4/images/generations HTTP/{version}\r\nHost: x\r\n"
        f"Authorization: Bearer id.secret\r\nContent-Length: {len(body)}\r\n"
    )
    return f"{opening}\r\n".encode() + body


# The table of faults


def test_every_fault_that_is_listed_is_built_and_the_other_way_round() -> None:
    assert {*faults.FREE_FAULTS, *faults.GATEWAY_FAULTS} == {*answers.FREE, "redirect"}
    assert set(faults.BODY_FAULTS) == set(answers.BODIES)
    assert set(faults.URL_FAULTS) == set(answers.URLS)
    assert {*faults.WIRE_FAULTS, *faults.LOSS_FAULTS} == set(answers.WIRES)
    assert set(faults.DOWNLOAD_FAULTS) == set(downloads.ACTS)
    assert set(faults.TEXT_FAULTS) == {"text-wrong", "text-missing", *lettering.LAYOUTS}
    assert not set(faults.FAULTS) & set(CODES)
    assert set(CHINESE) <= set(CODES)


@pytest.mark.parametrize("name", [*faults.FAULTS, *CODES])
def test_every_name_can_be_written_in_a_prompt_with_and_without_a_count(name: str) -> None:
    found = faults.triggers(f"a sandbox:{name}, then sandbox:{name}x12。")
    assert found == (faults.Trigger(name), faults.Trigger(name, 12))
    assert found[0].known


def test_triggers_follow_each_other() -> None:
    plan = faults.triggers("sandbox:1302x2 sandbox:503x1")
    assert [faults.due(plan, nth) for nth in range(1, 5)] == ["1302", "1302", "503", ""]


def test_faults_of_the_text_count_pictures_beside_the_others() -> None:
    plan = faults.triggers("sandbox:text-wrongx2 sandbox:1302x1 sandbox:jpeg")
    chosen = [faults.choose(plan, nth) for nth in range(1, 4)]
    assert [each.text for each in chosen] == ["text-wrong", "text-wrong", ""]
    assert [each.answer for each in chosen] == ["1302", "", ""]
    assert {each.downloads for each in chosen} == {(faults.Trigger("jpeg"),)}


@pytest.mark.parametrize("text", ["重生之我是韦小宝", "室", "永室", "SALE", "x", "38", "８", "Ｘ"])
def test_one_wrong_character_is_another_one(text: str) -> None:
    wrong = lettering.one_wrong(text)
    assert sum(a != b for a, b in zip(text, wrong, strict=True)) == 1
    assert plain(wrong) != plain(text)


# What the API checks


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "1001"),
        ("id.secret", "1000"),
        ("Basic eA==", "1000"),
        ("Bearer", "1000"),
        ("Bearer invalid.key", "1000"),
    ],
)
def test_a_missing_or_wrong_key_is_401(
    box: SandboxThread, client: httpx.Client, header: str | None, code: str
) -> None:
    headers = {} if header is None else {"Authorization": header}
    url = f"{box.base_url}/images/generations"
    answer = client.post(url, json={**SMALL, "prompt": "a"}, headers=headers)
    assert (answer.status_code, code_of(answer)) == (401, code)
    assert not box.books.charges


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_1210(
    box: SandboxThread, client: httpx.Client, body: bytes
) -> None:
    answer = client.post(f"{box.base_url}/images/generations", content=body, headers=KEY)
    assert (answer.status_code, code_of(answer)) == (400, "1210")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"prompt": None}, "1213"),
        ({"prompt": ""}, "1213"),
        ({"prompt": 7}, "1214"),
        ({"model": None}, "1213"),
        ({"model": "dall-e"}, "1211"),
        ({"model": "cogview-3-plus"}, "1221"),
        ({"size": "512×512"}, "1214"),
        ({"size": "512x520"}, "1214"),
        ({"size": "496x512"}, "1214"),
        ({"size": "2048x1040"}, "1214"),
        ({"size": "٥١٢x512"}, "1214"),
        ({"size": 512}, "1214"),
        ({"model": "glm-image", "size": "528x512"}, "1214"),
        ({"model": "glm-image", "quality": "standard"}, "1214"),
        ({"quality": "ultra"}, "1214"),
        ({"user_id": "five5"}, "1214"),
        ({"user_id": "x" * 129}, "1214"),
        ({"watermark_enabled": "false"}, "1214"),
        ({"model": "glm-image", "prompt": "猫" * 1001}, "1261"),
        ({"prompt": "sandbox:no-such-fault"}, "1214"),
    ],
)
def test_a_broken_rule_has_its_code(
    box: SandboxThread, client: httpx.Client, fields: Fields, code: str
) -> None:
    answer = post(client, box, **fields)  # type: ignore[arg-type]
    assert (answer.status_code, code_of(answer)) == (400, code)
    assert not box.books.charges


@pytest.mark.parametrize(
    "fields",
    [
        {"size": "2048x1024"},
        {"model": "CogView-4-250304"},
        {"model": "glm-image", "size": "1728x960"},
        {"model": "glm-image", "prompt": "猫" * 1000, "size": "2048x2048"},
        {"user_id": "sixsix", "watermark_enabled": True, "quality": "hd"},
        {"n": 4, "unknown": None},
    ],
)
def test_what_the_rules_allow_passes(
    box: SandboxThread, client: httpx.Client, fields: Fields
) -> None:
    assert post(client, box, **fields).status_code == 200  # type: ignore[arg-type]


def test_messages_are_chinese_unless_english_is_asked_for(
    box: SandboxThread, client: httpx.Client
) -> None:
    assert post(client, box, size="1x1").json()["error"]["message"] == "不支持当前size值"
    client.headers["Accept-Language"] = "en-US"
    assert "size" in post(client, box, size="1x1").json()["error"]["message"]
    assert post(client, box, "sandbox:1113").json()["error"]["message"].isascii()


@pytest.mark.parametrize("code", ["1300", "1301"])
def test_a_policy_refusal_carries_a_camel_case_filter(
    box: SandboxThread, client: httpx.Client, code: str
) -> None:
    answer = post(client, box, f"sandbox:{code}").json()
    assert answer["contentFilter"] == [{"level": 1, "role": "user"}]


def test_other_addresses_are_404(box: SandboxThread, client: httpx.Client) -> None:
    assert client.head(f"{box.base_url}/images/generations").status_code == 404
    assert client.get(f"{box.base_url}/nothing").status_code == 404
    assert client.get(f"{box.origin}/files", headers=KEY).status_code == 404


TOKEN_HEAD = '{"alg":"HS256","sign_type":"SIGN"}'


def token(**claims: object) -> str:
    """A token as the vendor's SDKs make it; the signature is not looked at."""
    told = {"api_key": "id", "exp": 4_000_000_000_000, "timestamp": 1, **claims}
    parts = (TOKEN_HEAD, json.dumps(told), "signature")
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)


@pytest.mark.parametrize("scheme", ["", "Bearer "])
def test_a_token_is_taken_with_and_without_bearer(
    box: SandboxThread, client: httpx.Client, scheme: str
) -> None:
    """zhipuai-sdk-nodejs-v4 sends it bare."""
    url, body = f"{box.base_url}/images/generations", {**SMALL, "prompt": "a"}
    headers = {"Authorization": f"{scheme}{token()}"}
    assert client.post(url, json=body, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("claims", "code"),
    [({"exp": 1}, "1003"), ({"api_key": "invalid"}, "1000"), ({"exp": "soon"}, "1002")],
)
def test_a_token_that_is_past_or_wrong_is_refused(
    box: SandboxThread, client: httpx.Client, claims: dict[str, object], code: str
) -> None:
    headers = {"Authorization": token(**claims)}
    answer = client.get(f"{box.base_url}/models", headers=headers)
    assert (answer.status_code, code_of(answer)) == (401, code)


def test_a_token_and_its_key_are_one_account(box: SandboxThread, client: httpx.Client) -> None:
    url, body = f"{box.base_url}/async/images/generations", {"model": "glm-image", "prompt": "a"}
    task = client.post(url, json=body, headers=KEY).json()["id"]
    looked = client.get(f"{box.base_url}/async-result/{task}", headers={"Authorization": token()})
    assert looked.json()["task_status"] == "SUCCESS"


def test_the_form_of_the_answer_can_be_asked_for(box: SandboxThread, client: httpx.Client) -> None:
    (one,) = post(client, box, response_format="b64_json").json()["data"]
    assert base64.b64decode(one["b64_json"]).startswith(b"\x89PNG") and "url" not in one
    assert set(post(client, box, response_format="url").json()["data"][0]) == {"url"}
    assert code_of(post(client, box, response_format="png")) == "1214"


def test_the_models_are_listed_as_openais_are(box: SandboxThread, client: httpx.Client) -> None:
    told = client.get(f"{box.base_url}/models", headers=KEY).json()
    names = ["cogview-4-250304", "cogview-4", "cogview-3-flash", "glm-image"]
    assert told["object"] == "list" and [model["id"] for model in told["data"]] == names
    assert code_of(client.get(f"{box.base_url}/models")) == "1001"


def test_a_relative_url_is_behind_the_key(box: SandboxThread, client: httpx.Client) -> None:
    url = picture_url(client, box, "sandbox:relative-url")
    assert url.startswith("/v1/images/")
    assert client.get(f"{box.origin}{url}", headers=KEY).content.startswith(b"\x89PNG")
    assert client.get(f"{box.origin}{url}").status_code == 401
    assert client.get(f"{box.origin}/v1/images/no/content", headers=KEY).status_code == 404


# Faults of the answer


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("html-500", 500),
        ("html-502", 502),
        ("html-404", 404),
        ("503", 503),
        ("504", 504),
        ("408", 408),
        ("retry-after-2", 429),
        ("retry-after-day", 429),
        ("retry-after-junk", 429),
        ("retry-after-digits", 429),
        ("retry-after-past", 429),
        ("redirect", 307),
        ("error-in-200", 200),
        ("code-number", 429),
        ("hostile", 400),
    ],
)
def test_free_faults_charge_nothing_and_end_after_their_count(
    box: SandboxThread, client: httpx.Client, name: str, status: int
) -> None:
    prompt = f"sandbox:{name}x1"
    assert post(client, box, prompt).status_code == status
    assert not box.books.charges
    assert "data" in post(client, box, prompt).json()
    assert box.books.posts[prompt] == 2
    assert box.books.charges[prompt] == 1


@pytest.mark.parametrize(
    ("name", "holds"),
    [
        ("empty-200", lambda body: body == b""),
        ("html-200", lambda body: body.startswith(b"<html>")),
        ("bom-200", lambda body: body.startswith(b"\xef\xbb\xbf{")),
        ("cut-json", lambda body: b'"url"' in body and b"}" not in body),
        ("deep-json", lambda body: b"[" * 100_000 in body),
        ("big-number", lambda body: b"9" * 5_000 in body),
        ("nan-json", lambda body: b"NaN" in body),
        ("surrogate-json", lambda body: rb"\ud800" in body),
        ("twice-json", lambda body: body.count(b'"data"') == 2),
        ("url-number", lambda body: json.loads(body)["data"][0]["url"] == 7),
        ("url-null", lambda body: json.loads(body)["data"][0]["url"] is None),
        ("empty-data", lambda body: json.loads(body)["data"] == []),
        ("no-data", lambda body: "data" not in json.loads(body)),
        ("filtered", lambda body: json.loads(body)["content_filter"][0]["level"] == 0),
        ("camel-filter", lambda body: "contentFilter" in json.loads(body)),
        ("no-filter", lambda body: "content_filter" not in json.loads(body)),
        ("created-text", lambda body: isinstance(json.loads(body)["created"], str)),
        ("two-images", lambda body: len(json.loads(body)["data"]) == 2),
        ("b64", lambda body: json.loads(body)["data"][0]["b64_json"].startswith("iVBOR")),
        ("private-url", lambda body: b"//169.254.169.254" in body),
        ("http-url", lambda body: b"http://images.example.invalid" in body),
        ("file-url", lambda body: b"file:///etc/passwd" in body),
        ("data-url", lambda body: b"data:image/png" in body),
        ("userinfo-url", lambda body: b"user:secret@127" in body),
        ("control-url", lambda body: "\x1b" in json.loads(body)["data"][0]["url"]),
        ("long-url", lambda body: len(json.loads(body)["data"][0]["url"]) == 10_000),
        ("early-hints", lambda body: "data" in json.loads(body)),
        ("slow-answer", lambda body: "data" in json.loads(body)),
    ],
)
def test_strange_answers_are_200_and_charged(
    box: SandboxThread, client: httpx.Client, name: str, holds: Callable[[bytes], bool]
) -> None:
    answer = post(client, box, f"sandbox:{name}")
    assert answer.status_code == 200
    assert holds(answer.content)
    assert box.books.charges.total() == 1


@pytest.mark.parametrize("name", ["lost-answer", "reset", "cut-answer", "cut-early", "huge-header"])
def test_lost_answers_are_charged_once_and_break_the_connection(
    box: SandboxThread, client: httpx.Client, name: str
) -> None:
    with pytest.raises(httpx.TransportError):
        post(client, box, f"sandbox:{name}")
    assert box.books.charges.total() == box.books.posts.total() == 1


@pytest.mark.parametrize(("name", "whole_url"), [("cut-answer", True), ("cut-early", False)])
def test_a_cut_answer_is_cut_after_or_before_the_url(
    box: SandboxThread, name: str, *, whole_url: bool
) -> None:
    got = raw(box.origin, raw_post(box, f"sandbox:{name}"))
    assert (b'"url":"http' in got and b'"}' in got) is whole_url
    assert not got.endswith(b"]}")


@pytest.mark.parametrize("name", ["silent", "slow-headers", "big-answer"])
def test_endless_answers_are_charged_and_end_when_the_client_leaves(
    box: SandboxThread, name: str
) -> None:
    host, port = box.origin.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as link:
        link.sendall(raw_post(box, f"sandbox:{name}"))
        if name == "silent":
            link.shutdown(socket.SHUT_WR)
            assert link.recv(1) == b""
        else:
            assert len(link.recv(1000)) > 0
    assert box.books.charges.total() == 1


def test_a_charged_502_is_charged(box: SandboxThread, client: httpx.Client) -> None:
    assert post(client, box, "sandbox:html-502-charged").status_code == 502
    assert box.books.charges.total() == 1


def test_a_followed_redirect_is_seen_as_a_leak(box: SandboxThread, client: httpx.Client) -> None:
    answer = post(client, box, "sandbox:redirect")
    client.post(answer.headers["location"], headers=KEY)
    assert box.books.leaks[0] == "authorization: Bearer id.secret"
    assert box.books.leaks[1].startswith("POST /api")


def test_a_script_gives_its_faults_in_turn_to_the_prompts_it_matches(
    box: SandboxThread, client: httpx.Client
) -> None:
    box.script("cat", ["1302", "ok", "503"])
    assert post(client, box, "a dog").status_code == 200
    assert [post(client, box, f"cat {n}").status_code for n in range(4)] == [429, 200, 503, 200]
    with pytest.raises(ValueError, match="no such fault: nonsense"):
        box.script(None, ["nonsense"])


def test_a_scripted_download_fault_belongs_to_the_picture_of_that_request(
    box: SandboxThread, client: httpx.Client
) -> None:
    box.script(None, ["404-downloadx1"])
    url = picture_url(client, box, "cat")
    assert [client.get(url).status_code for _ in range(2)] == [404, 200]


# Faults of the download


def _get(client: httpx.Client, box: SandboxThread, name: str) -> httpx.Response:
    return client.get(picture_url(client, box, f"sandbox:{name}"))


@pytest.mark.parametrize(
    ("name", "status", "holds"),
    [
        ("short-download", 200, lambda r: b"IEND" not in r.content),
        ("trim-download", 200, lambda r: b"IEND" not in r.content),
        ("slow-download", 200, lambda r: b"IEND" in r.content),
        ("html-download", 200, lambda r: "html" in r.headers["content-type"]),
        ("empty-download", 200, lambda r: r.content == b""),
        ("403-download", 403, lambda r: b"<Code>" in r.content),
        ("404-download", 404, lambda r: b"<Code>" in r.content),
        ("500-download", 500, lambda r: b"<Code>" in r.content),
        ("wrong-type", 200, lambda r: r.headers["content-type"] == "image/gif"),
        ("jpeg", 200, lambda r: r.content.startswith(b"\xff\xd8\xff")),
        ("webp", 200, lambda r: r.content[8:12] == b"WEBP"),
        ("disposition", 200, lambda r: "../../x" in r.headers["content-disposition"]),
        ("redirect-private", 302, lambda r: "169.254" in r.headers["location"]),
        ("redirect-file", 302, lambda r: r.headers["location"] == "file:///etc/passwd"),
        ("expired-url", 403, lambda r: b"expired" in r.content),
    ],
)
def test_downloads_fail_as_named(
    box: SandboxThread,
    client: httpx.Client,
    name: str,
    status: int,
    holds: Callable[[httpx.Response], bool],
) -> None:
    answer = _get(client, box, name)
    assert answer.status_code == status
    assert holds(answer)


@pytest.mark.parametrize("name", ["cut-download", "lost-download"])
def test_a_broken_download_works_the_second_time(
    box: SandboxThread, client: httpx.Client, name: str
) -> None:
    url = picture_url(client, box, f"sandbox:{name}x1")
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(url)
    assert client.get(url).content.endswith(b"IEND\xaeB`\x82")


@pytest.mark.parametrize("name", ["stall-download", "oversize-download", "huge-length"])
def test_endless_downloads_send_a_picture_first(
    box: SandboxThread, client: httpx.Client, name: str
) -> None:
    url = picture_url(client, box, f"sandbox:{name}")
    with client.stream("GET", url) as answer:
        assert next(answer.iter_raw(8)) == b"\x89PNG\r\n\x1a\n"
        length = int(answer.headers.get("content-length", 0))
    assert (length > 2**42) is (name == "huge-length")


@pytest.mark.parametrize(("name", "side"), [("bomb-download", 50_000), ("bomb-warning", 12_000)])
def test_a_bomb_claims_its_size(
    box: SandboxThread, client: httpx.Client, name: str, side: int
) -> None:
    header = _get(client, box, name).content[16:24]
    assert header == side.to_bytes(4, "big") * 2


def test_a_flipped_bit_changes_one_byte(box: SandboxThread, client: httpx.Client) -> None:
    url = picture_url(client, box, "sandbox:flip-downloadx1")
    wrong, right = client.get(url).content, client.get(url).content
    assert sum(a != b for a, b in zip(wrong, right, strict=True)) == 1


def test_the_gzip_download_unpacks_to_128_mib(box: SandboxThread, client: httpx.Client) -> None:
    with client.stream("GET", picture_url(client, box, "sandbox:gzip-download")) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        packed = b"".join(answer.iter_raw())
    unpacker = zlib.decompressobj(31)
    unpacked = len(unpacker.decompress(packed, 2**20))
    while unpacker.unconsumed_tail:
        unpacked += len(unpacker.decompress(unpacker.unconsumed_tail, 2**22))
    assert unpacked == 128 * 2**20


def test_a_redirected_download_works_on_the_other_origin(
    box: SandboxThread, client: httpx.Client
) -> None:
    answer = _get(client, box, "redirect-download")
    assert not answer.headers["location"].startswith(box.image_origin)
    assert client.get(answer.headers["location"]).content.startswith(b"\x89PNG")
    assert not box.books.leaks


def test_a_redirect_loop_never_ends(box: SandboxThread, client: httpx.Client) -> None:
    url = picture_url(client, box, "sandbox:redirect-loop")
    with pytest.raises(httpx.TooManyRedirects):
        client.get(url, follow_redirects=True)


# Signature, books, concurrency


def test_the_signature_counts_byte_for_byte(box: SandboxThread, client: httpx.Client) -> None:
    url = picture_url(client, box, "cat")
    assert "%2B" in url
    assert "%3D&Expires=" in url
    path, _, query = url.removeprefix(box.image_origin).partition("?")
    for wrong in (query.replace("%2B", "%2b"), query.replace("%3D", "="), query + "&", ""):
        get = f"GET {path}?{wrong} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        assert raw(box.image_origin, get.encode()).startswith(b"HTTP/1.1 403")
    assert client.get(url).status_code == 200


def test_a_key_or_cookie_sent_to_the_image_host_is_a_leak(
    box: SandboxThread, client: httpx.Client
) -> None:
    url = picture_url(client, box, "cat")
    client.get(url, headers={**KEY, "Cookie": "a=b"})
    assert box.books.leaks == ["authorization: Bearer id.secret", "cookie: a=b"]


def test_the_books_add_up_and_can_be_read_over_http(
    box: SandboxThread, client: httpx.Client
) -> None:
    client.get(picture_url(client, box, "cat"))
    post(client, box, "cat", model="glm-image")
    post(client, box, "sandbox:1301")
    books = client.get(f"{box.origin}/sandbox/books").json()
    assert books == json.loads(json.dumps(box.books.as_dict()))
    assert books["charges"] == {"cat": 2}
    assert books["posts"] == {"cat": 2, "sandbox:1301": 1}
    assert books["downloads"] == {"cat": 1}
    assert Decimal(books["cost"]) == Decimal("0.16")
    assert books["in_flight"] == 0
    assert len(books["bodies"]) == 3


async def _burst(box: Sandbox, count: int, model: str, key: str = "k") -> list[int]:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(trust_env=False, limits=limits, timeout=30) as client:
        url, headers = f"{box.base_url}/images/generations", {"Authorization": f"Bearer {key}"}
        body = {"model": model, "prompt": "cat"}
        posts = (client.post(url, json=body, headers=headers) for _ in range(count))
        return [answer.status_code for answer in await asyncio.gather(*posts)]


@pytest.mark.parametrize(
    ("tier", "model", "slots"),
    [("V0", "cogview-4", 5), ("V1", "cogview-4", 10), ("V3", "glm-image", 1)],
)
def test_a_request_over_the_tiers_concurrency_is_429(tier: str, model: str, slots: int) -> None:
    async def scene() -> tuple[list[int], int]:
        async with Sandbox(tier=tier, latency=(1.5, 1.5), hd_latency=(1.5, 1.5)) as box:
            return await _burst(box, slots + 3, model), box.books.max_in_flight

    statuses, most = asyncio.run(scene())
    assert sorted(statuses) == [200] * slots + [429] * 3
    assert most == slots


def test_concurrency_is_per_key_and_model() -> None:
    async def scene() -> list[list[int]]:
        async with Sandbox(slots=1, latency=(0.5, 0.5)) as box:
            pairs = [("cogview-4", "a"), ("cogview-4", "b"), ("cogview-3-flash", "a")]
            return await asyncio.gather(*(_burst(box, 1, *pair) for pair in pairs))

    assert asyncio.run(scene()) == [[200], [200], [200]]


def test_two_hundred_connections_at_once_are_served() -> None:
    async def scene() -> list[int]:
        async with Sandbox(slots=200, latency=(0.2, 0.2)) as box:
            return await _burst(box, 200, "cogview-4")

    assert asyncio.run(scene()) == [200] * 200


def test_stop_ends_open_connections_and_frees_the_port() -> None:
    async def scene() -> None:
        box = Sandbox()
        await box.start()
        host, port = box.origin.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /sandbox/books HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        await box.stop()
        await asyncio.wait_for(reader.read(), 10)
        writer.close()
        await writer.wait_closed()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(host, int(port))

    asyncio.run(scene())


def test_a_taken_port_is_an_oserror(box: SandboxThread) -> None:
    port = int(box.origin.rsplit(":", 1)[1])
    with pytest.raises(OSError, match="in use"), SandboxThread(port=port):
        pass


# HTTP


def test_several_requests_share_a_connection(box: SandboxThread) -> None:
    get = b"GET /sandbox/books HTTP/1.1\r\nHost: x\r\n\r\n"
    last = get[:-2] + b"Connection: close\r\n\r\n"
    assert raw(box.origin, get + get + last).count(b"HTTP/1.1 200 OK") == 3


def test_http_1_0_gets_one_answer(box: SandboxThread) -> None:
    got = raw(box.origin, raw_post(box, "cat", version="1.0"))
    assert got.startswith(b"HTTP/1.1 200")
    assert b"Connection: close" in got


def test_expect_100_continue_is_met(box: SandboxThread) -> None:
    body = json.dumps({**SMALL, "prompt": "cat"}).encode()
    opening = raw_post(box, "cat").split(b"\r\n\r\n")[0]
    opening += b"\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    host, port = box.origin.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as link:
        link.sendall(opening)
        assert link.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        link.sendall(body)
        assert link.recv(65536).startswith(b"HTTP/1.1 200 OK")


def test_what_is_not_http_gets_400_and_a_huge_body_413(box: SandboxThread) -> None:
    assert raw(box.origin, b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400")
    opening = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b"%x\r\n" % (4 * 2**20 + 1) + b"a" * (4 * 2**20 + 1)
    assert raw(box.origin, opening + body).startswith(b"HTTP/1.1 413")


def test_a_client_that_dies_in_the_middle_harms_nobody(
    box: SandboxThread, client: httpx.Client
) -> None:
    raw(box.origin, raw_post(box, "cat")[:-5], half_close=True)
    assert post(client, box).status_code == 200
    assert box.books.in_flight == 0


# Pictures


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_the_same_sketch_gives_the_same_bytes_of_the_asked_size(kind: str) -> None:
    sketch = Sketch("山水", 1440, 720, format=kind)
    first = render(sketch)
    render.cache_clear()
    assert render(sketch) == first
    with Image.open(io.BytesIO(first)) as image:
        image.load()
        assert (image.format, image.size) == (kind, (1440, 720))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_pictures_carry_the_hidden_mark_unless_it_is_off(kind: str) -> None:
    marked = render(Sketch("cat", 512, 512, format=kind))
    bare = render(Sketch("cat", 512, 512, watermark=False, format=kind))
    assert NAMESPACE.encode() in marked
    assert marked.count(b'"ContentProducer": "SANDBOX"') == 2
    assert b"AIGC" not in bare


def test_the_visible_mark_is_bottom_right_and_can_be_turned_off() -> None:
    marked, bare = (
        Image.open(io.BytesIO(render(Sketch("cat", 512, 512, watermark=on))))
        for on in (True, False)
    )
    with marked, bare:
        pairs = zip(
            marked.crop((430, 455, 512, 512)).tobytes(),
            bare.crop((430, 455, 512, 512)).tobytes(),
            strict=True,
        )
        assert any(a != b for a, b in pairs)
        assert marked.crop((0, 0, 400, 400)).tobytes() == bare.crop((0, 0, 400, 400)).tobytes()


def test_other_prompts_give_other_pictures_even_with_half_a_surrogate() -> None:
    assert len({render(Sketch(text, 512, 512)) for text in ("a", "b", "\ud800")}) == 3


def test_the_server_starts_without_pillow_or_httpx() -> None:
    check = "import sys, cogview_cli.sandbox.thread; print({'PIL', 'httpx'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
