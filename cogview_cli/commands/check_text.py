"""`cogview check-text`: reads the lettering off pictures that are there. Free."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from cogview_cli.cli import options, text_options
from cogview_cli.disk.names import PICTURE_SUFFIXES, natural_key
from cogview_cli.errors import CogviewError, ExitCode, UsageError, worst
from cogview_cli.i18n import _
from cogview_cli.outcome import Problem
from cogview_cli.terminal import ending, output

if TYPE_CHECKING:
    from cogview_cli.terminal.pace import Progress
    from cogview_cli.textcheck.checker import TextChecker
    from cogview_cli.textcheck.compare import TextResult

# Pictures that are no results: takes that were not chosen, rows edited since.
_SKIPPED_FOLDERS = ("takes", "replaced")
EPILOG = "\b\n" + _("""Examples:
  cogview check-text pictures/                     by what their prompts put in quotation marks
  cogview check-text poster.png --text 重生之我是韦小宝

Prints the path of each picture with wrong text; 3 if there is one. Pictures whose sidecar says
how the same check ended are not read again, unless --again.
""")


class Checked(NamedTuple):
    """One picture: how its text compares, None if it cannot be judged, or why it was not read."""

    path: str
    result: TextResult | None = None
    error: CogviewError | None = None
    read: bool = True

    def record(self) -> dict[str, Any]:
        """Its `--json` object."""
        record = {"type": "text", "file": self.path}
        if self.error is None:
            return {**record, "text": self.result.record() if self.result else None}
        error = {"code": self.error.code, "message": self.error.message, "hint": self.error.hint}
        said = {name: value for name, value in error.items() if value}
        return {**record, "error": {**said, "retryable": False}}


def check_text(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH]…", help=_("Pictures, and folders of them. [default: this folder]")
        ),
    ] = None,
    text: text_options.Text = None,
    strict_text: text_options.StrictText = False,
    again: Annotated[
        bool, typer.Option("--again", help=_("Read pictures again that were checked before."))
    ] = False,
    json: options.Json = False,
    print0: options.Print0 = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Read the text on pictures, free, and compare it with what their prompts ask for."""
    import asyncio

    from cogview_cli.terminal.pace import Progress
    from cogview_cli.textcheck.extra import require

    pictures = list(_pictures(paths or [Path()], named=bool(text)))
    if not pictures:
        raise UsageError(
            _("there is no picture to check"), hint=_("cogview check-text FOLDER or PICTURE…")
        )
    require()
    style = output.OutputOptions(json=json, print0=print0, quiet=quiet)
    text_options.tell_of_nothing(text)
    run = _Check(style, Progress(len(pictures), quiet=quiet), text, strict=strict_text, again=again)
    with run.progress.shown():
        asyncio.run(run.all(pictures))
    run.summary()
    raise typer.Exit(int(run.exit_code))


