"""Servers of open weights on loopback, as far as their clients can tell them apart.

What each takes and answers was read in its source on 2026-11-25.
"""

from __future__ import annotations

import base64
import io
import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from PIL import Image

from tests.faults.peers import HOST, Listener, http, read_request

KEY = "own-server-key-0123456789"
DISK_PATH = "/root/.xinference/image/1f0c.jpg"
FIXED_SEED = 1024
JSON = "Content-Type: application/json"


class Asked:
    """One request as it came. Header names are in lower case."""

    def __init__(self, raw: bytes) -> None:
        head, _, body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.path, _version = lines[0].split(" ")
        pairs = (line.partition(":") for line in lines[1:])
        self.headers = {name.lower(): value.strip() for name, _colon, value in pairs}
        self.body: dict[str, Any] = json.loads(body) if body else {}

    @property
    def with_key(self) -> bool:
        return self.headers.get("authorization") == f"Bearer {KEY}"


Speak = Callable[["OwnServer", Asked], bytes]


class OwnServer(Listener):
    """Answers as `speak` says; `most` is the greatest number of POSTs in hand at once."""

    def __init__(self, speak: Speak, *, models: tuple[str, ...] = ("cogview4",)) -> None:
        super().__init__()
        self._speak = speak
        self.origin = f"http://{HOST}:{self.port}"
        self.base_url = f"{self.origin}/v1"
        self.models = models
        self.asked: list[Asked] = []
        self.pictures: dict[str, bytes] = {}
        self.most = self._in_hand = 0
        self._lock = threading.Lock()

    @property
    def posts(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.method == "POST"]

    @property
    def gets(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.method == "GET"]

    def talk(self, link: socket.socket) -> None:
        raw = read_request(link)
        if not raw:
            return
        asked = Asked(raw)
        with self._lock:
            self.asked.append(asked)
            self._in_hand += asked.method == "POST"
            self.most = max(self.most, self._in_hand)
        try:
            with suppress(OSError):
                link.sendall(self._speak(self, asked))
        finally:
            with self._lock:
                self._in_hand -= asked.method == "POST"


def picture(seed: object, format: str = "PNG", size: str | None = None) -> bytes:
    """The picture that a seed gives: always the same."""
    width, height = map(int, (size or "512x512").split("x"))
    colour = f"#{hash(str(seed)) & 0xFFFFFF:06x}"
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, format)
    return out.getvalue()


def answer(body: object, status: str = "200 OK") -> bytes:
    return http(status, json.dumps(body).encode(), JSON)


def detail(told: object, status: str) -> bytes:
    """FastAPI's error."""
    return answer({"detail": told}, status)


def inline(data: bytes) -> bytes:
    """The picture in the answer."""
    one = {"b64_json": base64.b64encode(data).decode(), "url": None}
    return answer({"created": 1760335349, "data": [one]})


def models(server: OwnServer) -> bytes:
    listed = [{"id": name, "object": "model"} for name in server.models]
    return answer({"object": "list", "data": listed})


def _common(server: OwnServer, asked: Asked) -> bytes | None:
    """What they have in common: the list of models, 404 for other paths."""
    if asked.method == "GET" and asked.path == "/v1/models":
        return models(server)
    if asked.method == "GET":
        return detail("Not Found", "404 Not Found")
    if asked.body["model"] not in server.models:
        names = f"Available: {list(server.models)}"
        return detail(f"Model not found in the model list. {names}", "404 Not Found")
    return None


def xinference(server: OwnServer, asked: Asked) -> bytes:
    """Its default link is a path on the worker's disk."""
    if common := _common(server, asked):
        return common
    if asked.body.get("response_format") == "b64_json":
        return inline(picture(len(server.posts), "JPEG", asked.body.get("size")))
    one = {"url": DISK_PATH, "b64_json": None}
    return answer({"created": 1760335349, "data": [one]})


def sglang(server: OwnServer, asked: Asked) -> bytes:
    """Its default link is relative and behind the key; without a seed it always takes the same."""
    if asked.method == "GET" and asked.path in server.pictures:
        if not asked.with_key:
            return answer({"error": "Unauthorized"}, "401 Unauthorized")
        return http("200 OK", server.pictures[asked.path], "Content-Type: image/png")
    if common := _common(server, asked):
        return common
    data = picture(asked.body.get("seed", FIXED_SEED))
    if asked.body.get("response_format") == "b64_json":
        return inline(data)
    path = f"/v1/images/{len(server.posts)}/content"
    server.pictures[path] = data
    return answer({"created": 1760335349, "data": [{"url": path}]})


def vllm_omni(server: OwnServer, asked: Asked) -> bytes:
    """Answers in base64, refuses `url`, wants a small x."""
    if common := _common(server, asked):
        return common
    if asked.body.get("response_format", "b64_json") != "b64_json":
        told = [{"loc": ["body", "response_format"], "msg": "only b64_json", "type": "value_error"}]
        return detail(told, "422 Unprocessable Entity")
    return inline(picture(len(server.posts), size=asked.body.get("size")))


def hf_serve(server: OwnServer, asked: Asked) -> bytes:
    """Wants to be told base64 and one; reads the height of a size first."""
    if common := _common(server, asked):
        return common
    if asked.body.get("response_format") != "b64_json" or asked.body.get("n") != 1:
        return detail("only response_format b64_json and n 1", "400 Bad Request")
    height_first = "x".join(reversed(asked.body.get("size", "512x512").split("x")))
    return inline(picture(len(server.posts), size=height_first))


def local_ai(server: OwnServer, asked: Asked) -> bytes:
    """A plain http link to itself."""
    if asked.path in server.pictures:
        return http("200 OK", server.pictures[asked.path], "Content-Type: image/png")
    if common := _common(server, asked):
        return common
    path = f"/generated-images/{len(server.posts)}.png"
    server.pictures[path] = picture(len(server.posts))
    return answer({"created": 1760335349, "data": [{"url": server.origin + path}]})


def litellm(server: OwnServer, asked: Asked) -> bytes:
    """A gateway with keys of its own, also for the list of models."""
    if not asked.with_key:
        error = {"message": "Authentication Error", "type": "auth_error", "param": "None"}
        return answer({"error": {**error, "code": "401"}}, "401 Unauthorized")
    return _common(server, asked) or inline(picture(len(server.posts)))
