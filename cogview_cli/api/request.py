"""What is sent: the request's body, with only what was asked for. Pure.

The vendor's OpenAPI calls it `CreateImageRequest` (cogview_cli/api/README.md#requests).
"""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

ENDPOINT = "/images/generations"
# The fields of a body that have a place of their own in ImageRequest.
FIELDS = (
    "model", "prompt", "size", "quality", "user_id", "watermark_enabled", "response_format",
)  # fmt: skip
# `seed = "random"` in `extra`: a number of its own for each picture.
SEED, RANDOM, SEEDS = "seed", "random", 2**31
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class ImageRequest(NamedTuple):
    """One image to make. None: not sent, so the vendor's default applies.

    `extra`: more fields of the body, which other servers take.
    """

    model: str
    prompt: str
    size: str | None = None
    quality: str | None = None
    user_id: str | None = None
    watermark: bool | None = None
    response_format: str | None = None
    extra: Mapping[str, Any] = _NOTHING

    def body(self) -> dict[str, Any]:
        """The JSON body, with only the fields that were asked for."""
        values = (
            self.model, self.prompt, self.size, self.quality, self.user_id, self.watermark,
            self.response_format,
        )  # fmt: skip
        pairs = zip(FIELDS, values, strict=True)
        fields = {name: value for name, value in pairs if value is not None}
        return {**fields, **{name: self.extra[name] for name in self.extra if name not in fields}}

    def encode(self, *, height_first: bool = False) -> bytes:
        """The body as UTF-8 JSON; `height_first`: its size as HEIGHTxWIDTH."""
        asked = self._replace(size=self.size and turned(self.size)) if height_first else self
        return json.dumps(asked.body(), ensure_ascii=False).encode("utf-8")

    def with_seed(self, draw: Callable[[int], int]) -> "ImageRequest":
        """The request with a number below SEEDS in the place of `seed = "random"`."""
        if self.extra.get(SEED) != RANDOM:
            return self
        return self._replace(extra={**self.extra, SEED: draw(SEEDS)})

    @classmethod
    def from_body(
        cls, body: Mapping[str, Any], extra: Mapping[str, Any] = _NOTHING
    ) -> "ImageRequest":
        """The request that `body()` describes; for all of it, `extra` is `extra_fields(body)`."""
        return cls._make([*(body.get(name) for name in FIELDS), extra])


def turned(size: str) -> str:
    """WIDTHxHEIGHT as HEIGHTxWIDTH; what is no such size stays."""
    width, x, height = size.partition("x")
    return f"{height}x{width}" if x and width.isdecimal() and height.isdecimal() else size


def extra_fields(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a body that the vendor does not document."""
    return {name: value for name, value in body.items() if name not in FIELDS}
