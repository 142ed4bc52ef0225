"""What `history` prints: requests one by one as they are read, or the totals of groups."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from typing import NamedTuple

from cogview_cli.history import lines
from cogview_cli.history.totals import Totals, group_record, grouped
from cogview_cli.ledger import Entry, Ledger
from cogview_cli.ledger.search import Search
from cogview_cli.terminal import output
from cogview_cli.terminal.text import cell_width


class Wanted(NamedTuple):
    """What to look for, and how to show it: `by` a grouping, or one by one."""

    search: Search
    by: str | None = None
    json: bool = False


def show(ledger: Ledger, wanted: Wanted) -> None:
    """Prints what is wanted to stdout, and the sum of it to stderr."""
    sums = Totals()
    entries = _counted(ledger, wanted.search, sums)
    if wanted.by is not None:
        _show_groups(entries, wanted.by, json=wanted.json)
    elif wanted.json:
        for entry in entries:
            output.write_json(lines.record(entry))
    else:
        _show_lines(entries)
    output.say(sums.line())


def _counted(ledger: Ledger, search: Search, sums: Totals) -> Iterable[Entry]:
    unsent = {part.id for part in ledger.parts.open() if part.unsent}
    for found in ledger.search(search):
        entry = found._replace(unsent=True) if found.part in unsent else found
        sums.add(entry)
        yield entry


def _on_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def _show_lines(entries: Iterable[Entry]) -> None:
    if not _on_terminal():
        for entry in entries:
            output.write_line(lines.plain_line(entry))
        return
    table = lines.Table(shutil.get_terminal_size().columns)
    for number, entry in enumerate(entries):
        if not number:
            output.write_line(table.headings())
        output.write_line(table.row(entry))


def _show_groups(entries: Iterable[Entry], by: str, *, json: bool) -> None:
    groups = grouped(entries, by)
    if json:
        for group, sums in groups:
            output.write_json(group_record(group, sums, by))
        return
    shown = _on_terminal()
    names = [lines.group_name(group, shown=shown) for group, _sums in groups]
    cells = max(map(cell_width, [*names, lines.group_heading(by, 0).split()[0]]))
    if shown and groups:
        output.write_line(lines.group_heading(by, cells))
    for name, (_group, sums) in zip(names, groups, strict=True):
        output.write_line(lines.group_line(name, sums, cells, shown=shown))
