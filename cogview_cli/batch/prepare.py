"""From prompt files to a plan: every row read and checked before anything is sent."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cogview_cli.batch.doubts import Doubts
from cogview_cli.batch.naming import NameUse, check_name
from cogview_cli.batch.plan import Plan
from cogview_cli.batch.row import RowDefaults, row_request
from cogview_cli.batch.selection import Selection
from cogview_cli.disk.destination import Destination
from cogview_cli.errors import UsageError
from cogview_cli.i18n import _, _n
from cogview_cli.sources import Reading, RejectedRow, SourceLog
from cogview_cli.terminal.text import clean

BAD_SHOWN = 50
SOURCES_SHOWN = 10
# Years of work at the highest tier; each takes its place in the plan.
MOST_IMAGES = 10_000_000


@dataclass(slots=True, kw_only=True)
class ReadSummary:
    """What reading the sources has shown."""

    rows: int = 0
    longest: int = 0
    bad: list[RejectedRow] = field(default_factory=list)
    bad_count: int = 0
    forms: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    secrets: Counter[str] = field(default_factory=Counter)
    doubts: Doubts = field(default_factory=Doubts)
    logs: list[SourceLog] = field(default_factory=list)

    def reject(self, bad: RejectedRow) -> None:
        """One more row that cannot be used; the first few are kept."""
        self.bad_count += 1
        if len(self.bad) < BAD_SHOWN:
            self.bad.append(bad)


def read_into(plan: Plan, reading: Reading, defaults: RowDefaults) -> ReadSummary:
    """Reads and checks all rows into `plan`; UsageError for a name that no row can fill."""
    check_name(defaults.name)
    summary = ReadSummary()
    for record in reading:
        if isinstance(record, RejectedRow):
            summary.reject(record)
            continue
        summary.rows += 1
        summary.longest = max(summary.longest, len(record.prompt))
        try:
            row = row_request(record, summary.rows, defaults)
            plan.add(row)
            summary.doubts.look(row)
        except UsageError as error:
            summary.reject(RejectedRow(record.file, record.line, _why(error)))
    if defaults.name is not None and summary.rows:  # one error rather than one a row
        defaults.use.check(defaults.name, reading.columns)
    summary.forms, summary.columns = reading.forms, reading.columns
    summary.ignored, summary.secrets = reading.ignored, reading.secrets
    summary.logs = reading.logs
    return summary


def _why(error: UsageError) -> str:
    return f"{error.message} ({error.hint})" if error.hint else error.message


def check_grid(plan: Plan, tiles: int) -> None:
    """UsageError unless every row makes as many images as its grid has tiles."""
    if found := plan.first_of_other_count(tiles):
        index, count = found
        raise UsageError(
            _n(
                "{where}: {count} image does not fill a grid of {tiles}",
                "{where}: {count} images do not fill a grid of {tiles}",
                count,
                where=plan.place(index),
                tiles=tiles,
            ),
            hint=f"--count {tiles}",
        )


def check_names(plan: Plan, destination: Destination, why: str) -> None:
    """UsageError if two rows would write the same file, of which `why` would lose one."""
    names = plan.names()
    for item in plan.items():
        folder, stem = item.job(destination, "").target.place()
        owner = names.claim(str(folder / stem).casefold(), item.index)
        if owner is not None:
            raise UsageError(
                _(
                    "{first} and {second} both make '{name}': {why} would lose one",
                    first=plan.place(owner),
                    second=plan.place(item.index),
                    name=stem,
                    why=why,
                ),
                hint=_("name them apart: --name '{index:04}-{slug}'"),
            )


def default_folder(sources: Sequence[str]) -> Path:
    """The folder named after the first source, in the current one; never the source itself."""
    first = sources[0]
    if first == "-":
        return Path.cwd() / "batch"
    path = Path(os.path.abspath(first))
    # Not pathlib's stem, which takes the dots of `...txt` for a name since Python 3.14.
    name = path.name if path.is_dir() else path.name.rpartition(".")[0] or path.name
    # What is left of it is `..`, which would lead out of the current folder.
    folder = Path.cwd() / (name if name.strip(". ") else "batch")
    return folder.with_name(f"{folder.name}-images") if folder == path else folder


def parse_grid(text: str | None) -> tuple[int, int] | None:
    """`2x2` as columns and rows; UsageError otherwise."""
    if text is None:
        return None
    left, _times, right = text.lower().partition("x")
    if left.isdecimal() and right.isdecimal() and 2 <= int(left) * int(right) <= 100:
        return int(left), int(right)
    raise UsageError(_("--grid '{text}' is not COLUMNSxROWS", text=text), hint="--grid 2x2")


def choose(plan: Plan, host: str, selection: Selection) -> None:
    """Makes the plan's items; UsageError if nothing is selected, or more than a run can do."""
    if (count := plan.image_count(selection)) > MOST_IMAGES:
        raise UsageError(
            _("{count} images are more than one run takes ({most})", count=count, most=MOST_IMAGES),
            hint=_("a part at a time: --count, or --start and --limit"),
        )
    plan.arrange(host, selection)
    if not plan.counts().total and selection.shard == (1, 1):
        raise UsageError(
            _("no row is selected"),
            hint=_n("the source has {count} row", "the source has {count} rows", plan.row_count()),
        )


def shown_bad(summary: ReadSummary) -> Iterator[str]:
    """One line for each bad row, then how many more there are."""
    for bad in summary.bad:
        yield f"{bad.file}:{bad.line}: {bad.why}"
    if summary.bad_count > len(summary.bad):
        yield _("… and {count} more", count=summary.bad_count - len(summary.bad))


def understood_lines(summary: ReadSummary) -> Iterator[str]:
    """How each source was understood, a line a source, for the first few that differ."""
    lines = [line for log in summary.logs if (line := log.line)]
    yield from lines[:SOURCES_SHOWN]
    if len(lines) > SOURCES_SHOWN:
        yield _("… and {count} more", count=len(lines) - SOURCES_SHOWN)


def empty_name_lines(plan: Plan, use: NameUse) -> Iterator[str]:
    """Which fields of a name some rows leave empty."""
    for name, (count, first) in use.empty.items():
        yield _n(
            "--name: '{field}' is empty in {count} row: {place}",
            "--name: '{field}' is empty in {count} rows, the first is {place}",
            count,
            field=clean(name),
            place=plan.place(first),
        )


def repeated_line(repeated: int, *, dedupe: bool) -> str | None:
    """How many rows ask for what an earlier row asks for already."""
    if not repeated or dedupe:
        return None
    return _n(
        "{count} row repeats a prompt and is made again: --dedupe makes it once",
        "{count} rows repeat a prompt and are made again: --dedupe makes each once",
        repeated,
    )


def ignored_line(ignored: Counter[str]) -> str | None:
    """The one warning about columns CogView has nothing for."""
    if not ignored:
        return None
    most = ignored.most_common(8)
    parts = ", ".join(
        _n("{name} ({count} row)", "{name} ({count} rows)", count, name=name)
        for name, count in most
    )
    return _("CogView has no equivalent for: {columns}; kept in the sidecars only", columns=parts)


def secrets_line(secrets: Counter[str]) -> str | None:
    """The one warning about columns that are kept nowhere."""
    if not secrets:
        return None
    names = ", ".join(name for name, _count in secrets.most_common(8))
    return _(
        "columns named like secrets are left out of sidecars, ledger and failed rows: {columns}",
        columns=names,
    )
