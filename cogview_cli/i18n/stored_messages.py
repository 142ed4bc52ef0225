"""Texts that the ledger keeps: stored in English, shown in the user's language. Pure."""

from __future__ import annotations

import re
from functools import cache
from string import Formatter

from cogview_cli.i18n import _

# What is longer comes from a server: it is shown as it is, and cut.
LONGEST = 1000
# As sending, client, wire, download, images, finish and ledger word them; a hole takes any text.
TEMPLATES = (
    "no answer within {seconds} s",
    "stopped before the answer",
    "no connection within 10 s",
    "no connection within 10 s: {why}",
    "cannot connect",
    "cannot connect: {why}",
    "the connection was cut before the whole answer",
    "the connection was cut before the whole answer: {why}",
    "the connection was closed before the whole answer",
    "the connection was closed before the whole answer: {why}",
    "the connection was cut while sending",
    "the connection was cut while sending: {why}",
    "the proxy asks for a login (407)",
    "the request cannot be made: {why}",
    "the answer holds no image",
    "the answer holds no image, only a content filter",
    "the answer was cut short",
    "a redirect (HTTP {status}), which is never followed with a key",
    "the process ended between sending the request and keeping the answer",
    "the sandbox that made it has ended",
    "stopped before it was sent",
    "stopped before it was saved",
    "{why}: 'the output folder'",
    "the image did not arrive within {seconds} s",
    "more than {count} redirects",
    "the image's URL is malformed",
    "the image's URL carries a login or no host",
    "the image's URL is {scheme}:, not https:",
    "the image's URL leads to a private address",
    "the image host cannot be found: {why}",
    "the image is larger than 64 MiB",
    "the image host answered HTTP {status}",
    "the image host sends packed data nobody asked for",
    "the image host is slower than 1 KB/s",
    "no connection to the image host within {seconds} s",
    "the image host sent nothing for {seconds} s",
    "cannot connect to the image host",
    "the image host closed the connection early",
    "the connection to the image host was cut",
    "the image cannot be fetched: {why}",
    "the image in the answer is not base64",
    "what arrived is no picture: {why}",
    "{why}; it says: {text}",
    "{why}; the bytes are in '{path}'",
    "not a PNG, JPEG or WebP picture",
    "the {format} data is cut short",
    "the {format} data does not decode: {why}",
    "{pixels} pixels, more than any model makes",
)


def translate(message: str) -> str:
    """A stored text in the user's language; as it stands if it is not one of ours."""
    if len(message) > LONGEST:
        return message
    for template, pattern in _patterns():
        if match := pattern.fullmatch(message):
            holes = {name: translate(value) for name, value in match.groupdict().items()}
            return _(template, **holes)
    return message


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((template, _pattern(template)) for template in TEMPLATES)


def _pattern(template: str) -> re.Pattern[str]:
    parts = (
        re.escape(text) + (f"(?P<{name}>.+)" if name else "")
        for text, name, *_rest in Formatter().parse(template)
    )
    return re.compile("".join(parts), re.DOTALL)
