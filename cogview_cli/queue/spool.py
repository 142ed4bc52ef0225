"""Files of requests and results on their way: in the ledger's folder, for a short time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from cogview_cli.disk.atomic import open_new
from cogview_cli.errors import MachineError
from cogview_cli.i18n import _
from cogview_cli.ledger import Ledger
from cogview_cli.ledger.queue_parts import Part

REQUESTS, RESULTS = "jsonl", "results"


def spool(ledger: Ledger, part: Part, kind: str) -> Path:
    """Where the file of a part is; `kind`: REQUESTS or RESULTS."""
    return ledger.folder / "queue" / f"{part.id}.{kind}"


@contextmanager
def written(path: Path) -> Iterator[BinaryIO]:
    """The file, new and empty, for its user alone; MachineError where it cannot be written."""
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.unlink(missing_ok=True)
        with open_new(path, 0o600) as file:
            yield file
    except OSError as error:
        raise MachineError(
            _("cannot write '{path}': {reason}", path=path, reason=_(str(error.strerror))),
            hint=_("free some space, then run it again"),
        ) from error
