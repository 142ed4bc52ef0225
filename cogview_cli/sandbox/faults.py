"""Faults on request: a prompt that holds `sandbox:NAME` or `sandbox:NAMExK` meets one.

`xK` limits a fault to the first K requests of exactly that prompt, or to the
first K downloads of its picture. Faults of the quoted text count requests: with
`text-wrongx2` it is right on the third picture. Several triggers in a prompt follow each other.
Every code of the vendor is a name as well: `sandbox:1301`, `sandbox:1302x2`.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cogview_cli.api.error_codes import CODES
from cogview_cli.sandbox.deferred_faults import QUEUE_FAULTS, TASK_FAULTS

FREE_FAULTS = {
    "html-500": "500 with an HTML page, nothing made",
    "html-502": "502 with an HTML page, nothing made",
    "html-404": "404 with an HTML page, as from a server that is not the API",
    "503": "503 without an error code, with Retry-After: 1",
    "504": "504 with an HTML page",
    "408": "408 in the API's own envelope",
    "retry-after-2": "1303 with Retry-After: 2",
    "retry-after-day": "1303 with Retry-After: 86400",
    "retry-after-junk": "1303 with Retry-After: soon",
    "retry-after-digits": "1303 with a Retry-After of 20 digits",
    "retry-after-past": "1303 with a Retry-After date in the past",
    "loading": "503 with FastAPI's detail and Retry-After: 1: the model is being loaded",
    "redirect": "307 to another origin",
    "error-in-200": "200 with error 1302 inside, nothing made",
    "code-number": "1302 as a number instead of a string",
    "hostile": "an error text with escape sequences, bidi controls and markup",
}
GATEWAY_FAULTS = {
    "openai-policy": "400 moderation_blocked, as OpenAI refuses a prompt",
    "azure-policy": "400 content_filter, as Azure refuses a prompt",
    "litellm-policy": "400 with ContentPolicyViolationError in the message",
    "openai-quota": "429 insufficient_quota",
    "openai-cap": "400 billing_limit_user_error: the hard limit is reached",
    "402": "402 Payment Required",
    "litellm-budget": "422 budget_exceeded",
    "litellm-1113": "429 whose message quotes the API's 1113",
    "openai-rate": "429 rate_limit_exceeded",
    "openai-model": "404 model_not_found",
    "404-model": "404 with FastAPI's detail that names the models there are",
    "404-path": "404 with FastAPI's detail, as from a wrong base URL",
    "422-detail": "422 with FastAPI's list of what is wrong",
}
LOSS_FAULTS = {
    "litellm-500": "charged, then a gateway's 500",
    "litellm-408": "charged, then a gateway's 408",
    "gateway-409": "charged, then a gateway's 409",
    "gateway-425": "charged, then 425 without a body",
    "bare-408": "charged, then 408 without a body",
    "500-in-400": "charged, then a gateway's 400 with the code 500",
    "error-without-code": "charged, then 500 with a message but no code",
}
BODY_FAULTS = {
    "empty-200": "200 with no body",
    "html-200": "200 with an HTML page",
    "bom-200": "200 with a byte order mark before the JSON",
    "cut-json": "200 whose JSON ends in the middle, with a matching length",
    "deep-json": "200 with the answer and 100,000 nested lists",
    "big-number": "200 with a number of 5,000 digits",
    "nan-json": "200 with NaN in the JSON",
    "surrogate-json": "200 with half a surrogate pair",
    "twice-json": "200 that names `data` twice",
    "url-number": "200 whose url is a number",
    "url-null": "200 whose url is null",
    "empty-data": "200 with an empty data list",
    "no-data": "200 without data",
    "filtered": "200 with an empty data list and content_filter level 0",
    "camel-filter": "200 with contentFilter instead of content_filter",
    "no-filter": "200 without content_filter",
    "created-text": "200 with created as a string",
    "two-images": "200 with two images",
    "b64": "200 with b64_json instead of a url",
    "error-beside": "200 with the picture and the error 1302 beside it",
    "null-data": "200 whose data is null",
    "docs-link": "200 without a picture, with a filter and links to help pages",
    "nested-data": "200 with data inside data",
    "output-results": "200 with the picture under output.results",
    "utf16-200": "200 as UTF-16",
    "junk-behind": "200 with text behind the JSON",
    "two-objects": "200 with two JSON objects, the picture in the second",
    "event-stream": "200 as server-sent events",
    "multipart": "200 as multipart/mixed",
    "b64-lines": "200 with b64_json in lines, URL-safe and without padding",
    "b64-and-url": "200 with b64_json beside a url that cannot be fetched",
    "url-and-junk": "200 with a url beside a b64_json that is no base64",
    "data-picture": "200 whose url is a data: url that holds the picture",
}
URL_FAULTS = {
    "expired-url": "the url has expired by the image host's clock; 403 on download",
    "past-url": "the url's Expires is a minute past, but it works",
    "millis-url": "the url's Expires is in milliseconds",
    "amz-url": "the url says X-Amz-Date and X-Amz-Expires",
    "timeless-url": "the url does not say when it ends",
    "private-url": "the url points to 169.254.169.254",
    "http-url": "the url is plain http to a host on the network",
    "file-url": "the url is file:///etc/passwd",
    "data-url": "the url is a data: url of eight bytes",
    "host-url": "the url's host has an empty label",
    "label-url": "the url's host has a label of 64 letters",
    "punycode-url": "the url's host is no valid punycode",
    "number-url": "the url's host is a number",
    "zone-url": "the url's host is an IPv6 address with a zone",
    "port-url": "the url names port 99999",
    "zero-port-url": "the url names port 0",
    "spaced-url": "blanks and line feeds around the url",
    "userinfo-url": "the url holds a user and a password",
    "control-url": "the url holds a line feed and an escape sequence",
    "relative-url": "the url is relative: a path of the API's own origin, behind the key",
    "disk-path": "the url is a path on the server's disk",
    "long-url": "the url has 10,000 characters",
}
WIRE_FAULTS = {
    "lost-answer": "charged, then the connection closes without an answer",
    "reset": "charged, then the connection is reset",
    "silent": "charged, never answered",
    "cut-answer": "the answer is cut after the url",
    "cut-early": "the answer is cut before the url",
    "slow-answer": "the answer comes byte by byte",
    "slow-headers": "header lines that never end",
    "early-hints": "103 Early Hints before the answer",
    "big-answer": "an answer that never ends",
    "huge-header": "a header line of 200 KB",
    "odd-header": "a header line with a blank before the colon",
    "two-lengths": "two lengths that differ",
    "no-reason": "HTTP/1.0 and a status line without reason",
    "broken-chunks": "a chunked answer whose first chunk has no size",
    "no-head": "an answer without a head",
    "html-502-charged": "502 with an HTML page although the image was made and charged",
}
DOWNLOAD_FAULTS = {
    "cut-download": "half the image, with the length of all of it",
    "short-download": "half the image, no length",
    "trim-download": "the image without its last 12 bytes",
    "stall-download": "half the image, then nothing",
    "slow-download": "512 bytes at a time",
    "html-download": "200 with an HTML page",
    "empty-download": "200 with no body",
    "403-download": "403 with an XML error",
    "404-download": "404 with an XML error",
    "500-download": "500 with an XML error",
    "503-download": "503 with Retry-After: 1",
    "503-day-download": "503 with Retry-After: 86400",
    "oversize-download": "an image that never ends",
    "huge-length": "Content-Length of 10 TB",
    "bomb-download": "a PNG that claims 50000x50000 pixels",
    "bomb-warning": "a PNG that claims 12000x12000 pixels",
    "flip-download": "one flipped bit inside the image",
    "gzip-download": "Content-Encoding: gzip that unpacks to 128 MiB",
    "packed-download": "the image as gzip",
    "packed-unsaid": "the image as gzip, and no header says so",
    "packed-cut": "the image as gzip without its last 12 bytes",
    "br-download": "Content-Encoding: br around bytes of no known format",
    "binary-download": "bytes of no known format",
    "206-download": "206 with all of the image",
    "206-part": "206 with half of the image",
    "text-download": "a PNG with a text and a profile of 2 MiB each",
    "noend-download": "a JPEG without its end mark",
    "gif-download": "a GIF under a .png name",
    "bmp-download": "a BMP under a .png name",
    "tiff-download": "a TIFF under a .png name",
    "avif-download": "an AVIF under a .png name",
    "wrong-type": "the image as Content-Type: image/gif",
    "jpeg": "a JPEG under a .png name",
    "webp": "a WebP under a .png name",
    "disposition": "Content-Disposition: ../../x",
    "redirect-download": "302 to another origin, which works",
    "redirect-loop": "302 to itself",
    "redirect-private": "302 to 169.254.169.254",
    "redirect-file": "302 to file:///etc/passwd",
    "redirect-junk": "302 to no valid address",
    "redirect-port": "302 to port 99999",
    "redirect-empty": "302 without an address",
    "lost-download": "closes without an answer",
}
TEXT_FAULTS = {
    "text-wrong": "the quoted text with one character wrong",
    "text-missing": "a picture without the quoted text",
    "text-tiny": "the quoted text in tiny letters",
    "text-vertical": "the quoted text in columns",
}
FAULTS: dict[str, str] = {
    **FREE_FAULTS,
    **GATEWAY_FAULTS,
    **LOSS_FAULTS,
    **BODY_FAULTS,
    **URL_FAULTS,
    **WIRE_FAULTS,
    **DOWNLOAD_FAULTS,
    **TEXT_FAULTS,
    **QUEUE_FAULTS,
    **TASK_FAULTS,
}

_TRIGGER = re.compile(r"sandbox:([a-z0-9-]+?)(?:x([0-9]{1,6}))?(?![a-z0-9-])")


@dataclass(frozen=True, slots=True)
class Trigger:
    """One fault by name; `times` is None for always."""

    name: str
    times: int | None = None

    @property
    def known(self) -> bool:
        return self.name in FAULTS or self.name in CODES

    @property
    def of_download(self) -> bool:
        return self.name in DOWNLOAD_FAULTS

    @property
    def of_text(self) -> bool:
        return self.name in TEXT_FAULTS

    @property
    def of_queue(self) -> bool:
        return self.name in QUEUE_FAULTS

    @property
    def of_task(self) -> bool:
        return self.name in TASK_FAULTS

    @property
    def of_answer(self) -> bool:
        return not (self.of_download or self.of_text or self.of_queue or self.of_task)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The faults of one request.

    `answer`, `text` (on the picture) and `queue` are names, `""` for none; `downloads` are the
    picture's, `looks` those of a task's answers.
    """

    answer: str = ""
    downloads: tuple[Trigger, ...] = ()
    text: str = ""
    queue: str = ""
    looks: tuple[Trigger, ...] = ()


