"""What a `batch` asks on a terminal before anything is sent."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from cogview_cli.engine.confirm import somebody_is_there
from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.terminal import output
from cogview_cli.terminal.text import clean

_SHOWN = 60
Ask = Callable[[str, Mapping[str, Any]], str]


def column_question() -> Ask | None:
    """How to ask which column is the prompt; None where there is nobody to ask."""
    return ask_column if somebody_is_there() else None


def ask_column(file: str, cells: Mapping[str, Any]) -> str:
    """The column that the user says is the prompt, with a cell of each to choose by.

    UsageError if none is chosen.
    """
    names = list(cells)
    output.say(_("Which column of '{path}' is the prompt?", path=clean(file)))
    for number, name in enumerate(names, 1):
        output.say(f"  {number}  {clean(name, _SHOWN)}: {clean(cells[name], _SHOWN)}")
    sys.stderr.write(_("1 to {last}, or Enter to stop: ", last=len(names)))
    sys.stderr.flush()
    answer = sys.stdin.readline().strip()
    if answer in names:
        return answer
    if answer.isascii() and answer.isdecimal() and 1 <= int(answer) <= len(names):
        return names[int(answer) - 1]
    raise UsageError(
        _("nothing was sent"),
        hint=_("choose one: --prompt-field {column}", column=clean(names[0])),
    )
