"""The end of a `batch`: the failed rows, the report, and the closing words."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from cogview_cli.batch import report
from cogview_cli.batch.failed_rows import Notes, keep_failed
from cogview_cli.batch.item import Group
from cogview_cli.batch.options import BatchOptions
from cogview_cli.batch.plan import Plan
from cogview_cli.disk.atomic import is_temporary
from cogview_cli.engine import pool
from cogview_cli.errors import CogviewError, ExitCode, MachineError
from cogview_cli.i18n import _, _n
from cogview_cli.outcome import LOSSES, Problem, Status, Summary
from cogview_cli.terminal import ending, output
from cogview_cli.terminal.reporter import Reporter, summary_line
from cogview_cli.terminal.text import clean

HINTS_SHOWN = 5
T = TypeVar("T")


class Closing:
    """What is written when a run has ended."""

    def __init__(
        self, options: BatchOptions, plan: Plan, summary: Summary, reporter: Reporter
    ) -> None:
        self._options, self._plan = options, plan
        self._summary, self._reporter = summary, reporter

    def close(self, reason: Problem | None) -> None:
        """The failed rows, the report, and the closing words."""
        plan, options = self._plan, self._options
        notes = Notes(options.folder, options.reading.files, options.selection)
        complete = not self._summary.counts[Status.NOT_SENT]
        failed = self._kept(partial(keep_failed, options.folder, plan, notes, complete=complete))
        self._write_report()
        self._write_summary()
        if reason and reason != pool.STDOUT_CLOSED:
            output.show_error(CogviewError(reason.message, hint=reason.hint))
        groups = plan.groups()
        if groups or not options.style.quiet:
            for line in closing_lines(self._summary, groups, reason):
                output.say(clean(line, 600))
            if failed:
                path = self._reporter.path(str(failed))
                output.say(clean(_("failed rows: {path}", path=path)))

    def _write_report(self) -> None:
        if self._options.report:
            path = Path(self._options.report)
            self._kept(partial(self._write_report_to, path))

    def _write_report_to(self, path: Path) -> None:
        overwrite = self._options.settings.on_exists == "overwrite"
        place = report.write_report(path, self._plan, self._summary, overwrite=overwrite)
        if place != path:
            output.warn(
                _("'{path}' came meanwhile: the report is '{place}'", path=path, place=place)
            )

    def _write_summary(self) -> None:
        """The last object; where it cannot be written the report learns of that too."""
        before = self._summary.exit_code
        with ending.counted(self._summary, lambda: True):
            if self._options.style.json:
                output.write_json(self._summary.record())
        if self._summary.exit_code is not before:
            self._write_report()

    def _kept(self, write: Callable[[], T]) -> T | None:
        """What `write` wrote; if it can't, the run has ended badly on this machine."""
        try:
            return write()
        except OSError as error:
            output.show_error(_unwritten(error))
            self._summary.codes.add(ExitCode.MACHINE)
            return None


def closing_lines(
    summary: Summary, groups: Sequence[Group], reason: Problem | None
) -> Iterator[str]:
    """What came of it: the counts and the money, each kind of failure, what to do next.

    What was said of `reason`, which has ended the run, is not said again.
    """
    yield summary_line(summary, sum(summary.counts.values()))
    why = (reason.reason or reason.message) if reason else None
    for group in groups:
        yield f"  {report.group_line(group, told=group.message == why)}"
    told = sum(group.images for group in groups if group.status in LOSSES)
    if (more := sum(summary.counts[status] for status in LOSSES) - told) > 0:
        yield "  " + _n("… and {count} other", "… and {count} others", more)
    for hint in new_hints((group.hint for group in groups), reason.hint if reason else ""):
        yield f"hint: {hint}"


def new_hints(hints: Iterable[str], said: str) -> list[str]:
    """Those whose command, or first part, is in none before them, nor in what was `said`."""
    found = [said]
    for hint in hints:
        if not any(hint.partition(_("; "))[0] in other for other in found):
            found.append(hint)
    return found[1 : HINTS_SHOWN + 1]


def _unwritten(error: OSError) -> MachineError:
    path = error.filename2 or error.filename or ""
    if is_temporary(Path(path)):
        path = os.path.dirname(path)
    return MachineError(
        _("cannot write '{path}': {reason}", path=path, reason=_(str(error.strerror))),
        hint=_("free some space, or choose another place"),
    )