def triggers(prompt: str) -> tuple[Trigger, ...]:
    """Every trigger in a prompt, in order. Names are not checked."""
    found = _TRIGGER.finditer(prompt)
    return tuple(Trigger(m[1], int(m[2]) if m[2] else None) for m in found)


def due(faults: Iterable[Trigger], nth: int) -> str:
    """The fault that the nth request meets, counting from 1; `""` if none is left."""
    for fault in faults:
        if fault.times is None or nth <= fault.times:
            return fault.name
        nth -= fault.times
    return ""


def choose(faults: Sequence[Trigger], nth: int) -> Chosen:
    """Split triggers by what they are about."""
    return Chosen(
        answer=due((fault for fault in faults if fault.of_answer), nth),
        downloads=tuple(fault for fault in faults if fault.of_download),
        text=due((fault for fault in faults if fault.of_text), nth),
        queue=due((fault for fault in faults if fault.of_queue), nth),
        looks=tuple(fault for fault in faults if fault.of_task),
    )


def unknown(faults: Iterable[Trigger]) -> list[str]:
    """The names that are no fault."""
    return [fault.name for fault in faults if not fault.known]


def _scripted(step: str) -> Chosen:
    return Chosen() if step == "ok" else choose(triggers(f"sandbox:{step}"), 1)


class FaultPlan:
    """Decides which fault a request meets: scripts first, then its prompt."""

    def __init__(self) -> None:
        self._scripts: list[tuple[str, deque[str]]] = []

    def script(self, match: str | None, names: Iterable[str]) -> None:
        """Give successive requests whose prompt holds `match` these faults in turn.

        `ok` stands for no fault. `None` matches every prompt.
        """
        steps = deque(names)
        wrong = unknown(t for step in steps if step != "ok" for t in triggers(f"sandbox:{step}"))
        if wrong:
            raise ValueError(f"no such fault: {', '.join(wrong)}")
        self._scripts.append((match or "", steps))

    def take(self, prompt: str, nth: int) -> Chosen:
        """The faults for the nth request of `prompt`."""
        for match, steps in self._scripts:
            if steps and match in prompt:
                return _scripted(steps.popleft())
        return choose(triggers(prompt), nth)
