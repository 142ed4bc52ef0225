"""Where the images of an answer are, whatever shape it has. No I/O.

The vendor sends `data: [{url}]`, its asynchronous pair `image_result`; gateways and servers
of open weights have names of their own. A link counts only where a picture can be: one in a
message, a help text or an HTML page was not paid for.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple


class ImageRef(NamedTuple):
    """Where one image is: a temporary URL, base64 in the answer itself, or both."""

    url: str | None = None
    b64: str | None = None


# Documented: what stands here is an image. Elsewhere it must look like one.
_DOCUMENTED = ("data", "image_result")
_OTHERS = (
    "images", "image", "output", "outputs", "results", "result", "image_urls", "image_base64",
)  # fmt: skip
_B64_KEYS = ("b64_json", "b64_image", "image_base64", "base64")
_LINK = r"(?i)(?:https?://|data:image/)\S"
# PNG, JPEG, WebP and GIF in base64.
_PICTURE_IN_BASE64 = ("iVBORw0KGgo", "/9j/", "UklGR", "R0lGOD")
_PICTURE = rb"(?s)\x89PNG\r\n\x1a\n|\xff\xd8\xff|RIFF....WEBP|GIF8[79]a"
_DEPTH = 4
_OBJECTS = 1000

_QUOTED_LINK = rb'(?:"([^"\\]{0,40})"\s*:\s*)?"(https?:(?:\\?/){2}[^"\s<>\x00-\x1f]{4,8000})"'
_PICTURE_NAME = rb"(?i)[^?#]*\.(?:png|jpe?g|webp|gif)(?:[?#]|\\u003[fF]|$)"
_LINK_KEYS = (b"url", b"image_url")
_TALK = (b"error", b"message", b"msg", b"detail", b"hint", b"help", b"doc", b"docs", b"title")
_AN_ERROR = rb'"error"\s*:\s*(?!null|\{\s*\}|""|false)'
_HTML = rb"(?is)\s*<|.{0,2000}<(?:html|!doctype|body)\b"
_EVENT_STREAM = r"(?i)\s*(?:data|event|id|retry|)?:"
_DATA_FIELD = r"(?m)^data: ?"


def parse(raw: bytes) -> list[Any]:
    """The JSON values in an answer: one as a rule, none if it is no JSON or was cut.

    Several where objects follow each other, as in an event stream; what stands around them,
    such as the borders of a multipart answer, is passed over.
    """
    try:
        text = raw.decode(json.detect_encoding(raw), "replace").lstrip("\ufeff")
    except LookupError:
        return []
    try:
        return [_unwrapped(json.loads(text, object_pairs_hook=_members))]
    except (ValueError, RecursionError):
        return list(_objects(text))


def _unwrapped(value: Any) -> Any:
    """The object or list in a JSON text that a server has made a JSON text of again."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
        return value
    try:
        return json.loads(value, object_pairs_hook=_members)
    except (ValueError, RecursionError):
        return value


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; of a name that is there twice, the first value that says something."""
    members: dict[str, Any] = {}
    for name, value in pairs:
        members[name] = members.get(name) or value
    return members


def _objects(text: str) -> Iterator[Any]:
    """Whole JSON objects one behind the other; the first that breaks off ends them."""
    if text.lstrip()[:1] == "<":
        return
    if re.match(_EVENT_STREAM, text):
        text = re.sub(_DATA_FIELD, "", text)
    decoder, at = json.JSONDecoder(object_pairs_hook=_members), text.find("{")
    for _ in range(_OBJECTS):
        if at < 0:
            return
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return
        yield value
        at = text.find("{", end)


def images_in(parsed: Any, *, documented: bool = False) -> tuple[ImageRef, ...]:
    """The images that a parsed answer names, in its order.

    `documented`: only where the vendor puts them. Beside an error a link elsewhere is help.
    """
    names = _DOCUMENTED if documented else (*_DOCUMENTED, *_OTHERS)
    if isinstance(parsed, dict):
        return _inside(parsed, names, 0)
    return _refs(parsed, documented=False, depth=0) if isinstance(parsed, list) else ()


def _inside(parsed: dict[str, Any], names: tuple[str, ...], depth: int) -> tuple[ImageRef, ...]:
    if depth > _DEPTH:
        return ()
    for name in names:
        if found := _refs(parsed.get(name), documented=name in _DOCUMENTED, depth=depth):
            return found
    return ()


def _refs(value: Any, *, documented: bool, depth: int) -> tuple[ImageRef, ...]:
    entries = value if isinstance(value, list) else [value]
    return tuple(ref for entry in entries for ref in _entry(entry, documented, depth))


def _entry(entry: Any, documented: bool, depth: int) -> tuple[ImageRef, ...]:
    if isinstance(entry, str):
        found = _of_text(entry)
        return (found,) if found else ()
    if isinstance(entry, list) and depth <= _DEPTH:
        return tuple(ref for each in entry for ref in _entry(each, documented, depth + 1))
    if not isinstance(entry, dict):
        return ()
    ref = _of_object(entry, documented)
    return (ref,) if ref else _inside(entry, (*_DOCUMENTED, *_OTHERS), depth + 1)


def _of_text(text: str) -> ImageRef | None:
    """A link or a picture in base64 that stands alone."""
    if re.match(_LINK, text.strip()):
        return ImageRef(url=unicode_text(text))
    return ImageRef(b64=text) if text.startswith(_PICTURE_IN_BASE64) else None


def _of_object(entry: dict[str, Any], documented: bool) -> ImageRef | None:
    url, b64 = _url(entry), next(filter(None, map(entry.get, _B64_KEYS)), None)
    if url and not documented and not re.match(_LINK, url.strip()):
        url = None
    data = b64 if isinstance(b64, str) else None
    return ImageRef(url=unicode_text(url) if url else None, b64=data) if url or data else None


def _url(entry: dict[str, Any]) -> str | None:
    found = entry.get("url") or entry.get("image_url")
    if isinstance(found, list):
        texts = [each for each in found if isinstance(each, str)]
        found = next((text for text in texts if re.match(_LINK, text.strip())), None)
    if isinstance(found, dict):
        found = found.get("url")
    return found if isinstance(found, str) and found.strip() else None


def names_no_images(parsed: Any) -> bool:
    """Whether a parsed answer has a place for images, and nothing is there."""
    if not isinstance(parsed, dict):
        return False
    places = [parsed[name] for name in (*_DOCUMENTED, *_OTHERS) if name in parsed]
    return bool(places) and not any(places)


def picture_itself(raw: bytes) -> ImageRef | None:
    """The answer as an image, if it is one and no JSON at all."""
    return ImageRef(b64=base64.b64encode(raw).decode()) if re.match(_PICTURE, raw) else None


def salvage(raw: bytes, *, parsed: bool) -> str | None:
    """The link to the one image of an answer that was cut short or is no JSON we know.

    `parsed`: it is JSON, so only a link that looks like a picture's own counts. Two links
    are not guessed at.
    """
    if re.match(_HTML, raw):
        return None
    links = [(key, link) for key, link in re.findall(_QUOTED_LINK, raw) if key.lower() not in _TALK]
    likely = {link for _key, link in links if re.match(_PICTURE_NAME, link)}
    if not likely and not parsed and not re.search(_AN_ERROR, raw):
        likely = {link for key, link in links if key.lower() in _LINK_KEYS}
    return _unquoted(likely.pop()) if len(likely) == 1 else None


def _unquoted(link: bytes) -> str | None:
    try:
        return unicode_text(json.loads(b'"' + link + b'"'))
    except ValueError:
        return None


def unicode_text(value: object) -> str:
    """`value` as text that UTF-8 can hold: lone surrogates in JSON escapes are replaced."""
    return str(value).encode("utf-8", "replace").decode("utf-8")
