"""One YAML document, through the optional library PyYAML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, ClassVar, TextIO

from cogview_cli.disk.extras import install_command
from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.sources.aliases import normal
from cogview_cli.sources.json_document import document_records
from cogview_cli.sources.record import Record, RejectedRow, RowError
from cogview_cli.sources.rows import Rows
from cogview_cli.sources.values import WrittenFloat, checked_text
from cogview_cli.terminal.text import clean

# References can make a small document endless.
_VALUES_LIMIT = 1_000_000
_FILE_NAME = re.compile(r"\S+\.(?:txt|csv|tsv|jsonl?|md)")


def read_yaml(stream: TextIO, rows: Rows) -> Iterator[Record | RejectedRow]:
    """The records of a document; UsageError without PyYAML or for broken YAML."""
    value = _with_whole_lines(_with_affixes(_loaded(stream, rows.file)), rows)
    for record in document_records(value, rows):
        yield _no_file_name(record)


def _loaded(stream: TextIO, file: str) -> Any:
    try:
        import yaml
    except ImportError:
        raise UsageError(
            _("'{path}' is YAML, which needs PyYAML", path=clean(file)),
            hint=install_command(["pyyaml"]),
        ) from None
    try:
        return _Plain().value(yaml.load(stream, _as_written(yaml)))  # noqa: S506 (a safe loader)
    except RecursionError:
        raise UsageError(
            _("'{path}' is nested too deeply", path=clean(file)), hint=_("check the file")
        ) from None
    except (yaml.YAMLError, ValueError, RowError) as error:
        raise UsageError(
            _("'{path}' is not valid YAML: {reason}", path=clean(file), reason=clean(error)),
            hint=_("check the file"),
        ) from None


@cache
def _as_written(yaml: Any) -> Any:
    """A safe loader that takes `010`, `12:30` and `no` as they are written, and no key twice.

    Only a number that is written as we would write it is a number.
    """

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            keys = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
            for key in keys:
                if isinstance(key, str) and keys.count(key) > 1:
                    raise ValueError(_("the key '{key}' appears twice", key=clean(key)))
            return super().construct_mapping(node, deep)

    number = r"-?(?:0|[1-9][0-9]*)"
    for tag, pattern, first in (
        ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
        ("int", number, "-0123456789"),
        ("float", rf"{number}\.[0-9]+|[-+]?\.(?:inf|nan)", "-+.0123456789"),
        ("merge", r"<<", "<"),
        ("null", r"~|null|Null|NULL|", "~nN"),
    ):
        expression = re.compile(rf"(?:{pattern})$")
        firsts = [*first, ""] if tag == "null" else list(first)
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", expression, firsts)
    Loader.add_constructor(
        "tag:yaml.org,2002:float", lambda loader, node: _float(loader.construct_scalar(node))
    )
    return Loader


def _float(text: str) -> float:
    """A number that remembers how it was written; inf and nan are refused later."""
    return WrittenFloat(text.replace("+.", ".").replace(".inf", "inf").replace(".nan", "nan"))


def _with_whole_lines(value: Any, rows: Rows) -> Any:
    """`- Portrait: a woman` in a list is a prompt with a colon, not a column and its cell.

    UsageError where it may be either.
    """
    if not isinstance(value, list):
        return value
    lone = [key for item in value if (key := _lone_key(item, rows)) is not None]
    if not lone:
        return value
    if len(lone) == len(value) and len(set(lone)) == 1 and len(value) > 1:
        return value  # one column under one name
    if len(value) == 1:
        raise UsageError(
            _("'{path}': is '{key}: …' a prompt or a field?", path=clean(rows.file), key=lone[0]),
            hint=_("quote the prompt, or name the field: --prompt-field '{key}'", key=lone[0]),
        )
    return [f"{key}: {item[key]}" if (key := _lone_key(item, rows)) else item for item in value]


def _lone_key(item: Any, rows: Rows) -> str | None:
    """The only key of an object that holds a text and whose name is no column we know."""
    if not isinstance(item, dict) or len(item) != 1 or rows.has_prompt(item):
        return None
    ((key, value),) = item.items()
    return key if isinstance(value, str) else None


class _Plain:
    """Makes what YAML can hold what JSON can hold."""

    def __init__(self) -> None:
        self._left = _VALUES_LIMIT

    def value(self, value: Any) -> Any:
        """The value with text keys; ValueError for what has no equivalent."""
        self._left -= 1
        if self._left < 0:
            raise ValueError(_("more than {limit} values", limit=_VALUES_LIMIT))
        if isinstance(value, dict):
            return {str(name): self.value(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, float) and value - value != 0:
            raise ValueError(_("the number {number}", number=value))
        if isinstance(value, str):
            return checked_text(value)
        if value is None or isinstance(value, bool | int | float):
            return value
        raise ValueError(_("a value of the kind {kind}", kind=type(value).__name__))


def _with_affixes(value: Any) -> Any:
    """`prompt: [...]` with `prefix` and `suffix` as the list of whole prompts."""
    if not isinstance(value, dict):
        return value
    own = {normal(name): item for name, item in value.items()}
    prompts = own.get("prompt")
    if not isinstance(prompts, list):
        return value
    prefix, suffix = (own.get(name) or "" for name in ("prefix", "suffix"))
    return [f"{prefix}{item}{suffix}" if isinstance(item, str) else item for item in prompts]


def _no_file_name(record: Record | RejectedRow) -> Record | RejectedRow:
    """Some tools read prompts from files named in the list; paying for the name helps nobody."""
    if isinstance(record, RejectedRow) or not _FILE_NAME.fullmatch(record.prompt):
        return record
    why = _(
        "'{name}' is the name of a file: give it to the command itself", name=clean(record.prompt)
    )
    return RejectedRow(record.file, record.line, why)
