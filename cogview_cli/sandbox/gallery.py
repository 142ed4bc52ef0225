"""The pictures made so far and their signed addresses (cogview_cli/api/README.md#links)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from cogview_cli.sandbox.faults import Trigger
from cogview_cli.sandbox.picture import Sketch
from cogview_cli.sandbox.rules import GenerationRequest

KEPT = 60_000  # more than a full file of the queue
LIFETIME_S = 7 * 24 * 3600
_BEIJING_S = 8 * 3600
# What a link may say of its end instead of the truth, by the fault and the time.
LINK_TIMES: dict[str, Callable[[float], str]] = {
    "past-url": lambda now: f"Expires={now - 60:.0f}",
    "millis-url": lambda now: f"Expires={(now + LIFETIME_S) * 1000:.0f}",
    "amz-url": lambda now: f"X-Amz-Date={time.strftime('%Y%m%dT%H%M%SZ')}&X-Amz-Expires=604800",
    "timeless-url": lambda now: "Policy=none",
}
_FORMATS = {"jpeg": "JPEG", "webp": "WEBP"}


@dataclass(slots=True)
class StoredPicture:
    """One picture: how to draw it, its exact query, and how its downloads fail.

    `mark` makes it its own file; `""` takes the path. `key` is whose it is.
    """

    sketch: Sketch
    query: str
    expires: int
    expired: bool = False
    faults: tuple[Trigger, ...] = ()
    mark: str = ""
    key: str = ""
    gets: int = field(default=0)


class PictureStore:
    """Keeps the newest pictures by path. A picture is drawn when it is fetched."""

    def __init__(self, rng: random.Random) -> None:
        self.origin = ""
        self._rng = rng
        self._hung: OrderedDict[str, StoredPicture] = OrderedDict()

    def add(
        self,
        order: GenerationRequest,
        faults: tuple[Trigger, ...] = (),
        *,
        expired: bool = False,
        expires: str = "",
        text_fault: str = "",
        made: float | None = None,
    ) -> str:
        """Hang a picture and return its url; `expires` is what it says instead of the truth.

        Its link lives from when it was made: now, or at `made` (seconds since the epoch).
        """
        now = int(time.time() if made is None else made)
        stamp = time.strftime("%Y%m%d%H%M%S", time.gmtime(now + _BEIJING_S))
        path = f"/{stamp}{self._rng.getrandbits(64):016x}_watermark.png"
        end = now + LIFETIME_S
        query = self._sign(path, expires or f"Expires={end}")
        self._hung[path] = StoredPicture(
            sketch_of(order, faults, text_fault), query, end, expired, faults, order.mark, order.key
        )
        if len(self._hung) > KEPT:
            self._hung.popitem(last=False)
        return f"{self.origin}{path}?{query}"

    def find(self, path: str) -> StoredPicture | None:
        return self._hung.get(path)

    def _sign(self, path: str, expires: str) -> str:
        """A query whose signature always holds %2B and %3D, as base64 in a URL may."""
        key = self._rng.getrandbits(64).to_bytes(8, "big")
        mac = hmac.new(key, f"{path}{expires}".encode(), hashlib.sha1).digest()
        signature = quote("+" + base64.b64encode(mac).decode()[1:], safe="")
        return f"UCloudPublicKey=TOKEN_sandbox&Signature={signature}&{expires}"


def sketch_of(
    order: GenerationRequest, faults: tuple[Trigger, ...] = (), text_fault: str = ""
) -> Sketch:
    """What an order's picture looks like."""
    size = order.size
    plain = Sketch(order.prompt, size.width, size.height, order.watermark, text_fault=text_fault)
    formats = [_FORMATS[fault.name] for fault in faults if fault.name in _FORMATS]
    return replace(plain, format=formats[0]) if formats else plain
