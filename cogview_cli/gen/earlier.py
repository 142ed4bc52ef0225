"""What earlier `gen` of the same request and the same place have left.

What is paid for and not on disk is fetched before anything is paid, and counts as one of the
pictures wanted. With --once the pictures on disk count first; only what is missing then meets
the unknown outcomes. A request that repeats one of those has its key: that settles it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from cogview_cli.disk.destination import Target
from cogview_cli.errors import UsageError
from cogview_cli.gen.plan import GenPlan
from cogview_cli.ledger import PAID_STATES, UNVERIFIED, Entry, State


class Earlier(NamedTuple):
    """Requests that make new ones needless, the first asked for first.

    `asked`: by key, the ids of all requests that a new one with this key passes over; `by_key`:
    those requests, oldest first.
    """

    done: Sequence[Entry] = ()
    to_fetch: Sequence[Entry] = ()
    unknown: Sequence[Entry] = ()
    asked: Mapping[str, frozenset[str]] = {}
    by_key: Mapping[str, Sequence[Entry]] = {}


def unfetched(entries: Sequence[Entry], *, takes: bool = False) -> Earlier:
    """What has to be fetched before anything is paid. `entries` of no living process.

    `takes`: also later takes of a picture that is there.
    """
    waiting = (e for e in entries if _is_waiting(e) and e.code != UNVERIFIED)
    return Earlier(to_fetch=[e for e in waiting if takes or e.take == 1])


def once(entries: Sequence[Entry], *, on_disk: Callable[[Entry], bool]) -> Earlier:
    """The same for --once, where every picture counts as one, whatever was lost beside it."""
    from cogview_cli.pictures.takes import is_aside

    own = [entry for entry in entries if not is_aside(entry)]
    done = _made(own, on_disk)
    there = {entry.id for entry in done}
    to_fetch = [entry for entry in own if entry.id not in there and _may_be_had(entry)]
    to_fetch.sort(key=lambda entry: entry.code == UNVERIFIED)
    by_key = _by_key(entries)
    unknown = [lost for of_key in _by_key(own).values() if (lost := _unsettled(of_key))]
    asked = {key: frozenset(entry.id for entry in of_key) for key, of_key in by_key.items()}
    return Earlier(done, to_fetch, unknown, asked, by_key)


def _by_key(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.state != State.NOT_SENT:
            found.setdefault(entry.key, []).append(entry)
    return found


def _made(entries: Sequence[Entry], on_disk: Callable[[Entry], bool]) -> list[Entry]:
    """Those with a picture on disk; a file that was replaced is the newest one's alone."""
    found: list[Entry] = []
    files: set[str] = set()
    for entry in reversed(entries):
        own = {str(file["file"]) for file in entry.files}
        if entry.state == State.SAVED and not own & files and on_disk(entry):
            found.append(entry)
            files |= own
    return found[::-1]


def _unsettled(of_key: Sequence[Entry]) -> Entry | None:
    """The request of unknown outcome that nothing newer with its key has settled."""
    for entry in of_key[::-1]:
        if entry.state == State.UNKNOWN:
            return entry
        if entry.state in (*PAID_STATES, State.RESOLVED):
            return None
    return None


def _may_be_had(entry: Entry) -> bool:
    return _is_waiting(entry) or (entry.state == State.SAVED and _has_link(entry))


def _is_waiting(entry: Entry) -> bool:
    """Whether it was asked for and its picture may be had; those of a sandbox go with it."""
    return entry.obtainable


def _has_link(entry: Entry) -> bool:
    """Whether the picture may be had a second time."""
    return entry.fetchable and not entry.in_sandbox


def on_disk(entry: Entry) -> bool:
    """Whether the pictures of an answer are where they were saved, in the size they had.

    A file that another request has made since is another picture.
    """
    return bool(entry.files) and all(
        _is_that(entry, Path(file["file"]), int(file["bytes"])) for file in entry.files
    )


def _is_that(entry: Entry, path: Path, size: int) -> bool:
    from cogview_cli.pictures import sidecar

    try:
        if not path.is_file() or path.stat().st_size != size:
            return False
    except OSError:
        return False
    beside = sidecar.sidecar_path(path)
    return not beside.exists() or sidecar.belongs_to(beside, entry.id, entry.key)


def same_picture(plan: GenPlan, target: Target, counted: Collection[str]) -> Path | None:
    """The picture under the wanted name, if its sidecar tells of this very request.

    `counted`: ids of answers whose pictures are counted already.
    """
    from cogview_cli.pictures import sidecar

    there = target.existing()
    if there is None:
        return None
    try:
        content = sidecar.read(sidecar.sidecar_path(there))
        size = content["image"]["bytes"]
        found = sidecar.read_request(sidecar.sidecar_path(there))
        same = found == plan.request and there.stat().st_size == size
    except (OSError, ValueError, KeyError, TypeError, UsageError):
        return None
    return there if same and content.get("id") not in counted else None
