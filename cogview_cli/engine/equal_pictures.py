"""Pictures of one run that are the same byte for byte: a server with a fixed seed. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from cogview_cli.i18n import _
from cogview_cli.outcome import Outcome, Status

# A batch from such a server is told of a few times, not a thousand times.
TOLD = 3


class EqualPictures:
    """The pictures of a run by their SHA-256."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}
        self._told = 0

    def seen(self, outcome: Outcome) -> Iterator[str]:
        """What to say of the pictures of one more outcome that an earlier one has brought too."""
        for file in outcome.files if outcome.status == Status.SAVED else ():
            first = self._first.setdefault(file.sha256, file.file)
            if first != file.file and self._told < TOLD:
                self._told += 1
                yield _(
                    "'{path}' is the same picture as '{first}'; does the server use one seed for"
                    " all? --extra seed=random sends a new one with each request",
                    path=file.file,
                    first=first,
                )
