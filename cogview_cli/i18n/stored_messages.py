"""Messages that the ledger keeps: a template's name and its values, worded when shown. Pure.

Stored as compact ASCII JSON, `["redirects",{"count":"5"}]`, so that neither the language of
the run nor a control character of a server gets into the file. Versions up to 0.3.0 stored
the English sentence; it is shown as it stands: it is whole, and such rows soon settle.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from cogview_cli.i18n import _

# Characters of one value. Room for a path; servers write no sentence as long.
VALUE_LIMIT = 2000
# A server's words, or others that are nobody's template.
SAID = "said"
TEMPLATES = {
    SAID: "{text}",
    "detailed": "{what}: {why}",
    "file-error": "{why}: '{path}'",
    "output-folder-error": "{why}: 'the output folder'",
    # Sending.
    "no-answer": "no answer within {seconds} s",
    "stopped-before-answer": "stopped before the answer",
    "stopped-before-sending": "stopped before it was sent",
    "connect-timeout": "no connection within 10 s",
    "connect-error": "cannot connect",
    "read-error": "the connection was cut before the whole answer",
    "closed-early": "the connection was closed before the whole answer",
    "write-error": "the connection was cut while sending",
    "proxy-login": "the proxy asks for a login (407)",
    "proxy-connect": "cannot connect to the proxy {proxy}: {why}",
    "proxy-settings": "proxy settings: {why}",
    "ca-certificates": "the CA certificates cannot be read: {why}",
    "tls": "TLS: {why}",
    "not-loaded": "a part of this program cannot be loaded: {why}",
    "bad-request": "the request cannot be made: {why}",
    # The answer.
    "no-image": "the answer holds no image",
    "only-filter": "the answer holds no image, only a content filter",
    "answer-cut": "the answer was cut short",
    "coded": "code {code}: {what}",
    # The vendor's queue.
    "no-queue-answer": "what came is no answer of the queue",
    "queue-missing": "the batch has ended, and its results do not tell of this request",
    "queue-expired": "the batch expired before this picture was made",
    "queue-cancelled": "the batch was cancelled before this picture was made",
    "queue-failed": "the vendor refused the whole file: {why}",
    "queue-no-reason": "no reason was given",
    "queue-gone": "the vendor knows nothing of its batch any more",
    "queue-file-gone": "the vendor does not have the results of its batch any more",
    "queue-cut": "the batch has ended, and a line of its results is cut: it may be this one",
    "queue-denied": "the batch has ended, and denies what its results or earlier looks have told",
    "queue-short": "the batch has ended, and counts more pictures than its results hold",
    "redirect-with-key": "a redirect (HTTP {status}), which is never followed with a key",
    # A request that the server takes at once and answers later.
    "task-running": "the server is still at it",
    "task-failed": "the server could not make it, and does not say why",
    "task-gone": "the server does not know the task {task} any more: {why}",
    "task-of-other-key": "the server knows no such task of this key: {why}",
    "no-way-to-ask": "no key or profile leads to {url}",
    # The ledger.
    "process-ended": "the process ended between sending the request and keeping the answer",
    "sandbox-ended": "the sandbox that made it has ended",
    "ledger-error": "the ledger '{path}': {why}",
    "ledger-locked": "the ledger '{path}' has been locked by another process for {seconds} s",
    "ledger-damaged": "the ledger '{path}' is damaged: {why}",
    "state-folder": "the state folder '{path}': {why}",
    # The image's URL and its host.
    "stopped-before-saving": "stopped before it was saved",
    "download-timeout": "the image did not arrive within {seconds} s",
    "redirects": "more than {count} redirects",
    "url-malformed": "the image's URL is malformed",
    "url-login": "the image's URL carries a login or no host",
    "url-scheme": "the image's URL is {scheme}:, not https:",
    "url-host": "the image's URL names a host that cannot exist",
    "url-port": "the image's URL names port {port}, which cannot exist",
    "url-private": "the image's URL leads to a private address",
    "server-path": "the link '{path}' is probably a path on the server's own disk: {why}",
    "content-key": "the server wants its key for the picture's link too: {why}",
    "on-disk": "it is not a web address",
    "host-not-found": "the image host cannot be found: {why}",
    "host-status": "the image host answered HTTP {status}",
    "host-part": "the image host sent only a part of the image",
    "redirect-malformed": "the image host redirects to something that is not a URL",
    "host-slow": "the image host is slower than 1 KB/s",
    "host-connect-timeout": "no connection to the image host within {seconds} s",
    "host-read-timeout": "the image host sent nothing for {seconds} s",
    "host-connect-error": "cannot connect to the image host",
    "host-closed-early": "the image host closed the connection early",
    "host-read-error": "the connection to the image host was cut",
    "fetch-error": "the image cannot be fetched: {why}",
    # The bytes of the image.
    "too-many-bytes": "the image is larger than 64 MiB",
    "not-base64": "the image in the answer is not base64",
    "packed-cut": "the packed data is cut short",
    "packed-damaged": "the packed data does not unpack",
    "packed-otherwise": "the image came packed as {coding}, which was not asked for",
    "bug": "an error in cogview itself: {why}",
    "no-picture": "what arrived is not a picture: {why}",
    "it-says": "{why}; it says: {text}",
    "bytes-kept": "{why}; the bytes are in '{path}'",
    "not-delivered": "stdout did not take the picture; it is in {paths}",
    "kept-unverified": "a picture that an earlier run received could not be verified: '{path}'",
    "unknown-format": "not a PNG, JPEG or WebP picture",
    "data-cut": "the {format} data is cut short",
    "undecodable": "the {format} data does not decode: {why}",
    "wrong-sum": "wrong sum in {chunk}",
    "picture-unknown": "it is no picture, or of a kind that cannot be read",
    "picture-cut": "the picture is cut short",
    "picture-damaged": "the picture is damaged",
    "picture-memory": "there is too little memory for it",
    "reader-error": "an error in the reader itself: {why}",
    "too-many-pixels": "{pixels} pixels, more than any model makes",
}


class Message(NamedTuple):
    """A template's name and the values of its holes; `str()` words it in the user's language."""

    name: str
    values: Mapping[str, str | Message]

    @classmethod
    def of(cls, name: str, /, **values: object) -> Message:
        """The message `name` of TEMPLATES; values other than messages are kept as text, cut."""
        return cls(name, {hole: _value(value) for hole, value in values.items()})

    @classmethod
    def said(cls, text: object) -> Message:
        """Words that are no template's: a server's, a library's. Shown as they are, cut."""
        return cls.of(SAID, text=text)

    @classmethod
    def of_error(cls, error: BaseException) -> Message:
        """The message an exception was raised with, or its words."""
        first = error.args[0] if error.args else None
        return first if isinstance(first, Message) else cls.said(error)

    @classmethod
    def from_stored(cls, text: str) -> Message:
        """What `stored()` made, or the plain text of an older ledger. Never raises."""
        try:
            found = _read(json.loads(text))
        except (ValueError, RecursionError):
            found = text
        return found if isinstance(found, Message) else cls.said(text)

    def stored(self) -> str:
        """The text for the ledger."""
        return json.dumps(self, separators=(",", ":"))

    def __str__(self) -> str:
        return _(TEMPLATES[self.name], **{hole: str(value) for hole, value in self.values.items()})


class StoredError(Exception):
    """An error whose message the ledger keeps."""

    def __init__(self, message: Message) -> None:
        super().__init__(message)
        self.message = message


def _value(value: object) -> str | Message:
    if isinstance(value, Message):
        return value
    text = str(value)
    return text if len(text) <= VALUE_LIMIT else text[: VALUE_LIMIT - 1] + "…"


def holes(template: str) -> set[str]:
    """The names of a template's holes."""
    from string import Formatter

    return {name for _text, name, *_rest in Formatter().parse(template) if name}


def _read(stored: Any) -> str | Message:
    """A value or a message as JSON gives it; ValueError for anything else."""
    match stored:
        case str():
            return stored
        case [str(name), dict(values)]:
            return _message(name, {hole: _read(value) for hole, value in values.items()})
    raise ValueError(stored)


def _message(name: str, values: dict[str, str | Message]) -> Message:
    if name not in TEMPLATES:  # written by a newer version: at least its values can be shown
        return Message.said(": ".join((name.replace("-", " "), *map(str, values.values()))))
    if values.keys() != holes(TEMPLATES[name]):
        raise ValueError(name)
    return Message.of(name, **values)
