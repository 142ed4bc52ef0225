"""How a run ends: in words on stderr, as one JSON object for scripts, and with an exit code.

`run` ends a command that could not go on; `counted` an error in a run that has outcomes
already, whose summary comes after it. Both say the same, so what the last object of a run
says about the exit code is what the process ends with.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from cogview_cli.errors import CogviewError, ExitCode, Interrupted, MachineError, Signalled, worst
from cogview_cli.i18n import _
from cogview_cli.terminal import output
from cogview_cli.terminal.output import StdoutClosed
from cogview_cli.terminal.text import clean

if TYPE_CHECKING:
    from cogview_cli.outcome import Summary

# Scripts hear of it; people who pressed Ctrl-C or closed the pipe know.
_SILENT = (ExitCode.INTERRUPTED, ExitCode.STDOUT_CLOSED)


class _Asked(NamedTuple):
    """What the command line asks for, also where it makes no sense otherwise."""

    json: bool = False
    debug: bool = False


_asked = _Asked()


def begin(arguments: Sequence[str]) -> None:
    """A new run with this command line begins."""
    global _asked
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    _asked = _Asked(json="--json" in options, debug="--debug" in options)
    output.begin_run(quiet="--quiet" in options)


def run(arguments: Sequence[str], command: Callable[[], int]) -> int:
    """Runs a command; the exit code of the process, whatever happens."""
    begin(arguments)
    with _writing_from_the_background():
        try:
            return command()
        except BaseException as error:
            return int(tell(error))
        finally:
            output.let_go_of_streams()


@contextmanager
def _writing_from_the_background() -> Iterator[None]:
    """A job behind the shell's prompt that has paid for something is not stopped for a line."""
    terminals = [stream for stream in (sys.stdout, sys.stderr) if stream and stream.isatty()]
    if all(map(output.in_foreground, terminals)):
        yield
        return
    import signal

    before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGTTOU, before)


def exchange_listener() -> Callable[[str], None] | None:
    """Where each exchange with a server is told, if --debug asks for it."""
    return _say_safely if _asked.debug else None


def _say_safely(line: str) -> None:
    output.say(clean(line, 4000))


def trace(error: BaseException) -> None:
    """Where an error that does not end the run came from, if --debug asks for it."""
    if _asked.debug:
        output.show_traceback(error)


@contextmanager
def counted(summary: Summary, begun: Callable[[], bool] | None = None) -> Iterator[None]:
    """An error in this block is told and counts in the summary's exit code.

    Unless the run has not begun, with no outcome to sum up: then it is raised, for `run`.
    """
    try:
        yield
    except BaseException as error:
        if not (begun() if begun else summary.counts.total()):
            raise
        summary.codes.add(tell(error))


def tell(error: BaseException) -> ExitCode:
    """Says why a run ends outside of any image; the exit code it leads to."""
    told = as_told(error)
    if hears := output.listener():
        hears.failed(error)
        return told.exit_code
    if told.exit_code not in _SILENT:
        output.show_error(told)
        if _asked.debug:
            output.show_traceback(error)
    return write_error(told)


def write_error(error: CogviewError) -> ExitCode:
    """The error as an object on stdout, if scripts listen; the exit code it leads to."""
    if not _asked.json or error.exit_code is ExitCode.STDOUT_CLOSED:
        return error.exit_code
    try:
        output.write_json(
            {
                "type": "error",
                "code": error.code,
                "message": error.message,
                "hint": error.hint,
                "exit_code": int(error.exit_code),
            }
        )
    except (StdoutClosed, MachineError) as lost:
        return worst([error.exit_code, lost.exit_code])
    return error.exit_code


def as_told(error: BaseException) -> CogviewError:
    """An exception as the user hears of it: what nobody foresaw is a bug."""
    if isinstance(error, CogviewError):
        return error
    if isinstance(error, StdoutClosed | BrokenPipeError):
        return _StdoutGone(_("stdout was closed"))
    if isinstance(error, Signalled):
        return Interrupted(_("interrupted"), exit_code=error.exit_code)
    if isinstance(error, KeyboardInterrupt) or type(error).__name__ == "CancelledError":
        return Interrupted(_("interrupted"))
    if isinstance(error, OSError):
        return _machine(error)
    return CogviewError(
        f"{type(error).__name__}: {error}",
        hint=_("this is a bug: run it with --debug and report it"),
    )


class _StdoutGone(CogviewError):
    exit_code = ExitCode.STDOUT_CLOSED


def _machine(error: OSError) -> MachineError:
    if isinstance(error, FileNotFoundError) and error.filename is None and _nowhere():
        return MachineError(_("the current folder is gone"), hint=_("cd to one that is there"))
    why, path = _(error.strerror) if error.strerror else str(error), error.filename
    message = why if path is None else _("'{path}': {why}", path=path, why=why)
    return MachineError(message, hint=_("more about it: run it with --debug"))


def _nowhere() -> bool:
    """Whether the folder this process was started in has been removed since."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False
