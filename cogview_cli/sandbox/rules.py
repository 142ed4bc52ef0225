"""Checks a request as the vendor does (cogview_cli/api/README.md#models)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from cogview_cli.api.error_codes import CODES
from cogview_cli.api.models import USER_ID_LENGTH, ModelRules, Size, rules_for, size_fault
from cogview_cli.sandbox.messages import message

_SIZE = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")
_QUALITIES = ("hd", "standard")


class Refusal(Exception):
    """The request gets an error instead of an image. Texts and status replace the code's own."""

    def __init__(
        self, code: str, chinese: str = "", english: str = "", *, status: int | None = None
    ) -> None:
        super().__init__(code)
        self.code = code
        self.status = CODES[code].status if status is None else status
        self._texts = chinese, english

    def text(self, *, english: bool) -> str:
        return self._texts[english] or message(self.code, english=english)


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """A request that passed every check.

    `inline`: the picture goes into the answer; `relative`: its url is relative. `mark` makes a
    picture its own file; `""` leaves that to chance.
    """

    key: str
    rules: ModelRules
    prompt: str
    size: Size
    quality: str
    watermark: bool
    inline: bool = False
    relative: bool = False
    mark: str = ""


def parse_body(body: bytes) -> dict[str, object]:
    """The JSON object of a request."""
    try:
        value = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Refusal("1210") from None
    if not isinstance(value, dict):
        raise Refusal("1210")
    return value


def read_order(key: str, fields: dict[str, object]) -> GenerationRequest:
    """Check everything and fill in the defaults; `key` is whose it is.

    Unknown fields are ignored.
    """
    model, prompt = _required(fields, "model"), _required(fields, "prompt")
    rules = _rules(model)
    if rules.prompt_limit and len(prompt) > rules.prompt_limit:
        raise Refusal("1261")
    _check_user(fields.get("user_id"))
    return GenerationRequest(
        key=key,
        rules=rules,
        prompt=prompt,
        size=_size(rules, fields.get("size")),
        quality=_quality(rules, fields.get("quality")),
        watermark=_flag(fields.get("watermark_enabled")),
        inline=_inline(fields.get("response_format")),
    )


def _invalid(field: str) -> Refusal:
    return Refusal("1214", f"不支持当前{field}值", f"the value of {field} is not supported")


def _required(fields: dict[str, object], name: str) -> str:
    value = fields.get(name)
    if value is None or value == "":
        raise Refusal("1213", f"未收到{name}参数", f"{name} is missing")
    if not isinstance(value, str):
        raise _invalid(name)
    return value


def _rules(model: str) -> ModelRules:
    rules = rules_for(model)
    if rules is None:
        raise Refusal("1211")
    if rules.retired:
        raise Refusal("1221")
    return rules


def _size(rules: ModelRules, value: object) -> Size:
    if value is None:
        return rules.presets[0]
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    size = Size(int(match[1]), int(match[2])) if match else None
    if size is None or size_fault(rules, size):
        raise _invalid("size")
    return size


def _quality(rules: ModelRules, value: object) -> str:
    if value is None:
        return rules.default_quality
    if value not in _QUALITIES or (rules.qualities and value not in rules.qualities):
        raise _invalid("quality")
    return str(value)


def _inline(value: object) -> bool:
    if value not in (None, "url", "b64_json"):
        raise _invalid("response_format")
    return value == "b64_json"


def _check_user(value: object) -> None:
    if value is None:
        return
    if not isinstance(value, str) or len(value) not in USER_ID_LENGTH:
        raise _invalid("user_id")


def _flag(value: object) -> bool:
    if value is None:
        return True
    if not isinstance(value, bool):
        raise _invalid("watermark_enabled")
    return value
