"""A request as a line: of a table on a terminal, of plain text in a pipe, of JSON for scripts."""

from __future__ import annotations

import os
import time
from datetime import datetime
from typing import Any

from cogview_cli.history.totals import Group, Totals, cost, perhaps, shown_folder
from cogview_cli.i18n import N_, _
from cogview_cli.ledger import Entry, State
from cogview_cli.ledger.takes import PICTURES
from cogview_cli.outcome import CURRENCY, currency_field, money
from cogview_cli.terminal.text import cell_width, clean, cut_cells

# How people are told where a request stands; scripts get the names of the states.
STATE_WORDS = {
    State.INTENT: N_("being made"),
    State.NOT_SENT: N_("not sent"),
    State.REJECTED: N_("refused"),
    State.UNKNOWN: N_("unknown"),
    State.PENDING: N_("waiting"),
    State.ANSWER: N_("not saved"),
    State.SAVED: N_("saved"),
    State.EXPIRED: N_("lost"),
    State.RESOLVED: N_("settled"),
}
# Written down for the queue, and not with the vendor yet.
_UNSENT = N_("not sent yet")
# With at least so many columns ids are whole, or file names have a place.
WIDE, WIDEST = 100, 130
SHORT_ID, SHORT_TIME = 7, "%m-%d %H:%M"
PLAIN_PROMPT = 40
_GAP = "  "
_COST_CELLS, _FILE_CELLS, _LEAST_CELLS = 8, 30, 8


def record(entry: Entry) -> dict[str, Any]:
    """The JSON object of a request."""
    paid = cost(entry)
    found = {
        "type": "request",
        "id": entry.id,
        "time": datetime.fromtimestamp(entry.asked).astimezone().isoformat(timespec="seconds"),
        "status": entry.state,
        "cost": None if paid is None else str(paid),
        "cost_max": None if paid is None else str(paid + perhaps(entry)),
        **({} if paid is None else currency_field(entry.currency)),
        "model": entry.body.get("model"),
        "size": entry.body.get("size"),
        "prompt": entry.body.get("prompt"),
        "file": entry.files[0]["file"] if entry.files else None,
        "files": [file["file"] for file in entry.files],
        "task": entry.task,
        "unsent": entry.unsent or None,
        "code": entry.code or None,
        "message": str(entry.message) if entry.message else None,
        "sandbox": entry.by_sandbox or None,
        "take": entry.take if entry.take > 1 else None,
        "text": entry.text and {k: v for k, v in entry.text.items() if k != PICTURES},
    }
    return {name: value for name, value in found.items() if value is not None}


def plain_line(entry: Entry) -> str:
    """Id, time, state, cost, prompt, file or task, wrong text; in English for scripts."""
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.asked))
    status = entry.state + (" (not sent yet)" if entry.unsent else "")
    status += " (sandbox)" if entry.by_sandbox else ""
    prompt = f"“{cut_cells(_prompt(entry), PLAIN_PROMPT)}”"
    file = _GAP + clean(entry.files[0]["file"]) if entry.files else ""
    task = f"{_GAP}task {clean(entry.task)}" if entry.task and not entry.files else ""
    text = f"{_GAP}wrong text: {wrong}" if (wrong := wrong_text(entry)) else ""
    return f"{entry.id}  {when}  {status:<8}  {_cost(entry):>5}  {prompt}{file}{task}{text}"


def wrong_text(entry: Entry) -> str:
    """Which characters on the picture are wrong; "" if none is, or nobody has looked."""
    text = entry.text or {"ok": True}
    return "" if text["ok"] else clean(" ".join(text["missing"] or text["doubtful"]), 60)


def _prompt(entry: Entry) -> str:
    return clean(entry.body.get("prompt", ""))


def _cost(entry: Entry) -> str:
    doubtful = entry.state in (State.UNKNOWN, State.INTENT, State.PENDING)
    known = None if doubtful and not (entry.by_sandbox or entry.unsent) else cost(entry)
    if known is None:
        return "?"
    return money(known, entry.currency) if known and entry.currency != CURRENCY else str(known)


class Table:
    """The rows of a table that fits a terminal of so many columns."""

    def __init__(self, width: int) -> None:
        self._wide, self._widest = width >= WIDE, width >= WIDEST
        self._words = {state: _(word) for state, word in STATE_WORDS.items()}
        self._state = max(map(cell_width, [*self._words.values(), _(_UNSENT), _("State")]))
        self._id = 26 if self._wide else SHORT_ID
        self._time = "%Y-%m-%d %H:%M" if width >= 80 else SHORT_TIME
        self._when = 16 if width >= 80 else 11
        taken = self._id + self._when + self._state + _COST_CELLS + 4 * len(_GAP)
        taken += _FILE_CELLS + len(_GAP) if self._widest else 0
        self._prompt = max(_LEAST_CELLS, width - taken)

    def headings(self) -> str:
        """The first line."""
        return self._row(_("ID"), _("Time"), _("State"), _("Cost"), _("Prompt"), _("File"))

    def row(self, entry: Entry) -> str:
        """The line of a request; its id is short where there is no room."""
        id = entry.id if self._wide else entry.id.rpartition("-")[2]
        when = time.strftime(self._time, time.localtime(entry.asked))
        paid = _("sandbox") if entry.by_sandbox else _cost(entry)
        file = os.path.basename(entry.files[0]["file"]) if entry.files else ""
        prompt = _prompt(entry)
        if wrong := wrong_text(entry):
            prompt = _("(wrong text: {wrong}) {prompt}", wrong=wrong, prompt=prompt)
        state = _(_UNSENT) if entry.unsent else self._words[entry.state]
        return self._row(id, when, state, paid, prompt, clean(file))

    def _row(self, id: str, when: str, state: str, paid: str, prompt: str, file: str) -> str:
        cells = [
            padded(id[: self._id], self._id),
            padded(when, self._when),
            padded(state, self._state),
            padded(paid, _COST_CELLS, right=True),
            padded(cut_cells(prompt, self._prompt), self._prompt),
            cut_cells(file, _FILE_CELLS) if self._widest else "",
        ]
        return _GAP.join(cells).rstrip()


def padded(text: str, cells: int, *, right: bool = False) -> str:
    """`text` filled up to so many columns of a terminal."""
    blanks = " " * (cells - cell_width(text))
    return blanks + text if right else text + blanks


# Groups.


def group_heading(by: str, cells: int) -> str:
    """The first line of a table of totals, the names `cells` wide."""
    names = {"day": _("Day"), "month": _("Month"), "model": _("Model"), "folder": _("Folder")}
    return _GAP.join([padded(names[by], cells), padded(_("Requests"), 8, right=True), _("Paid")])


def group_name(group: Group, *, shown: bool) -> str:
    """The name of a group; `shown`: to people, on a terminal."""
    name = clean(shown_folder(group.name) if shown else group.name)
    if not group.sandbox:
        return name
    return f"{name} ({_('sandbox')})" if shown else f"{name} (sandbox)"


def group_line(name: str, sums: Totals, cells: int, *, shown: bool) -> str:
    """The line of a group: its name, how many requests, what they cost."""
    count = sums.requests + sums.sandboxed
    paid = sums.paid_text
    if sums.most:
        up_to = _("up to {most}", most=sums.most_text) if shown else f"up to {sums.most_text}"
        paid = f"{paid} ({up_to})"
    return f"{padded(name, cells)}{_GAP}{count:>8}{_GAP}{paid}"
