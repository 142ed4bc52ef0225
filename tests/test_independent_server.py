"""Against a second server of the documented API, which shares no code with the sandbox."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.conftest import Run

KEY = "test-key.canary"
PROMPT = "水彩：雨后的小巷 “🐈”\n第二行"


@dataclass
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, list[str]]
    body: bytes


@dataclass
class Vendor:
    """The documented API and its image host on one port, and all it was asked."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    base64_only: bool = False

    @property
    def posts(self) -> list[Seen]:
        return [one for one in self.seen if one.method == "POST"]

    @property
    def gets(self) -> list[Seen]:
        return [one for one in self.seen if one.method == "GET"]


def picture(size: str) -> bytes:
    width, height = map(int, size.split("x"))
    out = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, "PNG")
    return out.getvalue()


def _handler(vendor: Vendor) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _note(self) -> bytes:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            names = {name.lower() for name in self.headers}
            headers = {name: self.headers.get_all(name, []) for name in names}
            vendor.seen.append(Seen(self.command, self.path, headers, body))
            return body

        def _reply(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            asked = json.loads(self._note())
            if self.path != "/gateway/v4/images/generations":
                self._reply(404, b"{}", "application/json")
                return
            size = asked.get("size", "1024x1024")
            if vendor.base64_only:
                data: dict[str, Any] = {"b64_json": base64.b64encode(picture(size)).decode()}
            else:
                signed = f"Expires={int(time.time()) + 600}&Signature=a%2Bb%3D"
                data = {"url": f"{vendor.url}/files/{size}_watermark.png?{signed}"}
            answer = {
                "created": 1760335349,
                "data": [data],
                "content_filter": [{"role": "assistant", "level": 3}],
                "request_id": "2025101314",
            }
            self._reply(200, json.dumps(answer).encode(), "application/json; charset=UTF-8")

        def do_GET(self) -> None:
            self._note()
            size = self.path.partition("/files/")[2].partition("_")[0]
            whole = self.path.endswith("&Signature=a%2Bb%3D")
            self._reply(200 if whole else 403, picture(size), "application/octet-stream")

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    return Handler


@pytest.fixture
def vendor(cogview: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendor]:
    kept = Vendor()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(kept)) as server:
        server.daemon_threads = True
        kept.url = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("COGVIEW_BASE_URL", f"{kept.url}/gateway/v4")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield kept
        server.shutdown()
        thread.join()


