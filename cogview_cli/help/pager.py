"""A page on a terminal: through the user's pager where it is longer than the screen."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping

from cogview_cli.terminal import output

# As git has it: quit if the text fits, show bold, leave it on the screen.
LESS = "FRX"
_PLAIN = ("", "cat")
WIDEST, NARROWEST = 100, 40


def columns() -> int:
    """How wide a page is shown here: as the terminal, or the usual width in a pipe."""
    return max(NARROWEST, min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns))


def styled(environ: Mapping[str, str]) -> bool:
    """Whether stdout shows bold text: a terminal, and nobody asks for none."""
    return output.stdout_is_terminal() and not environ.get("NO_COLOR")


def show(text: str) -> None:
    """Writes a whole page to stdout, through a pager where it does not fit on the screen."""
    if not (_long(text) and _paged(text, os.environ)):
        output.write_data(text.encode("utf-8"))


def _long(text: str) -> bool:
    return output.stdout_is_terminal() and text.count("\n") >= shutil.get_terminal_size().lines


def command(environ: Mapping[str, str]) -> list[str]:
    """The pager's words: COGVIEW_PAGER, else PAGER, else less; none to do without."""
    import shlex

    chosen = next((environ[name] for name in ("COGVIEW_PAGER", "PAGER") if name in environ), "less")
    try:
        words = shlex.split(chosen)
    except ValueError:
        return []
    return [] if chosen.strip() in _PLAIN else words


def _paged(text: str, environ: Mapping[str, str]) -> bool:
    """Whether a pager showed the text; False if there is none that can be started."""
    import signal
    import subprocess

    words = command(environ)
    if not words or sys.stdin is None or not sys.stdin.isatty():
        return False
    # Ctrl-C is for the pager; a handler, unlike SIG_IGN, is not inherited by it.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        subprocess.run(
            words, input=text.encode("utf-8"), env={"LESS": LESS, **environ}, check=False
        )
    except OSError:
        return False
    finally:
        signal.signal(signal.SIGINT, before)
    return True
