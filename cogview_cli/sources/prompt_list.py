"""Prompts that a Python program gives, as a reader of prompt files would read them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cogview_cli.sources.json_lines import element_record
from cogview_cli.sources.options import ReadOptions
from cogview_cli.sources.reader import Reading
from cogview_cli.sources.record import Record, RejectedRow, RowError
from cogview_cli.sources.rows import Rows
from cogview_cli.sources.source_log import Seen
from cogview_cli.sources.strict_json import StrictJson
from cogview_cli.sources.values import as_prompt, checked_text

NAME = "prompts"


class PromptList(Reading):
    """Prompts and rows of an iterable; a text is taken as it stands, with no flags in it."""

    def __init__(self, prompts: Iterable[str | Mapping[str, Any]]) -> None:
        self._options, self._seen, self._sources = ReadOptions(), Seen(), []
        self.logs = []
        self._prompts = prompts

    def __iter__(self) -> Iterator[Record | RejectedRow]:
        """TypeError for a value that is no JSON."""
        rows, parser = Rows(NAME, self._options, self._seen), StrictJson()
        self.logs.append(rows.log)
        for number, prompt in enumerate(self._prompts, 1):
            try:
                if isinstance(prompt, str):
                    text = checked_text(as_prompt("prompt", prompt))
                    yield Record(file=NAME, line=number, prompt=text)
                else:
                    value = parser.decode(json.dumps(dict(prompt)))
                    yield element_record(number, value, rows)
            except RowError as fault:
                yield rows.bad(number, fault)
        rows.finish()
