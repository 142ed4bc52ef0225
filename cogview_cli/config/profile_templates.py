"""The tables that `config init` writes: what each server needs, with comments that say why.

What they take and answer was read in their sources, and run where the manual says so
(2026-11-25).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from cogview_cli.config import value_types
from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.net.addresses import is_loopback

Line = tuple[str, str]


class Server(NamedTuple):
    """Where a server listens by default, what it serves, and its settings as TOML with a reason."""

    base_url: str
    model: str
    lines: tuple[Line, ...]


_INLINE = ('response-format = "b64_json"', _("the picture inside the answer"))
_NO_KEY = ('auth = "none"', _("or a key: cogview config set api-key --profile NAME"))
_FREE = ("price = 0", _("your own machine"))
_OPEN_SIZES = ('size-rules = "cogview4"', _("open weights: sides in steps of 32"))
_ONE = ("jobs = 1", _("it makes one picture at a time"))

SERVERS: dict[str, Server] = {
    "xinference": Server(
        "http://127.0.0.1:9997/v1",
        "cogview4",
        (
            ('response-format = "b64_json"', _("its links are paths on the server's disk")),
            _NO_KEY,
            _FREE,
            _OPEN_SIZES,
            ("jobs = 1", _("one for each copy of the model")),
            (
                """# extra = { kwargs = '{"num_inference_steps": 30}' }""",
                _("a JSON object as text"),
            ),
        ),
    ),
    "sglang": Server(
        "http://127.0.0.1:30000/v1",
        "zai-org/GLM-Image",
        (
            _INLINE,
            ('extra = { seed = "random" }', _("its own seed is always the same: equal pictures")),
            _NO_KEY,
            _FREE,
            ('size-rules = "glm-image"', _("open weights: sides in steps of 32")),
            _ONE,
            ("# content-auth = true", _("for links behind its key, without response-format")),
        ),
    ),
    "vllm-omni": Server(
        "http://127.0.0.1:8000/v1",
        "zai-org/GLM-Image",
        (
            ('response-format = "b64_json"', _("it refuses url")),
            _NO_KEY,
            _FREE,
            ('size-rules = "glm-image"', _("open weights: sides in steps of 32")),
            _ONE,
        ),
    ),
    "litellm": Server(
        "http://127.0.0.1:4000/v1",
        "cogview-4-250304",
        (
            ('# auth = "none"', _("without a master key; else: cogview config set api-key")),
            ("# price = 0.06", _("what a picture costs behind it; max-cost counts with that")),
            ('# currency = "CNY"', _("the currency of that price")),
            ("jobs = 2", _("as many as the account behind it takes")),
            ('# headers = { "x-team" = "art" }', _("more headers, for this server only")),
            ("# timeout = 600", _("longer than the gateway's own: it repeats by itself")),
        ),
    ),
    "hf-serve": Server(
        "http://127.0.0.1:8080/v1",
        "zai-org/CogView4-6B",
        (
            ('response-format = "b64_json"', _("it answers nothing else")),
            ("extra = { n = 1 }", _("it wants to be told")),
            _NO_KEY,
            _FREE,
            _OPEN_SIZES,
            ('size-order = "height-width"', _("it reads a size the other way round")),
            _ONE,
        ),
    ),
}


def table(name: str, server: str, base_url: str | None, model: str | None) -> str:
    """The table `[profiles.NAME]` as text. UsageError for a server or a URL that is none."""
    known = SERVERS.get(server.strip().lower())
    if known is None:
        raise UsageError(
            _("nothing is known of a server '{name}'", name=server),
            hint=_("use one of: {names}", names=", ".join(SERVERS)),
        )
    url = _checked("--base-url", value_types.URL, base_url or known.base_url)
    served = _checked("--model", value_types.TEXT, model or known.model)
    wide = [(f"base-url = {json.dumps(url)}", ""), *_plain_http(url)]
    wide += [(f"model = {json.dumps(served, ensure_ascii=False)}", _("the name it serves it by"))]
    return (
        "\n".join([f"[profiles.{name}]  # {server.strip().lower()}", *_aligned(wide, known)]) + "\n"
    )


def _checked(flag: str, kind: value_types.ValueType, text: str) -> str:
    try:
        return str(kind.parse(text))
    except ValueError as error:
        raise UsageError(f"{flag} {error}", hint=_("see: cogview config init --help")) from None


def _plain_http(url: str) -> Iterator[Line]:
    parts = urlsplit(url)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        yield "allow-http = true", _("key and prompts go there unencrypted")


def _aligned(own: list[Line], server: Server) -> Iterator[str]:
    for setting, why in (*own, *server.lines):
        yield f"{setting:<34}  # {why}" if why else setting
