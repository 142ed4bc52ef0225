"""What every API of the sandbox shares: faults are chosen, time passes, pictures are hung."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass

from cogview_cli.sandbox.answers import BODIES, FREE, INLINE, WIRES, HttpReply, Plain, encode, moved
from cogview_cli.sandbox.books import Stats
from cogview_cli.sandbox.faults import Chosen, FaultPlan
from cogview_cli.sandbox.gallery import PictureStore, sketch_of
from cogview_cli.sandbox.maker import pick, picture_url
from cogview_cli.sandbox.picture import render
from cogview_cli.sandbox.rules import GenerationRequest
from cogview_cli.sandbox.stamp import stamped
from cogview_cli.sandbox.wire import Peer

Range = tuple[float, float]
Made = Plain | dict[str, object]


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take, in seconds. `slots` limits requests at once per key and model."""

    standard: Range
    hd: Range
    drip: float
    slots: int


@dataclass(frozen=True, slots=True)
class Studio:
    """Makes and delivers. Nothing here knows how a dialect words its answers."""

    gallery: PictureStore
    books: Stats
    plan: FaultPlan
    rng: random.Random
    pace: Pace

    def note(self, fields: dict[str, object]) -> int:
        """Book an arrived body; how often its prompt has come so far."""
        self.books.bodies.append(fields)
        prompt = str(fields.get("prompt", ""))
        self.books.posts[prompt] += 1
        return self.books.posts[prompt]

    def pick(self, prompt: str, nth: int) -> Chosen:
        """The faults of the nth request of a prompt; see `maker.pick`."""
        return pick(self.plan, prompt, nth)

    def free(self, chosen: Chosen, path: str) -> Plain | None:
        """The answer of a fault that makes nothing."""
        if chosen.answer == "redirect":
            return moved(f"{self.gallery.origin}{path}")
        return FREE.get(chosen.answer)

    def length(self, order: GenerationRequest) -> float:
        """How long this one takes, in seconds."""
        return self.rng.uniform(*(self.pace.hd if order.quality == "hd" else self.pace.standard))

    async def data(self, order: GenerationRequest, chosen: Chosen) -> list[dict[str, str]]:
        """The pictures of an answer, in it or by their urls."""
        count = 2 if chosen.answer == "two-images" else 1
        return [await self._one(order, chosen) for _ in range(count)]

    async def _one(self, order: GenerationRequest, chosen: Chosen) -> dict[str, str]:
        url = picture_url(self.gallery, order, chosen)
        packed = chosen.answer if chosen.answer in INLINE else "b64" if order.inline else ""
        if not packed:
            return {"url": url}
        sketch = sketch_of(order, chosen.downloads, chosen.text)
        image = await asyncio.to_thread(render, sketch)
        mark = order.mark or f"{self.rng.getrandbits(64):016x}"
        return INLINE[packed](url, stamped(image, mark))

    async def deliver(self, peer: Peer, chosen: Chosen, made: Made) -> None:
        """Send what was made, with the faults of its body and of the wire."""
        if isinstance(made, Plain):
            await peer.reply(made.status, made.body, made.kind, made.headers)
            return
        body = BODIES.get(chosen.answer, encode)(made)
        if chosen.answer in WIRES:
            await WIRES[chosen.answer](HttpReply(peer, body, self.pace.drip))
        else:
            await peer.reply(200, body, more={"X-Log-Id": f"{self.rng.getrandbits(64):016x}"})

    def told(self) -> bytes:
        """The page of the books."""
        return json.dumps(self.books.as_dict()).encode()
