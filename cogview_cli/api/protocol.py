"""What comes back: the meaning of an answer. No I/O.

The vendor's OpenAPI calls these `ImageGenerationResponse` and `Error`; what else is
tolerated, and why: cogview_cli/api/README.md#answers.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from cogview_cli.api.dialects import VENDOR, ErrorBody, Server, judge, read_error
from cogview_cli.api.error_codes import ErrorClass
from cogview_cli.api.image_refs import (
    ImageRef,
    images_in,
    names_no_images,
    parse,
    picture_itself,
    salvage,
    unicode_text,
)
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.net.readable import readable


class Answer(NamedTuple):
    """An answer not yet decoded. Header names are lower case; `whole`: `raw` is complete."""

    status: int
    headers: dict[str, str]
    raw: bytes
    whole: bool = True


class Reply(NamedTuple):
    """An answer with at least one image."""

    images: tuple[ImageRef, ...]
    created: int | None = None
    content_filter: tuple[dict[str, Any], ...] = ()
    request_id: str | None = None


class ApiError(NamedTuple):
    """An answer without an image: its class, and the server's code and message."""

    kind: ErrorClass
    code: str
    message: Message
    status: int
    content_filter: tuple[dict[str, Any], ...] = ()
    retry_after: float | None = None
    request_id: str | None = None


def decode(answer: Answer, server: Server = VENDOR) -> Reply | ApiError:
    """The decoded answer; never raises, whatever the bytes are.

    `server` tells whose words an error's are; whether there are images does not hang on it.
    """
    bodies = parse(answer.raw)
    error = next(filter(None, (read_error(body, answer.status) for body in bodies)), None)
    parsed, images = _with_images(bodies, documented=error is not None)
    if images and (_accepted(answer) or error is None):
        return _reply(parsed, images, answer)
    refused = _refusal(bodies, error, answer, server)
    if images and refused.kind in _UNDECIDED:
        return _reply(parsed, images, answer)
    if _accepted(answer) and error is None and not refused.content_filter:
        return _salvaged(bodies, answer) or refused
    return refused


# An image in hand settles what an error alone would leave open, or would send again.
_UNDECIDED = (
    ErrorClass.UNKNOWN,
    ErrorClass.TRANSIENT,
    ErrorClass.THROTTLE,
    ErrorClass.OVERLOAD,
    ErrorClass.LATER,
)


def _accepted(answer: Answer) -> bool:
    """Whether the request was accepted as far as the status tells; 0 tells nothing."""
    return answer.status // 100 == 2 or not answer.status


def _with_images(bodies: list[Any], *, documented: bool) -> tuple[Any, tuple[ImageRef, ...]]:
    """The first body that holds images, and these."""
    for body in bodies:
        if images := images_in(body, documented=documented):
            return body, images
    return (bodies[0] if bodies else None), ()


def _refusal(
    bodies: list[Any], error: ErrorBody | None, answer: Answer, server: Server
) -> ApiError:
    """An answer as an error, whatever else it may be."""
    parsed = bodies[0] if bodies else None
    if error is None and _accepted(answer):
        return _no_image(parsed, answer)
    if error is None and isinstance(parsed, dict) and answer.status in (400, 413, 422):
        error = ErrorBody("", "")
    verdict = judge(error, answer.status, answer.headers, server)
    known = error is not None and bool(error.message or verdict.code)
    message = Message.said(error.message) if error and known else _bare_words(answer)
    return _error(verdict.kind, verdict.code, message, parsed, answer)


def _error(kind: ErrorClass, code: str, message: Message, parsed: Any, answer: Answer) -> ApiError:
    return ApiError(
        kind=kind,
        code=code,
        message=message,
        status=answer.status,
        content_filter=_filters(parsed),
        retry_after=retry_after(answer.headers),
        request_id=_request_id(parsed, answer),
    )


def _request_id(parsed: Any, answer: Answer) -> str | None:
    """What the server calls the request: said in the body, else in a header."""
    fields = parsed if isinstance(parsed, dict) else {}
    named = fields.get("request_id") or fields.get("id")
    in_header = answer.headers.get("x-request-id") or answer.headers.get("x-log-id")
    return unicode_text(named) if named else in_header or None


def _filters(parsed: Any) -> tuple[dict[str, Any], ...]:
    """`content_filter` of a success, `contentFilter` of an error."""
    if not isinstance(parsed, dict):
        return ()
    found = parsed.get("content_filter") or parsed.get("contentFilter") or []
    entries = found if isinstance(found, list) else [found]
    return tuple(
        {"role": unicode_text(entry.get("role")), "level": entry.get("level")}
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("level"), int | str | None)
    )


def _reply(parsed: Any, images: tuple[ImageRef, ...], answer: Answer) -> Reply:
    fields = parsed if isinstance(parsed, dict) else {}
    return Reply(
        images=images,
        created=_created(fields.get("created")),
        content_filter=_filters(parsed),
        request_id=_request_id(parsed, answer),
    )


def _created(value: object) -> int | None:
    """Unix seconds from a number, without its fraction, or, as in the old documents, a string."""
    if isinstance(value, float) and 0 <= value < 1e11:
        return int(value)
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return int(text) if re.fullmatch(r"[0-9]{1,11}", text) else None


def _salvaged(bodies: list[Any], answer: Answer) -> Reply | None:
    """The one image of an answer that was cut short or has a shape of its own."""
    if any(names_no_images(body) for body in bodies):
        return None
    itself = picture_itself(answer.raw) if answer.whole else None
    url = salvage(answer.raw, parsed=bool(bodies)) if itself is None else None
    ref = itself or (ImageRef(url=url) if url else None)
    return _reply(None, (ref,), answer) if ref else None


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


def _bare_words(answer: Answer) -> Message:
    if 300 <= answer.status < 400:
        return Message.of("redirect-with-key", status=answer.status)
    shown = readable(answer.raw)[:200]
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
