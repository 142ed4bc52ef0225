"""What a run reports: each outcome as it ends, and a summary."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from cogview_cli.errors import CogviewError
from cogview_cli.i18n import _
from cogview_cli.outcome import (
    WITH_IMAGE,
    Outcome,
    SavedFile,
    Status,
    Summary,
    image_records,
    money,
)
from cogview_cli.terminal.output import (
    OutputOptions,
    on_terminal,
    say,
    show_error,
    warn,
    write_json,
    write_path,
)
from cogview_cli.terminal.text import clean, cut_cells

# A part of a path that `relpath` would take out.
_ODD = r"(?:^|[/\\])\.{0,2}(?:[/\\]|$)"


class Reporter:
    """Reports outcomes as they end, and a summary."""

    def __init__(
        self, style: OutputOptions, *, relative_to: str | None = None, sandbox: bool = False
    ) -> None:
        """`relative_to`: show paths below this folder relative to it. `sandbox`: all is free."""
        self._style, self._sandbox = style, sandbox
        self._base = relative_to
        self._status: Any = None
        self._width = 80
        self._told: set[str] = set()
        self._hints: set[str] = set()

    def _one_line(self, text: str) -> str:
        return cut_cells(clean(text), self._width - 3)

    def outcome(self, outcome: Outcome) -> None:
        """One outcome: data on stdout, problems on stderr."""
        with self._spinner_away():
            try:
                self.data(outcome)
            finally:
                self._people(self.shown(outcome))

    @contextmanager
    def _spinner_away(self) -> Iterator[None]:
        """Hides the spinner while lines are written."""
        if self._status is None:
            yield
            return
        self._status.stop()
        try:
            yield
        finally:
            self._status.start()

    def shown(self, outcome: Outcome) -> Outcome:
        """The outcome with its paths as this run shows them; `-` for what goes to stdout."""
        if not (self._base or self._style.images_on_stdout):
            return outcome
        files = tuple(
            f._replace(file=self.path(f.file), sidecar=f.sidecar and self.path(f.sidecar))
            for f in outcome.files
        )
        return outcome._replace(files=files)

    def path(self, path: str) -> str:
        """`path` as this run shows it."""
        if self._style.images_on_stdout:
            return "-"
        base = self._base
        if not (base and path.startswith(base + os.sep)):
            return path
        rest = path.removeprefix(base + os.sep)
        return os.path.relpath(path, base) if re.search(_ODD, rest) else rest

    def data(self, outcome: Outcome) -> None:
        """Writes the data of one outcome to stdout."""
        if self._style.images_on_stdout:
            return
        outcome = self.shown(outcome)
        if self._style.json:
            for record in image_records(outcome):
                write_json(record)
        elif outcome.status in WITH_IMAGE:
            for file in outcome.files:
                write_path(file.file, nul=self._style.print0)

    def _people(self, outcome: Outcome) -> None:
        for text in outcome.warnings:
            warn(text)
        for line in () if self._style.quiet else wrong_text_lines(outcome):
            say(line)
        problem = outcome.problem
        if problem and outcome.status == Status.NOT_SENT and problem.message in self._told:
            return  # one reason shared by many is told once; the summary counts them
        if problem:
            self._told.add(problem.message)
            # Under --json the problem is in the data; people still get it, in one line.
            show_error(CogviewError(problem.message, hint=self._new(problem.hint)))
            if outcome.status == Status.REFUSED:
                self._filters(outcome)
        elif outcome.status == Status.SKIPPED and not self._style.quiet:
            say(_("skipped: {path} is there already", path=clean(outcome.files[0].file)))
        elif self._style.verbose or (on_terminal() and not self._style.quiet):
            for file in outcome.files:
                say(_file_line(outcome, file, sandbox=self._sandbox or outcome.sandbox))

    def _new(self, hint: str) -> str:
        """The hint; "" if an error before had it."""
        new = hint not in self._hints
        self._hints.add(hint)
        return hint if new else ""

    def _filters(self, outcome: Outcome) -> None:
        for entry in outcome.content_filter:
            say(
                _(
                    "  content filter: role {role}, level {level} (0 is most severe)",
                    role=clean(entry["role"]),
                    level=clean(entry["level"]),
                )
            )

    def note(self, text: str, *, urgent: bool = False) -> None:
        """Reports something slow or retried; only --quiet silences an urgent note."""
        if self._status is not None:
            self._status.update(self._one_line(text))
        elif self._style.verbose or (urgent and not self._style.quiet):
            say(clean(text))

    def summary(self, summary: Summary) -> None:
        """The closing line of a run."""
        if self._style.json:
            write_json(summary.record())
        total = sum(summary.counts.values())
        told = total > 1 or (summary.earlier and total)
        if told and not self._style.quiet:
            say(summary_line(summary, total))

    @contextmanager
    def working(self, text: str) -> Iterator[None]:
        """A spinner on a terminal while the work goes on, nothing elsewhere."""
        if not on_terminal() or self._style.quiet or self._style.verbose:
            yield
            return
        from rich.console import Console

        console = Console(stderr=True, highlight=False, markup=False)
        self._width = console.width
        # Twice a second, so that no second of the clock is passed over.
        with console.status(self._one_line(text), refresh_per_second=2) as self._status:
            try:
                yield
            finally:
                self._status = None


def wrong_text_lines(outcome: Outcome) -> Iterator[str]:
    """What stands on each picture with wrong text instead of what was wanted."""
    for number in range(max(1, len(outcome.files))):
        text = outcome.text_of(number)
        if text is not None and not text["ok"]:
            path = outcome.files[number].file if outcome.files else "-"
            yield wrong_text_line(path, text)


def wrong_text_line(path: str, text: Mapping[str, Any]) -> str:
    """What stands on one picture; `text` is its record."""
    return _(
        "wrong text: {path}: wanted {wanted}; found {found} ({wrong})",
        path=clean(path, 200),
        wanted=clean(" / ".join(text["wanted"]), 200),
        found=clean(" / ".join(filter(None, text["found"])) or "-", 200),
        wrong=clean(" ".join(text["missing"] or text["doubtful"]), 100),
    )


def _file_line(outcome: Outcome, file: SavedFile, *, sandbox: bool) -> str:
    facts = [f"{file.width}x{file.height}", f"{max(1, file.bytes // 1024)} KiB"]
    if sandbox:
        facts.append(_("sandbox"))
    elif outcome.cost is not None:
        facts.append(money(outcome.cost, outcome.currency))
    if outcome.seconds:
        facts.append(_("{seconds:.1f} s", seconds=outcome.seconds))
    told = _(", ").join(facts)
    return _("saved {format} {facts}", format=file.format.upper(), facts=told)


COUNTED = {
    Status.SKIPPED: "skipped {count}",
    Status.REFUSED: "refused {count}",
    Status.FAILED: "failed {count}",
    Status.UNKNOWN: "unknown {count}",
    Status.UNSAVED: "unsaved {count}",
    Status.NOT_SENT: "not sent {count}",
    Status.QUEUED: "in the queue {count}",
}


def cost_words(summary: Summary) -> str:
    """What is paid so far: `0.06 CNY`."""
    return f"{amount(summary.cost, unpriced=bool(summary.unpriced))} {summary.currency}"


def amount(known: Decimal, *, unpriced: bool) -> str:
    """A sum: `?` stands for what has no known price, alone or beside the rest."""
    if not unpriced:
        return str(known)
    return f"{known} + ?" if known else "?"


def paid_words(summary: Summary) -> str:
    """What a run has paid; one in the sandbox, or for what was paid before, pays nothing."""
    if summary.earlier:
        return _("nothing paid now")
    if summary.sandbox and (summary.cost or summary.unpriced):
        return _("nothing paid: sandbox (else {cost})", cost=cost_words(summary))
    return _("paid {cost}", cost=cost_words(summary))


def summary_line(summary: Summary, total: int) -> str:
    """What a run has saved and paid, and how the other requests ended."""
    saved = summary.counts[Status.SAVED]
    parts = [_("saved {count} of {total}", count=saved, total=total), paid_words(summary)]
    if summary.unknown_cost:
        most = summary.cost + summary.unknown_cost
        cost = money(most, summary.currency)
        if summary.counts[Status.QUEUED]:
            parts.append(_("up to {cost} with the queue", cost=cost))
        else:
            parts.append(_("up to {cost} with the unknown", cost=cost))
    for status, words in COUNTED.items():
        if count := summary.counts[status]:
            parts.append(_(words, count=count))
    if summary.text_right + summary.text_wrong:
        right, wrong = summary.text_right, summary.text_wrong
        parts.append(_("text right on {right}, wrong on {wrong}", right=right, wrong=wrong))
    if summary.text_unread:
        parts.append(_("text not read on {count}", count=summary.text_unread))
    return _("; ").join(parts)
