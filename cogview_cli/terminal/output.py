"""Everything that is printed: data to stdout, everything else to stderr."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol, TextIO

from cogview_cli.errors import CogviewError, ExitCode, MachineError
from cogview_cli.i18n import _
from cogview_cli.terminal.text import clean, json_safe

# The version of the objects that --json prints; the first one of a run carries it.
SCHEMA = 1


class StdoutClosed(Exception):
    """The reader of our stdout has gone."""

    exit_code = ExitCode.STDOUT_CLOSED


class OutputOptions(NamedTuple):
    """How to report: `json` lines, NUL-ended paths, how much on stderr."""

    json: bool = False
    print0: bool = False
    quiet: bool = False
    verbose: bool = False
    images_on_stdout: bool = False


class Listener(Protocol):
    """A program that uses this one as a library: it hears what a command would print."""

    def said(self, text: str, level: str) -> None:
        """A message of a level that `logging` knows: info, warning, error or debug."""

    def failed(self, error: BaseException) -> None:
        """An error ends the run, or counts in how it ends."""


_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """In this block, and the tasks begun in it, nothing is printed and nobody is asked."""
    before = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(before)


def listener() -> Listener | None:
    """Who listens instead of stdout and stderr, if anybody."""
    return _listener.get()


def write_data(data: bytes) -> None:
    """Writes and flushes bytes to stdout. Raises StdoutClosed, or MachineError for a full disk."""
    if listener():
        return
    stdout = sys.stdout
    if stdout is None:
        raise MachineError(_("stdout is closed"), hint=_("redirect it to a file or /dev/null"))
    try:
        stream = getattr(stdout, "buffer", None)
        if stream is None:
            stdout.write(data.decode("utf-8", "surrogateescape"))
        else:
            stream.write(data)
        stdout.flush()
    except BrokenPipeError:
        silence(stdout)
        raise StdoutClosed from None
    except (OSError, ValueError) as error:
        silence(stdout)
        why = getattr(error, "strerror", None) or str(error)
        raise MachineError(
            _("cannot write to stdout: {why}", why=why), hint=_("redirect it elsewhere")
        ) from None


def silence(stream: TextIO | None) -> None:
    """Lets the interpreter exit without complaining about a stream that takes nothing."""
    with suppress(OSError, ValueError, AttributeError):
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, stream.fileno())  # type: ignore[union-attr]
        os.close(sink)


def let_go_of_streams() -> None:
    """Flushes what libraries wrote, and what a stream did not take before.

    The interpreter would end with 120 for a stream that is gone, whatever the exit code is.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            silence(stream)


def write_line(text: str) -> None:
    """One line of data, as UTF-8 whatever the locale says."""
    write_data(text.encode("utf-8", "surrogateescape") + b"\n")


class _Run:
    """The run that is being reported: whether its JSON lines have begun; errors alone are said."""

    begun = False
    quiet = False


def begin_run(*, quiet: bool = False) -> None:
    """The next object is the first one of a run; `quiet`: it gives no warnings."""
    _Run.begun, _Run.quiet = False, quiet


def write_json(record: dict[str, Any]) -> None:
    """One object of a run on one line; the first one says which schema all follow."""
    first = {} if _Run.begun else {"schema": SCHEMA}
    _Run.begun = True
    write_bare_json({**first, **record})


def write_bare_json(record: Any) -> None:
    """One JSON value on one line, as it is."""
    text = json_safe(json.dumps(record, ensure_ascii=False, default=str))
    write_data(text.encode("utf-8", "backslashreplace") + b"\n")


def write_path(path: str, *, nul: bool = False) -> None:
    """A path as the exact bytes the file system uses."""
    write_data(os.fsencode(path) + (b"\0" if nul else b"\n"))


def say(text: str, *, level: str = "info") -> None:
    """A line for people, on stderr; characters it cannot encode are escaped."""
    if hears := listener():
        hears.said(text, level)
        return
    if sys.stderr is None:
        return
    with suppress(OSError, ValueError):
        encoding = sys.stderr.encoding or "utf-8"
        line = text.encode(encoding, "backslashreplace").decode(encoding)
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def show_error(error: CogviewError) -> None:
    """`error:` with what went wrong, then `hint:` on its own line with what to do next."""
    # The two words are the same in every language: scripts look for them.
    say(f"error: {clean(error.message, 600)}", level="error")
    if error.hint:
        say(f"hint: {clean(error.hint, 600)}")


def show_traceback(error: BaseException) -> None:
    """The traceback of an error, for --debug; foreign text in it is made safe to show."""
    import traceback

    for line in "".join(traceback.format_exception(error)).splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        say(indent + clean(line.lstrip(), 2000), level="debug")


def warn(text: str) -> None:
    """A warning: the work goes on. --quiet silences it, but for a program that listens."""
    if listener() or not _Run.quiet:
        say(f"warning: {clean(text, 600)}", level="warning")


def on_terminal() -> bool:
    """Whether stderr is a terminal that shows progress and colours, and this job is in front."""
    if listener() or not (sys.stderr and sys.stderr.isatty()) or os.environ.get("TERM") == "dumb":
        return False
    return in_foreground(sys.stderr)


def in_foreground(terminal: TextIO) -> bool:
    """Whether the shell of a terminal has this job in front: `gen &` must not draw on it."""
    try:
        return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except (AttributeError, OSError, ValueError):  # Windows, or not the terminal of our session
        return True


def stdout_is_terminal() -> bool:
    """Whether people read stdout, on a terminal that shows more than plain lines."""
    return bool(sys.stdout and sys.stdout.isatty()) and os.environ.get("TERM") != "dumb"
