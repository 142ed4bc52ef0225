"""Takes: requests for one image that was asked for again because of its text. Pure.

All takes of an image have its key. The first has the number 1; a later row with that number
begins anew, for an image that was lost. These functions say what the ledger's rows mean for
another take, whichever way that would be sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from cogview_cli.ledger.entry import (
    DOUBTFUL_STATES,
    PAID_STATES,
    Entry,
    Resolution,
    State,
)
from cogview_cli.textcheck.compare import TextResult

# Where the ledger keeps what was read of each picture, if an answer has several.
PICTURES = "pictures"


class TextRules(NamedTuple):
    """What is asked of the text of one image.

    `wanted`: at least one text. `strict`: doubtful characters count as wrong. `retakes`: how
    often it is asked for again at most, in all runs together. The rest is what the user says
    about takes that were refused or whose outcome is unknown.
    """

    wanted: tuple[str, ...]
    strict: bool = False
    retakes: int = 0
    retry_failed: bool = False
    retry_unknown: bool = False


def takes_of(entries: Sequence[Entry]) -> list[Entry]:
    """The takes of the image as it is now, oldest first, out of all requests with its key."""
    sent = [entry for entry in entries if entry.state != State.NOT_SENT]
    first = max((number for number, entry in enumerate(sent) if entry.take == 1), default=0)
    return sent[first:]


def text_record(results: Sequence[TextResult]) -> dict[str, Any]:
    """What the ledger keeps of the pictures of one answer: the worst, and all where some are."""
    records = [result.record() for result in results]
    worst = worst_of(results).record()
    return {**worst, PICTURES: records} if len(records) > 1 else worst


def worst_of(results: Sequence[TextResult]) -> TextResult:
    """The one that says least of what is wanted."""
    return min(results, key=lambda result: (result.ok, result.score))


def _as_read(entry: Entry) -> tuple[TextResult, ...]:
    """What is on record of each picture of an answer; () unless it is of all of them."""
    records = (entry.text or {}).get(PICTURES) or [entry.text]
    found = [result for record in records if (result := TextResult.of_record(record))]
    return tuple(found) if len(found) == max(1, len(entry.files)) else ()


def results_of(entry: Entry, rules: TextRules) -> tuple[TextResult, ...]:
    """How the text of each picture of a take compares; () if not all were read for these texts."""
    found = _as_read(entry)
    if any(result.wanted != rules.wanted for result in found):
        return ()
    return tuple(result.judged(strict=rules.strict) for result in found)


class Best(NamedTuple):
    """The take that gets the name, with the results of its pictures, at least one."""

    entry: Entry
    results: tuple[TextResult, ...]

    @property
    def good_enough(self) -> bool:
        """Whether a picture of it is right, so that nothing more is asked for."""
        return any(result.ok for result in self.results)

    @property
    def rank(self) -> tuple[bool, bool, float, int]:
        """The higher, the better."""
        worst = worst_of(self.results)
        return self.good_enough, worst.ok, worst.score, -self.entry.take


def unread(takes: Sequence[Entry], rules: TextRules) -> list[Entry]:
    """The takes with a picture on disk that nobody has read yet."""
    saved = (entry for entry in takes if entry.state == State.SAVED and entry.files)
    return [entry for entry in saved if not results_of(entry, rules)]


def best_take(takes: Sequence[Entry], rules: TextRules) -> Best | None:
    """The take that gets the name: one that is right, else the best score, else the earliest."""
    saved = (entry for entry in takes if entry.state == State.SAVED and entry.files)
    read = [Best(entry, results) for entry in saved if (results := results_of(entry, rules))]
    return max(read, key=lambda best: best.rank, default=None)


def best_as_read(takes: Sequence[Entry]) -> Entry | None:
    """The same by what is on record; None unless all pictures were read for the same texts."""
    saved = [entry for entry in takes if entry.state == State.SAVED and entry.files]
    read = [Best(entry, results) for entry in saved if (results := _as_read(entry))]
    if len(read) < len(saved) or len({r.wanted for best in read for r in best.results}) != 1:
        return None
    return max(read, key=lambda best: best.rank).entry


def takes_left(takes: Sequence[Entry], rules: TextRules) -> int:
    """How many more takes may be asked for; what was paid before, or may have been, counts.

    None after a take that was refused or is lost, unless the user says so.
    """
    if not takes or _is_final(takes[-1], rules):
        return 0
    spent = sum(entry.state in (*PAID_STATES, *DOUBTFUL_STATES) for entry in takes)
    return max(0, 1 + rules.retakes - max(1, spent))


def _is_final(newest: Entry, rules: TextRules) -> bool:
    if newest.state == State.REJECTED:
        return not rules.retry_failed
    if newest.state == State.RESOLVED:
        return newest.code == Resolution.DROP
    return newest.state == State.UNKNOWN and not rules.retry_unknown


def lost_take(takes: Sequence[Entry], rules: TextRules) -> Entry | None:
    """The take that no other follows because its outcome is unknown, while the text is wrong."""
    best = best_take(takes, rules)
    if best is None or best.good_enough or takes[-1].state != State.UNKNOWN or rules.retry_unknown:
        return None
    return takes[-1]


def needs_another(takes: Sequence[Entry], rules: TextRules) -> bool:
    """Whether another take is to be asked for now: all is read, the best is wrong, some are left.

    A take that is paid and not on disk, or that a server still has, is waited for.
    """
    open_ = (State.INTENT, State.PENDING, State.ANSWER)
    if any(entry.state in open_ for entry in takes) or unread(takes, rules):
        return False
    best = best_take(takes, rules)
    return best is not None and not best.good_enough and takes_left(takes, rules) > 0


def to_fetch(takes: Sequence[Entry]) -> list[Entry]:
    """Later takes that are paid and not on disk, or that the server has: free to be had.

    What waits in a queue comes with its results.
    """
    later = [entry for entry in takes if entry.take > 1]
    return [
        entry
        for entry in later
        if entry.state == State.ANSWER or (entry.state == State.PENDING and entry.part is None)
    ]


class Outlook(NamedTuple):
    """What is left to do about the text of a picture that is there.

    `open`: something of it is to be read, fetched or asked for. `left`: how many more takes there
    may be at most.
    """

    open: bool
    left: int


def outlook(takes: Sequence[Entry], rules: TextRules) -> Outlook:
    """What is left to do about the text of an image whose requests the ledger has."""
    best, left = best_take(takes, rules), takes_left(takes, rules)
    if best is None or to_fetch(takes) or unread(takes, rules):
        return Outlook(open=True, left=left)
    again = not best.good_enough and left > 0
    return Outlook(open=again, left=left if again else 0)
