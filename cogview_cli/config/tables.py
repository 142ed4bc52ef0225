"""The settings that are tables: more fields of the request body, and more headers.

As text, in a variable or a flag, a table is one `KEY=VALUE` or a JSON object. A value is JSON
where it parses, else text.
"""

from __future__ import annotations

import json
import re
from typing import Any

from cogview_cli.config.secret import Secret
from cogview_cli.config.value_types import ValueType
from cogview_cli.i18n import _

# They have a place of their own, and say what is asked for and paid.
_RESERVED_FIELDS = ("model", "prompt")
_SECRET_FIELDS = ("apikey", "token", "accesstoken", "authorization", "password", "secret")
# They are the transport's own; a second one would break the request in two.
_RESERVED_HEADERS = (
    "host", "accept", "content-length", "content-type", "content-encoding", "transfer-encoding",
    "connection", "accept-encoding", "expect", "upgrade", "te", "trailer",
)  # fmt: skip
_HEADER_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}"  # RFC 9110 §5.6.2
_HEADER_VALUE = r"[\x21-\x7e]([\x20-\x7e]{0,8000}[\x21-\x7e])?"


class NotATable(ValueError):
    """Text that is no table; in the config file a table is written another way."""

    def __init__(self) -> None:
        super().__init__(_("takes KEY=VALUE, or a JSON object"))


def _pairs(text: str) -> dict[str, Any]:
    """The entries of a table. ValueError for what is none."""
    stripped = text.strip()
    if stripped.startswith(("{", "[")):
        return _entries(_json(stripped))
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise NotATable
    try:
        return {name.strip(): _json(value)}
    except ValueError:
        return {name.strip(): value}


def _entries(found: Any) -> dict[str, Any]:
    """A JSON object, or a list of `KEY=VALUE` as several flags give it."""
    if isinstance(found, dict):
        return found
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise NotATable
    return {name: value for item in found for name, value in _pairs(item).items()}


def _json(text: str) -> Any:
    """The value that JSON text stands for; ValueError for what is no JSON or has no UTF-8."""
    try:
        value = json.loads(text)
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise NotATable from None
    return value


def _extra(text: str) -> dict[str, Any]:
    fields = _pairs(text)
    for name, value in fields.items():
        _check_text(f"{name}{value}")
        if name in _RESERVED_FIELDS:
            raise ValueError(_("takes no '{name}', which has a place of its own", name=name))
        if re.sub(r"[_-]", "", name.lower()) in _SECRET_FIELDS:  # the ledger keeps the body
            raise ValueError(_("takes no '{name}': put secrets into headers", name=name))
        if name == "n" and value != 1:
            raise ValueError(_("takes no n but 1: a request is one picture; use --count"))
    return fields


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(_("takes text in UTF-8")) from None


def _headers(text: str) -> dict[str, Secret]:
    return {_header_name(name): _header_value(value) for name, value in _pairs(text).items()}


def _header_name(name: str) -> str:
    if not re.fullmatch(_HEADER_NAME, name):
        raise ValueError(_("takes names of headers, such as x-team"))
    if name.lower() in _RESERVED_HEADERS:
        raise ValueError(_("takes no '{name}', which the program sets itself", name=name))
    return name.lower()


def _header_value(value: Any) -> Secret:
    if isinstance(value, bool | dict | list | None):
        raise ValueError(_("takes text as the value of a header"))
    text = str(value).strip()
    if not re.fullmatch(_HEADER_VALUE, text):  # it is not repeated: it may be a secret
        raise ValueError(_("takes values of headers in plain ASCII"))
    return Secret(text)


EXTRA = ValueType(_extra, (dict, list, str), _("a table, such as { seed = 7 }"))
HEADERS = ValueType(_headers, (dict, list, str), _('a table, such as { "x-team" = "art" }'))
