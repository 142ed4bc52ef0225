"""The user's ledger in the user's state folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cogview_cli.config.store import ledger_path, replaced_state, state_dir
from cogview_cli.config.workspace import keep_out_of_git
from cogview_cli.disk.atomic import check_writable
from cogview_cli.errors import Locked, MachineError
from cogview_cli.i18n import _
from cogview_cli.ledger import Ledger
from cogview_cli.ledger.fallback import fallbacks, import_fallbacks
from cogview_cli.terminal import output

FREE_BYTES = 2**20


def open_ledger() -> Ledger:
    """The ledger, with room for answers. MachineError: no ledger, no POST."""
    folder = _made_state_folder()
    ledger = Ledger(folder)
    try:
        with suppress(MachineError):  # a full disk must not hide the ledger
            ledger.tidy()
        _check_room(folder)
        import_fallbacks(ledger)
    except BaseException:
        ledger.close()
        raise
    return ledger


def open_ledger_to_look() -> Ledger:
    """The ledger, brought up to date as far as there is room: what is unknown is always shown.

    Raises MachineError where it cannot be read, Locked where another process holds it.
    """
    folder = _made_state_folder()
    ledger = Ledger(folder)
    try:
        import_fallbacks(ledger)
        ledger.settle_dead_runs()
        with suppress(MachineError):  # last: what is unknown is to be seen also without room
            ledger.tidy()
    except Locked:
        ledger.close()
        raise
    except MachineError as error:
        output.warn(error.message)
    return ledger


def _check_room(folder: Path) -> None:
    try:
        check_writable(folder, FREE_BYTES)
    except MachineError as error:
        if not isinstance(error.__context__, OSError):
            raise
        hint = _("set COGVIEW_STATE_DIR to a folder that can be written, or to auto")
        raise MachineError(error.message, hint=hint) from None


def _made_state_folder() -> Path:
    """The state folder; where it is the workspace's, that is told, and git is told to pass by."""
    replaced = replaced_state(os.environ)
    if replaced is None:
        return state_dir()
    output.warn(
        _(
            "the state folder in your home cannot be written: the ledger is in '{path}'",
            path=replaced,
        )
    )
    with suppress(OSError):  # what is wrong is told when the ledger is opened
        keep_out_of_git(replaced)
    return replaced


@contextmanager
def existing_ledger() -> Iterator[Ledger | None]:
    """The ledger if there is one: nothing is created only to be looked at."""
    if not (ledger_path().exists() or any(fallbacks())):
        yield None
        return
    with Ledger(state_dir()) as ledger:
        import_fallbacks(ledger)
        yield ledger
