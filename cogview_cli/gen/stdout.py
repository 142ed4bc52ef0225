"""`-o -`: the bytes of a picture go to stdout. What it does not take stays, and is told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cogview_cli.errors import CogviewError, ExitCode, MachineError
from cogview_cli.i18n import _
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.outcome import Outcome, SavedFile
from cogview_cli.terminal import output
from cogview_cli.terminal.output import StdoutClosed

if TYPE_CHECKING:
    from cogview_cli.ledger import Ledger


class NotDelivered(CogviewError):
    """Paid for, and not where it was meant to go."""

    exit_code = ExitCode.UNSAVED


class StdoutDelivery:
    """Hands pictures over, and knows which ones stdout did not take."""

    def __init__(self, *, paid: bool) -> None:
        """`paid`: not of a sandbox, whose pictures nobody fetches once more."""
        self._paid = paid
        self._kept: dict[str, str] = {}

    def deliver(self, outcome: Outcome) -> None:
        """Writes the bytes of the first picture of an answer, then removes its file.

        Raises StdoutClosed, or NotDelivered (MachineError in a sandbox) where stdout takes
        nothing; then all files stay.
        """
        first, *others = outcome.files
        try:
            output.write_data(Path(first.file).read_bytes())
        except StdoutClosed:
            output.show_error(self._keep(outcome, _("stdout was closed")))
            raise
        except MachineError as error:
            raise self._keep(outcome, error.message) from None
        Path(first.file).unlink()
        for file in others:
            output.warn(_("the answer holds another picture: '{path}'", path=file.file))

    def _keep(self, outcome: Outcome, why: str) -> CogviewError:
        paths = _quoted(outcome.files)
        if not self._paid:
            message = _("{why}; the picture is in {paths}", why=why, paths=paths)
            return MachineError(message, hint=_("redirect it elsewhere"))
        if outcome.id:
            self._kept[outcome.id] = paths
        return NotDelivered(
            _("{why}; the picture is paid for, and is in {paths}", why=why, paths=paths),
            hint=_(
                "the same command again writes it, cogview recover saves it here; both are free"
            ),
        )

    def note(self, ledger: Ledger) -> None:
        """Notes what was not taken as still to be fetched, so that nobody pays for it again."""
        for id, paths in self._kept.items():
            ledger.undelivered(id, Message.of("not-delivered", paths=paths))


def _quoted(files: Sequence[SavedFile]) -> str:
    return ", ".join(f"'{file.file}'" for file in files)
