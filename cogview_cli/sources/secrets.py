"""Columns named like secrets: a template may use them, no file keeps them. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any

_WORDS = frozenset({
    "apikey", "accesskey", "secretkey", "privatekey", "authkey", "password", "passwords", "passwd",
    "passphrase", "passcode", "pwd", "secret", "secrets", "credential", "credentials", "auth",
    "authorization", "bearer", "jwt", "cookie", "cookies", "accesstoken", "authtoken",
    "refreshtoken", "apitoken", "apisecret", "clientsecret", "setcookie", "sessionid",
})  # fmt: skip
# `key` alone names anything; behind one of these it opens something. A token is one only at
# the end: `max_tokens` and `token_count` are numbers.
_BEFORE_KEY = frozenset({
    "api", "access", "account", "app", "auth", "encryption", "master", "private", "secret",
    "service", "signing", "ssh", "subscription",
})  # fmt: skip
_CHINESE = re.compile("密码|密钥|秘钥|私钥|口令|令牌|凭证|凭据|密鑰|密碼|金鑰|憑證")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@lru_cache(4096)
def is_secret_name(name: str) -> bool:
    """Whether a column called `name` holds a secret, however its words are joined."""
    plain = unicodedata.normalize("NFKC", name)
    words = [word.rstrip("0123456789") for word in _words(plain)]
    words = [word for word in words if word]
    pairs = pairwise(words)
    return bool(
        _CHINESE.search(plain)
        or _WORDS.intersection(words)
        or "".join(words) in _WORDS
        or words[-1:] == ["token"]
        or any(first in _BEFORE_KEY and second == "key" for first, second in pairs)
    )


def _words(name: str) -> list[str]:
    """`myAPIKey`, `my_api-key` and `MY API KEY` as their words."""
    return re.findall(r"[^\W_]+", _HUMP.sub("_", name).lower())


def without_secrets(value: Any) -> Any:
    """`value` without what objects in it keep under a secret's name."""
    if isinstance(value, dict):
        return {
            name: without_secrets(inner)
            for name, inner in value.items()
            if not is_secret_name(str(name))
        }
    return [without_secrets(inner) for inner in value] if isinstance(value, list) else value


def secret_names(value: Any) -> Iterator[str]:
    """The names that `without_secrets` leaves out."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if is_secret_name(str(name)):
                yield str(name)
            else:
                yield from secret_names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from secret_names(inner)


def is_deep(value: Any, limit: int) -> bool:
    """Whether objects and arrays in `value` are nested more than `limit` deep."""
    layer = [value]
    for _level in range(limit + 1):
        layer = [
            inner for each in layer for inner in _inside(each) if isinstance(inner, dict | list)
        ]
        if not layer:
            return False
    return True


def _inside(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value
