"""Which form a text has: by its first lines, then by its name."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import NamedTuple, TextIO

from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.sources.aliases import is_telling, normal
from cogview_cli.sources.dialect import SEPARATOR_LINE, looks_like_table
from cogview_cli.sources.lines import COMMENTS, numbered_lines
from cogview_cli.sources.record import RowError
from cogview_cli.sources.strict_json import NotJson, StrictJson
from cogview_cli.sources.texts import BLOCK_END
from cogview_cli.terminal.text import clean

HEAD = 2**16
_BY_SUFFIX = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".jsonlines": "jsonl", ".json": "json",
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".yaml": "yaml", ".yml": "yaml",
}  # fmt: skip
_TEXT_SUFFIXES = (".txt", ".prompt", ".md", ".text", ".list")
_ARRAY = re.compile(r"\[\s*(?:[\[{\"\]]|$)")
_OBJECT = re.compile(r"\{\s*(?:[\"}]|$)")
_MARKS = re.compile(r"\s*([-=*_~#+.])\1{2,}\s*")
_PARAMETERS = re.compile(r"Steps: [0-9]+, .*\b(?:Sampler|CFG scale|Seed|Size): ")
_PROMPT_KEY = re.compile(r"(?:prompt|提示词)\s*[:：]", re.IGNORECASE)
_OTHER_KEY = re.compile(r"[A-Za-z][\w ]{0,18}[:：] \S")
_FRONT_MATTER = re.compile(r"[A-Za-z_][\w-]*:(?:\s|$)|\s*(?:- |#|$)|\s+\S")
_MARKDOWN = re.compile(r"#{1,6} \S|[-*+] \S|[0-9]{1,3}[.)] \S|```|> \S|\|.*\|\s*$")


def head_lines(stream: TextIO) -> list[str]:
    """The lines of the beginning that are whole; at least one, if there is any text."""
    stream.seek(0)
    lines = stream.read(HEAD).split("\n")
    more = bool(stream.read(1))
    stream.seek(0)
    return [line.removesuffix("\r") for line in (lines[:-1] if more else lines)] or lines


def detect_form(stream: TextIO, file: str) -> str:
    """One of the forms, for a stream that can be read again from its beginning.

    Raises UsageError for a text that is more than a list of prompts.
    """
    suffix = PurePath(file).suffix.lower()
    head = head_lines(stream)
    filled = [line for line in map(str.strip, head) if line and not line.startswith(COMMENTS)]
    first = filled[0] if filled else ""
    alone = len(filled) == 1 and sum(map(len, head)) < HEAD
    form = _json_form(first, suffix, alone)
    if form == "jsonl" and suffix in _TEXT_SUFFIXES and not _all_objects(stream):
        form = "txt"
    if form is None:
        form = _BY_SUFFIX.get(suffix) or ("csv" if _is_table(head, stream) else "txt")
    return _text_form(stream, file, suffix) if form == "txt" else form


def _is_table(head: list[str], stream: TextIO) -> bool:
    """A header that can be nothing else, also of a single column, or a spreadsheet's own mark.

    Tabs in UTF-16 are what Excel calls "Unicode text".
    """
    if "\t" in head[0] and stream.encoding.startswith("utf-16"):
        return True
    first = next(filter(None, map(str.strip, head)), "").strip('"')
    single = len(head) > 1 and is_telling(normal(first)) and " " not in first
    return single or bool(SEPARATOR_LINE.fullmatch(head[0])) or looks_like_table(head)


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


class _Traits(NamedTuple):
    """The numbers of the first lines of a kind; 0 if there is none."""

    block: int
    marks: int
    parameters: int
    positive: int
    prompt_key: int
    other_key: int
    markdown: int


def _traits(stream: TextIO) -> _Traits:
    """What kinds of lines a text has; one pass."""
    found: dict[str, int] = {}
    try:
        for number, line, _why in numbered_lines(stream):
            for kind in _kinds(line):
                found.setdefault(kind, number)
    finally:
        stream.seek(0)
    return _Traits(*(found.get(kind, 0) for kind in _Traits._fields))


def has_front_matter(head: list[str]) -> bool:
    """Whether a text begins with `key: value` lines between two lines of `---`."""
    if head[:1] != [BLOCK_END] or BLOCK_END not in head[1:]:
        return False
    inner = head[1 : head.index(BLOCK_END, 1)]
    return bool(inner) and all(map(_FRONT_MATTER.match, inner))


def _kinds(line: str) -> list[str]:
    kinds = []
    if line == BLOCK_END:
        kinds.append("block")
    elif _MARKS.fullmatch(line):
        kinds.append("marks")
    if ":" in line or "：" in line:
        kinds += _keyed(line)
    if _MARKDOWN.match(line):
        kinds.append("markdown")
    return kinds


def _keyed(line: str) -> list[str]:
    if _PARAMETERS.match(line) or line.startswith("Negative prompt: "):
        return ["parameters"]
    if line.startswith("positive:"):
        return ["positive"]
    if _PROMPT_KEY.match(line):
        return ["prompt_key"]
    return ["other_key"] if _OTHER_KEY.match(line) else []


def _text_form(stream: TextIO, file: str, suffix: str) -> str:
    """The form of a plain text; UsageError where its lines are no list of prompts."""
    traits = _traits(stream)
    if traits.positive:
        return "positive"
    if traits.parameters:
        return "infotext"
    if has_front_matter(head_lines(stream)):
        raise _not_a_list(file, _("begins with front matter"))
    if suffix == ".md" and traits.markdown:
        raise _not_a_list(file, _("is Markdown: line {line}", line=traits.markdown))
    if traits.prompt_key and (traits.other_key or traits.marks):
        why = _("holds records: 'prompt:' on line {line}", line=traits.prompt_key)
        raise _not_a_list(file, why)
    if traits.marks and not traits.block:
        raise _not_a_list(file, _("has a separator: line {line}", line=traits.marks))
    return "blocks" if traits.block else "txt"


def _not_a_list(file: str, why: str) -> UsageError:
    return UsageError(
        _("'{path}' {reason}; it is not a list of prompts", path=clean(file), reason=why),
        hint=_(
            "write a prompt a line, or longer ones between lines of ---;"
            " to take every line as it is: --input-format txt"
        ),
    )
