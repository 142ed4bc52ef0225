"""What reading has met: told before anything is sent, so that nothing is guessed in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from cogview_cli.i18n import _, _n
from cogview_cli.sources.columns import ColumnRoles, find_column
from cogview_cli.sources.secrets import is_secret_name
from cogview_cli.terminal.text import clean

COLUMNS_KEPT = 50
_TOLD = 12


@dataclass(slots=True)
class Seen:
    """What all sources have shown: column names in order, fields without use, secrets.

    `choices` are what the user answered where several columns may be the prompt.
    """

    columns: list[str] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    secrets: Counter[str] = field(default_factory=Counter)
    choices: dict[tuple[str, ...], str] = field(default_factory=dict)

    def note(self, names: Iterable[str]) -> None:
        """Adds column names not seen before, up to a limit."""
        _add(self.columns, names)


@dataclass(slots=True)
class SourceLog:
    """How one source was understood.

    `prompts` are the columns that held the prompts, `used` the others with a meaning and
    what it is, `kept` those without, `unclear` those that look like a setting we cannot
    read. `template` are the holes of --template. `header` is its line where it is not the
    first; `comments` and `questions` count lines that are no prompts; `blanks` are holes of
    the template that rows leave empty: how many, and the line of the first.
    """

    file: str
    form: str = ""
    prompts: list[str] = field(default_factory=list)
    template: tuple[str, ...] = ()
    headerless: bool = False
    header: int = 0
    used: dict[str, str] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    comments: int = 0
    questions: int = 0
    blanks: dict[str, tuple[int, int]] = field(default_factory=dict)

    def plan(self, plan: ColumnRoles) -> None:
        """Notes what the columns of some rows mean."""
        for column, role in plan.used.items():
            if len(self.used) < COLUMNS_KEPT:
                self.used[column] = role
        unclear = {*plan.unclear, *(name for key, name in plan.ignored if key in _LONE)}
        _add(self.unclear, (name for name in plan.extra if name in unclear))
        told = unclear.union((name for _key, name in plan.ignored), [plan.text or ""])
        kept = (name for name in plan.extra if name not in told)
        _add(self.kept, (name for name in kept if not is_secret_name(name)))

    def prompt(self, column: str) -> None:
        """Notes the column that holds a prompt."""
        if column not in self.prompts and len(self.prompts) < COLUMNS_KEPT:
            self.prompts.append(column)

    def blank(self, holes: Iterable[str], line: int) -> None:
        """Notes the holes of the template that the row on `line` fills with nothing."""
        for hole in holes:
            count, first = self.blanks.get(hole, (0, line))
            self.blanks[hole] = count + 1, first

    @property
    def warnings(self) -> Iterable[str]:
        """A line for each hole of the template that some rows leave empty."""
        for hole, (count, first) in self.blanks.items():
            yield _n(
                "--template: '{column}' is empty in {count} row: {place}",
                "--template: '{column}' is empty in {count} rows, the first is {place}",
                count,
                column=clean(hole),
                place=f"{self.file}:{first}",
            )

    def beside(self, names: Iterable[str]) -> None:
        """Notes what stands beside the list of prompts and is not read."""
        _add(self.unclear, names)

    @property
    def line(self) -> str:
        """What was understood, in a line; "" where there was nothing to understand."""
        parts = [part for part in self._parts() if part]
        if not parts:
            return ""
        start = _("{file} ({form})", file=self.file, form=self.form) if self.form else self.file
        return _("{source}: {parts}", source=start, parts=_("; ").join(parts))

    def _parts(self) -> Iterable[str]:
        prompts = {*self.prompts, *(find_column(hole, self.kept) for hole in self.template)}
        kept = [name for name in self.kept if name not in prompts]
        unclear = [name for name in self.unclear if name not in prompts]
        yield self._prompt_part()
        if self.used:
            pairs = (f"{role} = {column}" for column, role in self.used.items())
            yield _("used: {columns}", columns=_few(pairs))
        if self.header:
            yield _("header on line {line}", line=self.header)
        if kept:
            yield _("only kept: {columns}", columns=_few(kept))
        if unclear:
            yield _("not understood: {columns}", columns=_few(unclear))
        yield from self._counts()

    def _prompt_part(self) -> str:
        if self.template:
            return _("prompt from --template") if self.used or self.kept else ""
        if self.headerless:
            return _("no header: each row of the only column is a prompt")
        return _("prompt = {columns}", columns=_few(self.prompts)) if self.prompts else ""

    def _counts(self) -> Iterable[str]:
        if self.comments:
            yield _n(
                "{count} comment line skipped: --no-comments reads it",
                "{count} comment lines skipped: --no-comments reads them",
                self.comments,
            )
        if self.questions:
            yield _n(
                "{count} row is a question about the prompt of the row before",
                "{count} rows are questions about the prompt of the row before",
                self.questions,
            )


_LONE = ("width", "height")


def _add(known: list[str], names: Iterable[str]) -> None:
    for name in names:
        if len(known) < COLUMNS_KEPT and name not in known:
            known.append(name)


def _few(names: Iterable[str]) -> str:
    """Names for one line, the first dozen of them."""
    listed = list(names)
    more = [] if len(listed) <= _TOLD else [_("and {count} more", count=len(listed) - _TOLD)]
    return clean(", ".join([*listed[:_TOLD], *more]), 600)