class _Check:
    """A run of checks: what a signal stops, and what is counted."""

    def __init__(
        self,
        style: output.OutputOptions,
        progress: Progress,
        text: list[str] | None,
        *,
        strict: bool,
        again: bool,
    ) -> None:
        from cogview_cli.engine.deadline import Deadline

        self.stopping = False
        self.deadline = Deadline(None)  # nothing is paid: it may be killed at any time
        self.progress = progress
        self._style, self._text, self._strict, self._again = style, text, strict, again
        self._codes: list[ExitCode] = []
        self._counts = dict.fromkeys(("right", "wrong", "unjudged", "unread"), 0)
        self._unwritable = False
        self._cleared = set[Path]()

    @property
    def exit_code(self) -> ExitCode:
        """The worst of what was found."""
        return worst(self._codes)

    def stop(self, reason: Problem) -> None:
        """Nothing more is begun."""
        self.stopping = True
        self._codes.append(reason.exit_code)

    def notify(self, text: str, *, urgent: bool = False) -> None:
        """Tells what people should know at once."""
        if urgent:
            with self.progress.aside():
                output.say(text)

    async def all(self, pictures: list[Path]) -> None:
        """Checks the pictures, one after the other."""
        from cogview_cli.engine import pool
        from cogview_cli.textcheck.checker import TextChecker

        async with TextChecker(strict=self._strict) as checker:
            work = (partial(self._task, checker, path) for path in pictures)
            await pool.run_all(self, [pool.Lane(work, 1)], self._report)

    async def _task(self, checker: TextChecker, path: Path) -> Any:
        try:
            return await self._checked(checker, path)
        except CogviewError as error:
            return Checked(str(path), error=error)
        except OSError as error:
            return Checked(str(path), error=ending.as_told(error))

    async def _checked(self, checker: TextChecker, path: Path) -> Checked:
        from cogview_cli.pictures import checked_text

        place = path
        content = checked_text.content_beside(place)
        if content is None and path.is_symlink():  # its picture is checked, and not once more
            place = Path(os.path.realpath(path))
            content = checked_text.content_beside(place)
        wanted = checked_text.wanted_of(content, self._text)
        if wanted is None:
            return Checked(str(path), read=False)
        sha256 = checked_text.sha256_of(path)
        earlier = checked_text.earlier_result(content, wanted, sha256)
        if earlier is not None and not self._again:
            return Checked(str(path), earlier.judged(strict=self._strict), read=False)
        result = await checker.check(path, wanted)
        if content is not None:
            self._note(place, content, result, sha256)
        return Checked(str(path), result)

    def _note(self, path: Path, content: dict[str, Any], result: TextResult, sha256: str) -> None:
        from cogview_cli.disk.atomic import clear_left
        from cogview_cli.pictures.checked_text import note_result

        if path.parent not in self._cleared:
            self._cleared.add(path.parent)
            clear_left(path.parent)
        try:
            note_result(path, content, result, sha256)
        except OSError as error:
            if not self._unwritable:
                self._unwritable = True
                with self.progress.aside():
                    output.warn(_("cannot write into the sidecars: {why}", why=error.strerror))

    def _report(self, checked: Any) -> None:
        kind, code = _judged(checked)
        self._counts[kind] += 1
        self._codes.append(code)
        if self._style.json or kind in ("wrong", "unread"):
            with self.progress.aside():
                self._write(checked, kind)
        self.progress.step(timed=checked.read)

    def _write(self, checked: Checked, kind: str) -> None:
        if self._style.json:
            output.write_json(checked.record())
        elif kind == "wrong":
            output.write_path(checked.path, nul=self._style.print0)
        self._tell(checked, kind)

    def _tell(self, checked: Checked, kind: str) -> None:
        from cogview_cli.terminal.reporter import wrong_text_line

        if checked.error is not None:
            output.show_error(checked.error)
        elif kind == "wrong" and checked.result and not self._style.quiet:
            output.say(wrong_text_line(checked.path, checked.result.record()))

    def summary(self) -> None:
        """The last line, for scripts and for people."""
        code = self.exit_code
        if self._style.json:
            output.write_json({"type": "summary", **self._counts, "exit_code": int(code)})
        if not self._style.quiet:
            output.say(_summary_line(self._counts))


def _judged(checked: Checked) -> tuple[str, ExitCode]:
    """What a picture counts as, and the exit code it leads to."""
    if checked.error is not None:
        return "unread", checked.error.exit_code
    if checked.result is None:
        return "unjudged", ExitCode.OK
    return ("right", ExitCode.OK) if checked.result.ok else ("wrong", ExitCode.REJECTED)


def _summary_line(counts: dict[str, int]) -> str:
    parts = [
        _("text right on {count}", count=counts["right"]),
        _("wrong on {count}", count=counts["wrong"]),
    ]
    if counts["unjudged"]:
        parts.append(_("{count} with no text to compare", count=counts["unjudged"]))
    if counts["unread"]:
        parts.append(_("{count} not read", count=counts["unread"]))
    return _("; ").join(parts)


def _pictures(paths: list[Path], *, named: bool) -> Iterator[Path]:
    """The pictures at `paths` and in folders below, each once. UsageError for one that is not
    there.

    `named`: their text is given; then contact sheets, which are no results, are passed over.
    """
    from cogview_cli.gallery.ours import is_our_sheet

    seen: set[str] = set()
    for path in paths:
        for found in _below(path) if path.is_dir() else _named(path):
            real = os.path.realpath(found)
            if real not in seen and not (named and found != path and is_our_sheet(found)):
                seen.add(real)
                yield found


def _named(path: Path) -> Iterator[Path]:
    """A file that was named, if it is a picture: a shell's * names sidecars as well."""
    from cogview_cli.pictures.verify import sniff

    if not path.exists():
        raise UsageError(
            _("there is no '{path}'", path=path), hint=_("cogview check-text FOLDER or PICTURE…")
        )
    if not path.is_file():
        return  # a pipe would be waited for without end
    if path.suffix.lower() in PICTURE_SUFFIXES:
        yield path
    else:
        with path.open("rb") as file:
            if sniff(file.read(32)) is not None:
                yield path


def _below(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(
            (name for name in folders if name not in _SKIPPED_FOLDERS and name[0] != "."),
            key=natural_key,
        )
        for name in sorted(files, key=natural_key):
            path = Path(place, name)
            if path.suffix.lower() in PICTURE_SUFFIXES and name[0] != "." and path.is_file():
                yield path
