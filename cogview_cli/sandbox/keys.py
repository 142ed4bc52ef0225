"""Whose key a request bears: a raw key, or a token made from one.

The token: HS256, `api_key`, `exp` and `timestamp` in milliseconds, as
docs.bigmodel.cn/cn/guide/develop/http/introduction has it (2026-07-11). The vendor's SDK for
Node.js sends it without `Bearer`.
"""

from __future__ import annotations

import base64
import json
import re
import time

from cogview_cli.sandbox.rules import Refusal

_TOKEN = re.compile(r"eyJ[\w-]*\.[\w-]+\.[\w-]+")


def check_key(headers: dict[str, str]) -> str:
    """The account of an Authorization header; keys that begin with `invalid` are refused."""
    header = headers.get("authorization")
    if header is None:
        raise Refusal("1001")
    scheme, _, key = header.partition(" ")
    if _TOKEN.fullmatch(header):
        scheme, key = "bearer", header
    if scheme.lower() != "bearer" or not key.strip() or key.startswith("invalid"):
        raise Refusal("1000")
    return _of_token(key) if _TOKEN.fullmatch(key) else _account(key)


def _account(key: str) -> str:
    """The id of `id.secret`."""
    return key.partition(".")[0]


def _of_token(token: str) -> str:
    """The account of a token. Its signature is not checked: no secret is known here."""
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        key, ends = str(claims["api_key"]), float(claims["exp"])
    except (ValueError, KeyError, TypeError):
        raise Refusal("1002") from None
    if ends < time.time() * 1000:
        raise Refusal("1003")
    if key.startswith("invalid"):
        raise Refusal("1000")
    return key
