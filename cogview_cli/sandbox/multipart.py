"""Form data with a file in it (RFC 7578), as the upload of a batch sends it."""

from __future__ import annotations

import re
from typing import NamedTuple

_BOUNDARY = re.compile(r'boundary="?([^";]{1,70})"?', re.IGNORECASE)
_PARAMETER = re.compile(r'\b(name|filename)="((?:[^"\\]|\\.)*)"', re.IGNORECASE)


class Part(NamedTuple):
    """One field; `filename` is empty for a plain one."""

    content: bytes
    filename: str = ""


def read_form(content_type: str, body: bytes) -> dict[str, Part]:
    """The fields by name; the last of one name counts. ValueError if it is no form."""
    boundary = _BOUNDARY.search(content_type)
    if "multipart/form-data" not in content_type.lower() or not boundary:
        raise ValueError("no multipart/form-data")
    sections = (b"\r\n" + body).split(b"\r\n--" + boundary[1].encode())
    if len(sections) < 2 or not sections[-1].startswith(b"--"):
        raise ValueError("the form is cut off")
    return dict(_part(section) for section in sections[1:-1])


def _part(section: bytes) -> tuple[str, Part]:
    head, gap, content = section.partition(b"\r\n\r\n")
    named = {name.lower(): value for name, value in _PARAMETER.findall(head.decode("utf-8"))}
    if not gap or "name" not in named:
        raise ValueError("a part has no name")
    return named["name"], Part(content, named.get("filename", ""))
