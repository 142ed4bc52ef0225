"""Who said it: the vendor's own words told apart from those of gateways and other servers.

The vendor's own envelope is `{"error": {"code", "message"}}`, without `type` or `param`. A
"500" in it says that nothing was made. From a gateway the same number means that the gateway
gave up on a server that may have made the picture, so it is never repeated by itself.

Sources of the words, as read on 2026-11-25:
OpenAI   platform.openai.com/docs/guides/error-codes, and the 429 codes as
         learn.microsoft.com lists them under "OpenAI insufficient quota"
Azure    learn.microsoft.com/azure/ai-services/openai/concepts/content-filter
LiteLLM  docs.litellm.ai/docs/proxy/error_reference (2026-10-06): `code` is the HTTP status as
         text, the provider's words are in `message`; docs.litellm.ai/docs/exception_mapping
new-api  github.com/QuantumNous/new-api, types/error.go
FastAPI  fastapi.tiangolo.com/tutorial/handling-errors: `{"detail": text or list}`
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from cogview_cli.api.error_codes import CODES, ErrorClass
from cogview_cli.api.image_refs import unicode_text
from cogview_cli.net.addresses import is_loopback

SANDBOX_SERVER = "cogview-sandbox"
VENDOR_DOMAINS = ("bigmodel.cn", "z.ai")

WORDS: dict[str, ErrorClass] = {
    # OpenAI
    "content_policy_violation": ErrorClass.REFUSED,
    "moderation_blocked": ErrorClass.REFUSED,
    "image_generation_user_error": ErrorClass.REFUSED,
    "insufficient_quota": ErrorClass.ACCOUNT,
    "credit_balance_exhausted": ErrorClass.ACCOUNT,
    "billing_not_active": ErrorClass.ACCOUNT,
    "account_deactivated": ErrorClass.ACCOUNT,
    "invalid_api_key": ErrorClass.ACCOUNT,
    "invalid_organization": ErrorClass.ACCOUNT,
    "billing_hard_limit_reached": ErrorClass.QUOTA,
    "billing_limit_user_error": ErrorClass.QUOTA,
    "organization_spend_limit_exceeded": ErrorClass.QUOTA,
    "project_spend_limit_exceeded": ErrorClass.QUOTA,
    "organization_usage_limit_exceeded": ErrorClass.QUOTA,
    "rate_limit_exceeded": ErrorClass.THROTTLE,
    "model_not_found": ErrorClass.BAD_REQUEST,
    # Azure
    "content_filter": ErrorClass.REFUSED,
    "contentfilter": ErrorClass.REFUSED,
    "responsibleaipolicyviolation": ErrorClass.REFUSED,
    "deploymentnotfound": ErrorClass.BAD_REQUEST,
    # LiteLLM
    "contentpolicyviolationerror": ErrorClass.REFUSED,
    "budget_exceeded": ErrorClass.QUOTA,
    "budgetexceedederror": ErrorClass.QUOTA,
    "throttling_error": ErrorClass.THROTTLE,
    "no_db_connection": ErrorClass.ACCOUNT,  # so a wrong key is called where there are no others
    "token_not_found_in_db": ErrorClass.ACCOUNT,
    # new-api
    "sensitive_words_detected": ErrorClass.REFUSED,
    "prompt_blocked": ErrorClass.REFUSED,
    "violation_fee.grok.csam": ErrorClass.REFUSED,
    "insufficient_user_quota": ErrorClass.ACCOUNT,
    "entitlement_required": ErrorClass.ACCOUNT,
    "entitlement_inactive": ErrorClass.ACCOUNT,
    "pre_consume_token_quota_failed": ErrorClass.QUOTA,
    "entitlement_daily_limit_exceeded": ErrorClass.QUOTA,
    "entitlement_total_limit_exceeded": ErrorClass.QUOTA,
    "token_concurrency_limit_reached": ErrorClass.THROTTLE,
}
# Sentences that gateways hand on without the code they came with.
SENTENCES = {
    "余额不足": "1113",
    "无可用资源包": "1113",
    "insufficient balance or no resource package": "1113",
    "账户已达到速率限制": "1302",
    "当前访问量过大": "1305",
    "不安全或敏感内容": "1301",
    "unsafe or sensitive content": "1301",
    "our safety system": "content_policy_violation",
    "content management policy": "content_filter",
}
# Sent, and not answered for by the server that would have made the picture.
_UNSURE = {408, 409, 425}
_UNSURE_CODES = {"408", "409", "425", "500", "502", "503", "504"}
# A repeat costs nothing only if these were said of our own request, not of a gateway's last try.
_BUSY = {ErrorClass.THROTTLE, ErrorClass.OVERLOAD}
_REPEATED = {*_BUSY, ErrorClass.TRANSIENT}
_CODE_IN_MESSAGE = (
    r"""(?:\bcode\\?['"]?\s*[:=：]\s*\\?['"]?|\[)([0-9]{4})(?![0-9])|^\s*([0-9]{4})\s*[:：,]"""
)
_MODEL = r"(?i)\bmodels?\b|模型"


class Server(NamedTuple):
    """Where an answer comes from. `free`: its profile says that a picture costs nothing."""

    vendor: bool = True
    loopback: bool = False
    free: bool = False


VENDOR = Server()


def server_of(base_url: str, *, free: bool = False) -> Server:
    """What a base URL tells about the server behind it."""
    try:
        host = (urlsplit(base_url).hostname or "").rstrip(".")
    except ValueError:
        host = ""
    vendor = any(host == name or host.endswith("." + name) for name in VENDOR_DOMAINS)
    return Server(vendor=vendor, loopback=is_loopback(host), free=free)


def is_sandbox(headers: Mapping[str, str], server: Server) -> bool:
    """Whether our own sandbox answered; only one on this machine is believed."""
    return server.loopback and headers.get("server", "").startswith(SANDBOX_SERVER)


class ErrorBody(NamedTuple):
    """An error as a JSON body tells it.

    `enveloped`: in the vendor's own envelope; `flat`: as its other services send it.
    """

    code: str
    message: str
    words: tuple[str, ...] = ()
    enveloped: bool = False
    flat: bool = False


def read_error(parsed: Any, status: int) -> ErrorBody | None:
    """The error in a parsed body, in any dialect; None if it tells of none."""
    if not isinstance(parsed, dict):
        return None
    error = parsed.get("error")
    if isinstance(error, dict) and error:
        return _of_object(error)
    if error and isinstance(error, str):
        return ErrorBody(_text(parsed.get("code")), _text(error))
    if parsed.get("success") is False or (parsed.get("code") and "msg" in parsed):
        return ErrorBody(_text(parsed.get("code")), _text(parsed.get("msg")), flat=True)
    if parsed.get("detail"):
        return _of_detail(parsed["detail"], status)
    if status >= 400 and isinstance(parsed.get("message"), str):
        return _of_object(parsed)._replace(enveloped=False)
    return None


def _of_object(error: dict[str, Any]) -> ErrorBody:
    """OpenAI's object, of which the vendor's is a part; Azure puts a second one inside."""
    inner = error.get("innererror") or error.get("inner_error")
    codes = (error.get("code"), inner.get("code") if isinstance(inner, dict) else None)
    message, param = _text(error.get("message")), error.get("param")
    if isinstance(param, str) and param and param not in message:
        message = f"{message} ({_text(param)})"
    return ErrorBody(
        code=_text(error.get("code")),
        message=message,
        words=tuple(_text(word).lower() for word in (*codes, error.get("type")) if word),
        enveloped=bool(error.get("code")) and "type" not in error and "param" not in error,
    )


def _of_detail(detail: Any, status: int) -> ErrorBody:
    """FastAPI's `detail`: a text, the list of a validation, or an object put there by hand."""
    if isinstance(detail, dict):
        found = read_error(detail, status) or _of_object(detail)
        return found._replace(enveloped=False, flat=False)
    entries = detail if isinstance(detail, list) else [detail]
    told = "; ".join(_validation(entry) for entry in entries[:5])
    return ErrorBody("", f"HTTP {status}: {told}")


def _validation(entry: Any) -> str:
    """One field that FastAPI did not like, such as `body.size: Field required`."""
    if not isinstance(entry, dict):
        return _text(entry)
    place = entry.get("loc")
    where = ".".join(map(_text, place)) if isinstance(place, list) else ""
    return ": ".join(part for part in (where, _text(entry.get("msg"))) if part)


def _text(value: object) -> str:
    """`value` as text, nothing for nothing."""
    return "" if value is None else unicode_text(value)


class Verdict(NamedTuple):
    """How an error is to be taken, under the code that decided."""

    kind: ErrorClass
    code: str


def judge(
    error: ErrorBody | None, status: int, headers: Mapping[str, str], server: Server
) -> Verdict:
    """How an answer without an image is to be taken; `error` is what its body tells."""
    own = server.vendor or is_sandbox(headers, server)
    # What a message quotes is more than a general "slow down" around it.
    verdict = (
        _by_code(error, status, own)
        or _by_words(error, repeated=False)
        or (_by_message(error, status) if _settled(error, status) else None)
        or (_by_words(error, repeated=True) if _settled(error, status) else None)
    )
    if verdict:
        return verdict
    found = _by_status(error, status, "retry-after" in headers, own)
    if found.kind is ErrorClass.UNKNOWN and server.free and not 200 <= status < 300:
        return found._replace(kind=ErrorClass.TRANSIENT)
    return found


def _by_code(error: ErrorBody | None, status: int, own: bool) -> Verdict | None:
    """What a code of the vendor's decides, by who hands it on and how."""
    if error is None or error.code not in CODES:
        return None
    kind, four_digits = CODES[error.code].kind, len(error.code) == 4
    if own and (error.enveloped or (error.flat and four_digits)):
        return Verdict(kind, error.code)
    if error.enveloped and kind in _BUSY and status != 429:
        # Repeated for a 429 only; but a request that may come again is not wrong either.
        later = four_digits and _settled(error, status)
        return Verdict(ErrorClass.LATER, error.code) if later else None
    believed = error.enveloped or (_settled(error, status) and _quotable(kind, status))
    return Verdict(kind, error.code) if four_digits and believed else None


def _quotable(kind: ErrorClass, status: int) -> bool:
    """Whether a gateway's word for this is enough: to repeat a request, only a 429 is."""
    return kind is not ErrorClass.TRANSIENT and (kind not in _REPEATED or status == 429)


def _settled(error: ErrorBody | None, status: int) -> bool:
    """Whether the server itself refused: elsewhere the picture may have been made."""
    unsure = status in _UNSURE or (error is not None and error.code in _UNSURE_CODES)
    return 400 <= status < 500 and not unsure


def _by_words(error: ErrorBody | None, *, repeated: bool) -> Verdict | None:
    for word in error.words if error else ():
        if (kind := WORDS.get(word)) and (kind in _REPEATED) is repeated:
            return Verdict(kind, word)
    return None


def _by_message(error: ErrorBody | None, status: int) -> Verdict | None:
    """The vendor's code or another word that a gateway quotes in its message."""
    for code in _quoted(error.message) if error else ():
        kind = CODES[code].kind if code in CODES else WORDS[code]
        if _quotable(kind, status):
            return Verdict(kind, code)
    return None


def _quoted(message: str) -> list[str]:
    """The codes and words that stand in a message, the vendor's codes first."""
    low = message.lower()
    found = [
        code for pair in re.findall(_CODE_IN_MESSAGE, message) for code in pair if code in CODES
    ]
    found += [code for text, code in SENTENCES.items() if text in low]
    return found + _words_pattern().findall(low)


@cache
def _words_pattern() -> re.Pattern[str]:
    return re.compile(r"(?<!\w)(" + "|".join(map(re.escape, WORDS)) + r")(?!\w)")


def _by_status(error: ErrorBody | None, status: int, waitable: bool, own: bool) -> Verdict:
    code = error.code if error else ""
    enveloped = own and error is not None and error.enveloped
    if status == 503 and waitable and code not in _UNSURE_CODES - {"503"}:
        return Verdict(ErrorClass.TRANSIENT, code)
    if status == 408 and enveloped:
        return Verdict(ErrorClass.TRANSIENT, code)
    if status in _UNSURE or not 300 <= status < 500 or code in _UNSURE_CODES:
        return Verdict(ErrorClass.UNKNOWN, code)
    if status in (404, 405) and not enveloped:
        return _not_found(error, code)
    return Verdict(_of_request(error, status), code)


def _not_found(error: ErrorBody | None, code: str) -> Verdict:
    """A 404 that names models is about the request, any other about the URL."""
    if error and re.search(_MODEL, error.message):
        return Verdict(ErrorClass.BAD_REQUEST, "model_not_found")
    return Verdict(ErrorClass.NOT_THE_API, code)


def _of_request(error: ErrorBody | None, status: int) -> ErrorClass:
    """The class of a 3xx or 4xx that says by its number alone what it is."""
    if status == 429:
        return ErrorClass.THROTTLE
    if status in (401, 402) or (status == 403 and error):
        return ErrorClass.ACCOUNT
    return ErrorClass.BAD_REQUEST if error and status >= 400 else ErrorClass.NOT_THE_API


def kind_of(code: str) -> ErrorClass | None:
    """The class of a vendor's code or a gateway's word; None if it is neither."""
    return CODES[code].kind if code in CODES else WORDS.get(code)
