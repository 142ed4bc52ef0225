"""The wire format: encodes the request, decodes the answer. No I/O.

The vendor's OpenAPI calls these `CreateImageRequest`, `ImageGenerationResponse` and
`Error`; what else is tolerated, and why: cogview_cli/api/README.md#answers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from cogview_cli.api.error_codes import CODES, ErrorClass
from cogview_cli.api.models import wire_name
from cogview_cli.i18n.stored_messages import Message

ENDPOINT = "/images/generations"
_URL_IN_BYTES = re.compile(rb'"(https?:(?:\\?/){2}[^"\s<>\x00-\x1f]{4,8000})"')


class ImageRequest(NamedTuple):
    """One image to make. None: not sent, so the vendor's default applies."""

    model: str
    prompt: str
    size: str | None = None
    quality: str | None = None
    user_id: str | None = None
    watermark: bool | None = None

    def body(self) -> dict[str, Any]:
        """The JSON body, with only the fields that were asked for."""
        fields = {
            "model": wire_name(self.model),
            "prompt": self.prompt,
            "size": self.size,
            "quality": self.quality,
            "user_id": self.user_id,
            "watermark_enabled": self.watermark,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def encode(self) -> bytes:
        """The body as UTF-8 JSON."""
        return json.dumps(self.body(), ensure_ascii=False).encode("utf-8")

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> ImageRequest:
        """The request that `body()` describes."""
        known = ("model", "prompt", "size", "quality", "user_id")
        fields = {name: body.get(name) for name in known}
        return cls(**fields, watermark=body.get("watermark_enabled"))  # type: ignore[arg-type]


class Answer(NamedTuple):
    """An answer not yet decoded. Header names are lower case; `whole`: `raw` is complete."""

    status: int
    headers: dict[str, str]
    raw: bytes
    whole: bool = True


class ImageRef(NamedTuple):
    """Where one image is: a temporary URL, or base64 in the answer itself."""

    url: str | None = None
    b64: str | None = None


class Reply(NamedTuple):
    """An answer with at least one image."""

    images: tuple[ImageRef, ...]
    created: int | None = None
    content_filter: tuple[dict[str, Any], ...] = ()
    request_id: str | None = None


class ApiError(NamedTuple):
    """An answer without an image: its class, and the vendor's code and message."""

    kind: ErrorClass
    code: str
    message: Message
    status: int
    content_filter: tuple[dict[str, Any], ...] = ()
    retry_after: float | None = None


def decode(answer: Answer) -> Reply | ApiError:
    """The decoded answer; never raises, whatever the bytes are."""
    parsed = _parse(answer.raw)
    if isinstance(parsed, dict):
        error, images = _envelope(parsed, answer), _images(parsed)
        # An image in hand settles what an envelope alone would leave unknown.
        if images and (
            error is None or (error.kind is ErrorClass.UNKNOWN and answer.status // 100 == 2)
        ):
            return _reply(parsed, images, answer)
        if error is not None:
            return error
    if answer.status // 100 == 2:
        return _salvage(answer) or _no_image(parsed, answer)
    return _bare_status(parsed, answer)


def _parse(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None


def _text(value: object) -> str:
    """`value` as text that UTF-8 can hold: lone surrogates in JSON escapes are replaced."""
    return str(value).encode("utf-8", "replace").decode("utf-8")


def _envelope(parsed: dict[str, Any], answer: Answer) -> ApiError | None:
    error = parsed.get("error")
    if isinstance(error, dict):
        code, message = error.get("code"), error.get("message")
    elif error and isinstance(error, str):
        code, message = None, error
    elif parsed.get("success") is False or (parsed.get("code") and "msg" in parsed):
        code, message = parsed.get("code"), parsed.get("msg")
    else:
        return None
    text = _text(code) if code not in (None, "") else ""
    said = Message.said(_text(message or ""))
    return _error(_enveloped_kind(text, answer), text, said, parsed, answer)


def _enveloped_kind(code: str, answer: Answer) -> ErrorClass:
    if code in CODES:
        return CODES[code].kind
    status = answer.status
    by_status = {
        401: ErrorClass.ACCOUNT,
        403: ErrorClass.ACCOUNT,
        429: ErrorClass.THROTTLE,
        408: ErrorClass.TRANSIENT,
    }
    if status in by_status:
        return by_status[status]
    if status == 503 and "retry-after" in answer.headers:
        return ErrorClass.TRANSIENT
    if status == 500 and not code:
        return ErrorClass.TRANSIENT
    return ErrorClass.BAD_REQUEST if 400 <= status < 500 else ErrorClass.UNKNOWN


def _error(kind: ErrorClass, code: str, message: Message, parsed: Any, answer: Answer) -> ApiError:
    return ApiError(
        kind=kind,
        code=code,
        message=message,
        status=answer.status,
        content_filter=_filters(parsed),
        retry_after=retry_after(answer.headers),
    )


def _filters(parsed: Any) -> tuple[dict[str, Any], ...]:
    """`content_filter` of a success, `contentFilter` of an error."""
    if not isinstance(parsed, dict):
        return ()
    found = parsed.get("content_filter") or parsed.get("contentFilter") or []
    entries = found if isinstance(found, list) else [found]
    return tuple(
        {"role": _text(entry.get("role")), "level": entry.get("level")}
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("level"), int | str | None)
    )


def _images(parsed: dict[str, Any]) -> tuple[ImageRef, ...]:
    found = parsed.get("data") or parsed.get("image_result") or []
    entries = found if isinstance(found, list) else [found]
    refs = [_image(entry) for entry in entries if isinstance(entry, dict)]
    return tuple(ref for ref in refs if ref)


def _image(entry: dict[str, Any]) -> ImageRef | None:
    url = entry.get("url") or entry.get("image_url")
    if url and isinstance(url, str):
        return ImageRef(url=_text(url))
    data = entry.get("b64_json") or entry.get("b64_image")
    return ImageRef(b64=data) if data and isinstance(data, str) else None


def _reply(parsed: dict[str, Any], images: tuple[ImageRef, ...], answer: Answer) -> Reply:
    named = parsed.get("request_id") or parsed.get("id")
    in_header = answer.headers.get("x-request-id") or answer.headers.get("x-log-id")
    return Reply(
        images=images,
        created=_created(parsed.get("created")),
        content_filter=_filters(parsed),
        request_id=_text(named) if named else in_header,
    )


def _created(value: object) -> int | None:
    """Unix seconds from an int or, as in the old documents, a string."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return int(text) if re.fullmatch(r"[0-9]{1,11}", text) else None


def _salvage(answer: Answer) -> Reply | None:
    """The image URL from a truncated or non-JSON answer, if there is exactly one."""
    urls = {match[1] for match in _URL_IN_BYTES.finditer(answer.raw)}
    if len(urls) != 1 or answer.raw.lstrip()[:1] == b"<":
        return None
    try:
        url = json.loads(b'"' + urls.pop() + b'"')
    except ValueError:
        return None
    return Reply(images=(ImageRef(url=_text(url)),), request_id=answer.headers.get("x-request-id"))


def _no_image(parsed: Any, answer: Answer) -> ApiError:
    filters = _filters(parsed)
    # Unreadable data may have been paid for, unless it was blocked outright.
    blocked = any(str(entry["level"]) == "0" for entry in filters)
    if filters and (blocked or not parsed.get("data")):
        return ApiError(
            kind=ErrorClass.REFUSED,
            code="",
            message=Message.of("only-filter"),
            status=answer.status,
            content_filter=filters,
        )
    what = Message.of("no-image") if answer.whole else Message.of("answer-cut")
    return _error(ErrorClass.UNKNOWN, "", what, None, answer)


_BARE_KINDS = {401: ErrorClass.ACCOUNT, 408: ErrorClass.TRANSIENT, 429: ErrorClass.THROTTLE}


def _bare_status(parsed: Any, answer: Answer) -> ApiError:
    """An HTTP error without the vendor's envelope, often from a gateway in between."""
    status, kind = answer.status, _BARE_KINDS.get(answer.status, ErrorClass.NOT_THE_API)
    if status >= 500:
        waitable = status == 503 and "retry-after" in answer.headers
        kind = ErrorClass.TRANSIENT if waitable else ErrorClass.UNKNOWN
    elif isinstance(parsed, dict) and status in (400, 413, 422):
        kind = ErrorClass.BAD_REQUEST
    return _error(kind, "", _bare_words(answer), parsed, answer)


def _bare_words(answer: Answer) -> Message:
    if 300 <= answer.status < 400:
        return Message.of("redirect-with-key", status=answer.status)
    shown = answer.raw[:200].decode("utf-8", "replace").strip()
    return Message.said(f"HTTP {answer.status}: {shown}" if shown else f"HTTP {answer.status}")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait according to the `Retry-After` header: 1 to 6 ASCII digits, or an HTTP date.

    A date counts from the answer's own `Date`, not from this machine's clock.
    Anything else is ignored.
    """
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,6}", value):
        return float(value)
    if not re.fullmatch(r"[A-Z][a-z]{2}, [ -~]{20,30}", value):
        return None
    then, now = _http_date(value), _http_date(headers.get("date", "")) or datetime.now(UTC)
    return max(0.0, (then - now).total_seconds()) if then else None


def _http_date(value: str) -> datetime | None:
    from email.utils import parsedate_to_datetime  # slow to load, rarely needed

    try:
        parsed = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # a year of 25 digits overflows
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
