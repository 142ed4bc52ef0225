"""The dialect of servers of open weights, which take OpenAI's call and answer as FastAPI does.

What they have in common, read in the sources of Xinference, SGLang and vLLM-Omni on 2026-11-25:
one picture is made at a time, links are relative and behind the key, and without a seed they
take the same one each time. Nothing costs anything.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from cogview_cli.api.models import MODELS, Size
from cogview_cli.sandbox.answers import Plain, encode
from cogview_cli.sandbox.contents import name_of, serve_content
from cogview_cli.sandbox.dialects import BASES, OPENAI
from cogview_cli.sandbox.faults import Chosen
from cogview_cli.sandbox.gateway import detail, openai
from cogview_cli.sandbox.maker import model_list
from cogview_cli.sandbox.rules import GenerationRequest, Refusal
from cogview_cli.sandbox.studio import Made, Studio
from cogview_cli.sandbox.wire import Peer, Request

BASE = BASES[OPENAI]
GENERATIONS = f"{BASE}/images/generations"
SERVED = ["cogview4", "glm-image"]
FIXED_SEED = 1024
_SIZE = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")
_SIDES, _STEP, _MOST = range(256, 2049), 32, 10


class Answered(Exception):
    """The request ends with this answer instead of a picture."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status)
        self.plain = Plain(status, body)


class OpenRequest(NamedTuple):
    """A request that passed every check: some pictures from `seed` on."""

    order: GenerationRequest
    pictures: int
    seed: int

    def orders(self) -> list[GenerationRequest]:
        """One for each picture; the same seed draws the same."""
        marks = [f"seed {self.seed + nth}" for nth in range(self.pictures)]
        return [replace(self.order, mark=mark) for mark in marks]


class OpenAiApi:
    """Answers the API's origin. A key is not needed, but a wrong one is refused."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._one_at_a_time = asyncio.Lock()

    async def handle(self, peer: Peer, request: Request) -> None:
        """Answer one request."""
        try:
            await self._answer(peer, request)
        except Answered as answered:
            await peer.reply(answered.plain.status, answered.plain.body)
        except Refusal as refusal:
            await peer.reply(refusal.status, _quoted(refusal))

    async def _answer(self, peer: Peer, request: Request) -> None:
        route = request.method, request.path
        if route == ("GET", "/sandbox/books"):
            await peer.reply(200, self._studio.told())
            return
        key = _check_key(request.headers)
        if route == ("POST", GENERATIONS):
            await self._generate(peer, _object(request.body), key)
        elif route == ("GET", f"{BASE}/models"):
            await peer.reply(200, encode(model_list(SERVED)))
        elif name := name_of(request):
            await self._show(peer, name, key)
        else:
            raise Answered(404, detail("Not Found"))

    async def _show(self, peer: Peer, name: str, key: str) -> None:
        """A picture that was asked for with a key is only shown with one."""
        hung = self._studio.gallery.find(f"/{name}")
        if hung is not None and hung.key != key:
            raise Answered(401, json.dumps({"error": "Unauthorized"}).encode())
        await serve_content(self._studio, peer, name)

    async def _generate(self, peer: Peer, fields: dict[str, object], key: str) -> None:
        nth = self._studio.note(fields)
        asked = read_request(fields, key)
        chosen = self._studio.pick(asked.order.prompt, nth)
        with self._studio.books.working():
            async with self._one_at_a_time:
                made = await self._make(asked, chosen)
        await self._studio.deliver(peer, chosen, made)

    async def _make(self, asked: OpenRequest, chosen: Chosen) -> Made:
        if (plain := self._studio.free(chosen, GENERATIONS)) is not None:
            return plain
        await asyncio.sleep(self._studio.length(asked.order))
        data = [one for order in asked.orders() for one in await self._studio.data(order, chosen)]
        self._studio.books.charge(asked.order.prompt, Decimal(0))
        return {"created": int(time.time()), "data": data}


def _check_key(headers: dict[str, str]) -> str:
    """The key, or nothing; those that begin with `invalid` are refused."""
    key = headers.get("authorization", "").removeprefix("Bearer ")
    if key.startswith("invalid"):
        told = openai("Incorrect API key provided", "invalid_request_error", "invalid_api_key")
        raise Answered(401, told)
    return key


def _quoted(refusal: Refusal) -> bytes:
    """A code of the vendor's as a gateway hands it on: its own code is the status."""
    inner = {"error": {"code": refusal.code, "message": refusal.text(english=True)}}
    return openai(f"OpenAIException - {inner}", None, str(refusal.status))


def _object(body: bytes) -> dict[str, object]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise _unprocessable("", "JSON decode error", "json_invalid") from None
    if not isinstance(fields, dict):
        raise _unprocessable("", "Input should be a valid dictionary", "dict_type")
    return fields


def _unprocessable(field: str, message: str, kind: str) -> Answered:
    """FastAPI's list of what is wrong."""
    place = ["body", field] if field else ["body"]
    return Answered(422, detail([{"loc": place, "msg": message, "type": kind}]))


def read_request(fields: dict[str, object], key: str) -> OpenRequest:
    """Check everything and fill in the defaults. Unknown fields are ignored."""
    model, prompt = fields.get("model"), fields.get("prompt")
    if not isinstance(prompt, str):
        raise _unprocessable("prompt", "Field required", "missing")
    if model not in SERVED:
        names = f"Available: {SERVED}"
        raise Answered(404, detail(f"Model not found in the model list. {names}"))
    order = GenerationRequest(
        key=key,
        rules=MODELS["cogview-4"],
        prompt=prompt,
        size=_size(fields.get("size", "1024x1024")),
        quality="standard",
        watermark=False,
        inline=_inline(fields.get("response_format", "url")),
        relative=True,
    )
    pictures = _integer(fields, "n", 1, range(1, _MOST + 1))
    return OpenRequest(order, pictures, _integer(fields, "seed", FIXED_SEED, range(2**63)))


def _size(value: object) -> Size:
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise _unprocessable("size", "String should match pattern '^\\d+x\\d+$'", "pattern")
    size = Size(int(match[1]), int(match[2]))
    if any(side % _STEP or side not in _SIDES for side in size):
        raise Answered(500, detail(f"height and width have to be divisible by {_STEP}: {size}"))
    return size


def _inline(value: object) -> bool:
    if value not in ("url", "b64_json"):
        raise _unprocessable("response_format", "Input should be 'url' or 'b64_json'", "enum")
    return value == "b64_json"


def _integer(fields: dict[str, object], name: str, default: int, allowed: range) -> int:
    value = fields.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or value not in allowed:
        raise _unprocessable(name, f"Input should be {allowed[0]} to {allowed[-1]}", "int_parsing")
    return value
