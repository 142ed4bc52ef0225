"""What `--json` has printed, held against the schema that `cogview help json --schema` prints."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from cogview_cli.cli.json_fields import LINES
from cogview_cli.cli.json_schema import document
from cogview_cli.terminal.output import SCHEMA

Problem = jsonschema.ValidationError


@cache
def validators(*, extra: bool = False) -> dict[str, list[jsonschema.Draft202012Validator]]:
    """By the `type` of a line, the definitions of which one must fit."""
    whole = document(extra=extra)
    found: dict[str, list[jsonschema.Draft202012Validator]] = {}
    for line in LINES:
        definition = whole["$defs"][line.name]
        found.setdefault(line.type, []).append(jsonschema.Draft202012Validator(definition))
    return found


def check_line(record: Any, *, extra: bool = False) -> None:
    """AssertionError, with what is wrong, unless a line is as the schema says."""
    choices = validators(extra=extra).get(record.get("type"), [])
    assert choices, f"no such type of line: {record}"
    problems = [error for error in (_first(choice, record) for choice in choices) if error]
    assert len(problems) == len(choices) - 1, (record, [each.message for each in problems])


def _first(validator: jsonschema.Draft202012Validator, record: Any) -> Problem | None:
    return next(iter(validator.iter_errors(record)), None)


def check_run(text: str, *, extra: bool = False) -> None:
    """The same for all lines of a run, and their order; a last one that was cut off is let be."""
    records = [json.loads(line) for line in text.split("\n")[:-1]]
    for record in records:
        check_line(record, extra=extra)
    firsts = [record.get("schema") for record in records]
    assert firsts == [SCHEMA, *[None] * (len(records) - 1)][: len(records)], text
    assert "summary" not in [record["type"] for record in records[:-1]], text


def prints_json(arguments: Sequence[object]) -> bool:
    """Whether a command line asks for JSON, and prints nothing else on stdout."""
    words = [str(word) for word in arguments]
    options = words[: words.index("--")] if "--" in words else words
    return "--json" in options and not {"--help", "-h", "--version"} & set(options)


def check_ended(arguments: Sequence[object], stdout: bytes | str | None) -> None:
    """Checks what a command line has printed, if it asks for JSON."""
    if stdout and prints_json(arguments):
        text = stdout if isinstance(stdout, str) else stdout.decode("utf-8")
        check_run(text, extra=_asks_for_extra(arguments))


def _asks_for_extra(arguments: Sequence[object]) -> bool:
    """Whether the body may hold fields that only the user knows."""
    config = Path(os.environ.get("COGVIEW_CONFIG_DIR", "."), "config.toml")
    return "--extra" in map(str, arguments) or "COGVIEW_EXTRA" in os.environ or config.exists()


@contextmanager
def processes_checked() -> Iterator[None]:
    """Every process of cogview whose stdout a test reads to its end is checked too."""
    communicate: Callable[..., Any] = subprocess.Popen.communicate

    def checked(self: subprocess.Popen[Any], *more: Any, **options: Any) -> Any:
        out, err = communicate(self, *more, **options)
        words = self.args if isinstance(self.args, list | tuple) else []
        if any("cogview" in str(word) for word in words[:3]):
            check_ended(words, out)
        return out, err

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess.Popen, "communicate", checked)
        yield