MODEL = "cogview-4-250304"
COMBINATIONS: dict[str, tuple[tuple[str, ...], dict[str, object]]] = {
    "nothing": ((), {}),
    "size": (("--size", "1440x720"), {"size": "1440x720"}),
    "times-sign": (("-s", "768×1344"), {"size": "768x1344"}),
    "quality": (("-q", "hd"), {"quality": "hd"}),
    "standard": (("--quality", "standard"), {"quality": "standard"}),
    "user": (("--user-id", "customer-0001"), {"user_id": "customer-0001"}),
    "watermark": (("--watermark",), {"watermark_enabled": True}),
    "no-watermark": (("--no-watermark",), {"watermark_enabled": False}),
    "model": (("-m", "CogView-3-Flash"), {"model": "cogview-3-flash"}),
    "other-model": (
        ("-m", "glm-image", "-s", "1280x1280"),
        {"model": "glm-image", "size": "1280x1280"},
    ),
    "local-only": (("--format", "png", "--no-sidecar", "--on-unknown", "retry"), {}),
    "all": (
        ("-s", "1024x1024", "-q", "hd", "--user-id", "customer-0001", "--no-watermark"),
        {
            "size": "1024x1024",
            "quality": "hd",
            "user_id": "customer-0001",
            "watermark_enabled": False,
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", COMBINATIONS)
def test_the_body_holds_what_was_asked_for_and_nothing_else(
    name: str, cogview: Run, vendor: Vendor
) -> None:
    flags, fields = COMBINATIONS[name]
    ended = cogview("gen", PROMPT, *flags)
    assert ended.code == 0, ended
    (post,) = vendor.posts
    assert json.loads(post.body) == {"model": MODEL, "prompt": PROMPT, **fields}
    assert PROMPT.partition("\n")[0] in post.body.decode("utf-8")  # UTF-8, not \\u escapes


def test_the_environment_goes_on_the_wire_as_flags_do(
    cogview: Run, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COGVIEW_SIZE", "1344x768")
    monkeypatch.setenv("COGVIEW_QUALITY", "hd")
    assert cogview("gen", PROMPT, "-q", "standard").code == 0
    body = {"model": MODEL, "prompt": PROMPT, "size": "1344x768", "quality": "standard"}
    assert json.loads(vendor.posts[0].body) == body


def test_the_key_goes_to_the_api_and_only_there(cogview: Run, vendor: Vendor) -> None:
    assert cogview("gen", PROMPT).code == 0
    (post,), (get,) = vendor.posts, vendor.gets
    assert post.path == "/gateway/v4/images/generations"
    assert post.headers["authorization"] == [f"Bearer {KEY}"]
    assert post.headers["content-type"] == ["application/json"]
    assert post.headers["content-length"] == [str(len(post.body))]
    assert {"authorization", "cookie", "content-type"} & set(get.headers) == set()
    assert KEY not in str(get) and get.body == b""
    assert KEY.encode() not in post.body


def test_the_signed_query_arrives_byte_for_byte_and_is_kept_out_of_the_sidecar(
    cogview: Run, vendor: Vendor
) -> None:
    ended = cogview("gen", PROMPT, "--size", "512x512")
    assert vendor.gets[0].path.endswith("&Signature=a%2Bb%3D")
    kept = json.loads(Path(ended.out.rstrip("\n") + ".json").read_text("utf-8"))
    assert kept["url"] == f"{vendor.url}/files/512x512_watermark.png"
    assert (kept["request_id"], kept["created"]) == ("2025101314", 1760335349)
    assert kept["content_filter"] == [{"role": "assistant", "level": 3}]
    assert Path(ended.out.rstrip("\n")).read_bytes() == picture("512x512")


def test_each_image_is_one_request(cogview: Run, vendor: Vendor) -> None:
    ended = cogview("gen", PROMPT, "-n", "3", "--size", "512x512")
    assert ended.code == 0, ended
    assert len(vendor.posts) == len(vendor.gets) == len(ended.out.splitlines()) == 3
    assert len({post.body for post in vendor.posts}) == 1


def test_a_server_that_knows_only_base64_will_do(cogview: Run, vendor: Vendor) -> None:
    vendor.base64_only = True
    ended = cogview("gen", PROMPT, "--size", "512x512")
    assert ended.code == 0, ended
    assert Path(ended.out.rstrip("\n")).read_bytes() == picture("512x512")
    assert json.loads(vendor.posts[0].body).keys() == {"model", "prompt", "size"}
    assert vendor.gets == []


def test_a_model_of_unknown_price_is_no_riddle_in_the_history(cogview: Run, vendor: Vendor) -> None:
    """Sent as given, with a warning; what it cost is a question mark, not a number."""
    ended = cogview("gen", PROMPT, "-m", "My-Model", "-s", "512x512")
    assert ended.code == 0 and "warning:" in ended.err, ended
    assert json.loads(vendor.posts[0].body)["model"] in ("My-Model", "my-model")
    line = cogview("history").out
    assert "None" not in line and "  ?  " in line
    assert "cost" not in json.loads(cogview("history", "--json").out)


def test_a_wrong_path_is_not_the_api(
    cogview: Run, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = cogview("gen", PROMPT, "--base-url", f"{vendor.url}/elsewhere")
    assert ended.code == 9, ended
    assert len(vendor.posts) == 1


def test_a_dry_run_says_what_would_be_sent_and_sends_nothing(cogview: Run, vendor: Vendor) -> None:
    ended = cogview("gen", PROMPT, "-q", "hd", "--dry-run")
    assert ended.code == 0, ended
    assert json.loads(ended.out) == {"model": MODEL, "prompt": PROMPT, "quality": "hd"}
    assert vendor.seen == []
