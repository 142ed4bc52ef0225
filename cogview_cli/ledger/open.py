"""The user's ledger in the user's state folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from cogview_cli.config.store import ledger_path, state_dir
from cogview_cli.disk.atomic import check_writable
from cogview_cli.errors import MachineError
from cogview_cli.ledger import Ledger
from cogview_cli.ledger.fallback import fallbacks, import_fallbacks

FREE_BYTES = 2**20


def open_ledger() -> Ledger:
    """The ledger, with room for answers. MachineError: no ledger, no POST."""
    folder = state_dir()
    ledger = Ledger(folder)
    try:
        with suppress(MachineError):  # a full disk must not hide the ledger
            ledger.tidy()
        check_writable(folder, FREE_BYTES)
        import_fallbacks(ledger)
    except BaseException:
        ledger.close()
        raise
    return ledger


@contextmanager
def existing_ledger() -> Iterator[Ledger | None]:
    """The ledger if there is one: nothing is created only to be looked at."""
    if not (ledger_path().exists() or any(fallbacks())):
        yield None
        return
    with Ledger(state_dir()) as ledger:
        import_fallbacks(ledger)
        yield ledger
