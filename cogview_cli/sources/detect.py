"""Which form a text has: by its first lines, then by its name."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TextIO

from cogview_cli.sources.dialect import looks_like_table
from cogview_cli.sources.lines import COMMENTS, numbered_lines
from cogview_cli.sources.record import RowError
from cogview_cli.sources.strict_json import NotJson, StrictJson
from cogview_cli.sources.texts import BLOCK_END

HEAD = 2**16
_BY_SUFFIX = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".jsonlines": "jsonl", ".json": "json",
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".yaml": "yaml", ".yml": "yaml",
}  # fmt: skip
_TEXT_SUFFIXES = (".txt", ".prompt", ".md", ".text", ".list")
_ARRAY = re.compile(r"\[\s*(?:[\[{\"\]]|$)")
_OBJECT = re.compile(r"\{\s*(?:[\"}]|$)")


def head_lines(stream: TextIO) -> list[str]:
    """The lines of the beginning that are whole; at least one, if there is any text."""
    stream.seek(0)
    lines = stream.read(HEAD).split("\n")
    more = bool(stream.read(1))
    stream.seek(0)
    return [line.removesuffix("\r") for line in (lines[:-1] if more else lines)] or lines


def detect_form(stream: TextIO, file: str) -> str:
    """One of the forms, for a stream that can be read again from its beginning."""
    suffix = PurePath(file).suffix.lower()
    head = head_lines(stream)
    filled = [line for line in map(str.strip, head) if line and not line.startswith(COMMENTS)]
    first = filled[0] if filled else ""
    alone = len(filled) == 1 and sum(map(len, head)) < HEAD
    form = _json_form(first, suffix, alone)
    if form == "jsonl" and suffix in _TEXT_SUFFIXES and not _all_objects(stream):
        form = "txt"
    if form is None:
        form = _BY_SUFFIX.get(suffix) or ("csv" if looks_like_table(head) else "txt")
    return "blocks" if form == "txt" and _has_blocks(stream) else form


def _json_form(first: str, suffix: str, alone: bool) -> str | None:
    """ "json" or "jsonl" if the first filled line can only be that."""
    lines = _BY_SUFFIX.get(suffix) == "jsonl"
    if first.startswith("["):
        is_lines = lines and _is_json(first)
        return None if is_lines or not _ARRAY.match(first) else "json"
    if not _OBJECT.match(first):
        return None
    if _is_json(first):
        return "json" if alone and not lines else "jsonl"
    return "jsonl" if lines else "json"


def _is_json(text: str) -> bool:
    try:
        StrictJson().decode(text)
    except NotJson:
        return False
    except RowError:  # a doubled key or NaN is still meant as JSON
        return True
    return True


def _all_objects(stream: TextIO) -> bool:
    """Whether every line that says something begins an object."""
    lines = (line.strip() for _, line, why in numbered_lines(stream) if not why)
    said = (line for line in lines if line and not line.startswith(COMMENTS))
    try:
        return all(line.startswith("{") for line in said)
    finally:
        stream.seek(0)


def _has_blocks(stream: TextIO) -> bool:
    try:
        return any(line == BLOCK_END for _, line, _ in numbered_lines(stream))
    finally:
        stream.seek(0)
