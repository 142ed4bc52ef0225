"""What an earlier run left of a plan: decided before anything is sent, reported first."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import NamedTuple

from cogview_cli.api.dialects import kind_of
from cogview_cli.api.error_codes import ErrorClass
from cogview_cli.batch.findings import Findings
from cogview_cli.batch.item import Item
from cogview_cli.batch.paid_before import paid_before
from cogview_cli.batch.plan import Found, Plan
from cogview_cli.batch.plan_results import to_text
from cogview_cli.batch.queue_outcomes import ended_outcome
from cogview_cli.batch.resume import Action, Decision, Rules, Sidecars, decide, marked
from cogview_cli.disk.destination import Destination
from cogview_cli.disk.locks import is_alive
from cogview_cli.engine.failure import unknown_before
from cogview_cli.errors import ExitCode, UsageError
from cogview_cli.i18n import _
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.ledger import UNVERIFIED, Entry, Ledger, State
from cogview_cli.ledger.marks import Mark, Marks
from cogview_cli.outcome import Outcome, Problem, SavedFile, Status
from cogview_cli.pictures.existing import image_in_the_way
from cogview_cli.pictures.outcomes import unsaved_problem
from cogview_cli.pictures.seen import look
from cogview_cli.pictures.sidecar import UNVERIFIED_SUFFIX, found_file

_THERE = Decision(action=Action.DONE)


class PreviousRun(NamedTuple):
    """The witnesses of earlier runs on one output folder."""

    ledger: Ledger | None
    sidecars: Sidecars
    marks: Marks
    destination: Destination
    rules: Rules
    verify: bool = False

    @property
    def namespace(self) -> str:
        """The output folder as the ledger names it, whatever links lead to it."""
        folder = str(Path(self.destination.root).resolve())
        return folder.encode("utf-8", "backslashreplace").decode()  # bytes that are no text

    def decide(self, plan: Plan) -> Findings:
        """Stores in the plan what to do with each item; tells what is out of the ordinary.

        MachineError under --on-exists fail, UsageError under overwrite, for a name taken.
        """
        findings = Findings()
        for chunk in plan.key_chunks():
            entries = self._entries(key for _, key in chunk)
            found = {
                key: self._decision(key, entries.get(key, ()), self.verify) for _, key in chunk
            }
            for key, decision in found.items():
                findings.note(decision, self.marks.of(key))
            plan.found(
                (*self._found(found[key], entries.get(key, ())), number) for number, key in chunk
            )
        if self.destination.on_exists in ("skip", "fail"):
            taken = (item.number for item in plan.to_send() if self._name_taken(item))
            plan.decide([(Action.DONE, "", number) for number in taken])
        elif self.destination.on_exists == "overwrite":
            self._check_overwrites(plan)
        return findings

    def _found(self, found: Decision, entries: Sequence[Entry]) -> Found:
        paid = paid_before(found, entries) or None
        return Found(found.action, _passed_over(found), paid, self._made(found))

    def _made(self, found: Decision) -> str | None:
        """What the plan keeps of a picture that is there, so that nothing is asked of it again."""
        whole = found.action == Action.DONE and not (found.mark or found.spoilt or self.rules.takes)
        return to_text([found.entry.id, found.entry.files]) if whole and found.entry else None

    def decide_again(self, plan: Plan) -> None:
        """The same for items that waited in the vendor's queue, after it was looked at.

        It may know of unknown ones, too.
        """
        for chunk in plan.doubtful_chunks():
            found = self._decisions(item.key for item in chunk)
            plan.decide(
                (found[item.key].action, _passed_over(found[item.key]), item.number)
                for item in chunk
            )

    def outcomes(self, plan: Plan) -> Iterator[tuple[Item, Decision, Outcome]]:
        """The outcomes of items that need nothing more, and why each does."""
        for chunk in plan.settled():
            asked = self._explained([[item for item in chunk if item.made is None]])
            for item in chunk:
                if item.made is not None:
                    yield item, _THERE, _settled(item, Status.SKIPPED, *item.made)
                else:
                    found = next(asked)[1]
                    yield item, found, self._outcome(item, found)

    def _outcome(self, item: Item, found: Decision) -> Outcome:
        entry = found.entry
        if entry is not None and not found.mark and self._has_just_ended(entry):
            return ended_outcome(item, entry)
        return settled_outcome(item, found)

    def _has_just_ended(self, entry: Entry) -> bool:
        """Whether it was refused, or lost, in the results that this run has read."""
        bad = entry.state in (State.REJECTED, State.UNKNOWN)
        return bad and entry.part is not None and entry.take == 1 and self.is_ours(entry)

    def entry(self, item: Item) -> Entry:
        """The request whose image is to be fetched."""
        assert self.ledger is not None
        entry = self.ledger.get(next(iter(item.known)))
        return _beside_what_is_there(entry) if entry.state == State.SAVED else entry

    def decision(self, item: Item) -> Decision:
        """What was found of an item whose picture is there."""
        return self._decisions([item.key])[item.key]

    def _entries(self, keys: Iterable[str]) -> dict[str, list[Entry]]:
        return self.ledger.by_key(self.namespace, keys) if self.ledger else {}

    def _decisions(self, keys: Iterable[str]) -> dict[str, Decision]:
        """What ledger, sidecars and marks say of each key."""
        keys = list(keys)
        found = self._entries(keys)
        return {key: self._decision(key, found.get(key, ()), verify=False) for key in keys}

    def _decision(self, key: str, entries: Sequence[Entry], verify: bool) -> Decision:
        seen = partial(self.sidecars.image, key)
        found = decide(
            list(self._settled(entries)), seen, self.rules, look=partial(look, verify=verify)
        )
        mark = self.marks.of(key)
        return marked(found, mark, entries, self.rules) if mark else found

    def _explained(self, chunks: Iterable[list[Item]]) -> Iterator[tuple[Item, Decision]]:
        """Each item with why it is not to be sent."""
        for chunk in chunks:
            found = self._decisions(item.key for item in chunk)
            for item in chunk:
                by_key = found[item.key]
                named = self._name_taken(item) if by_key.action == Action.SEND else None
                yield item, named or by_key

    def _settled(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Without what living runs still work on; what dead ones left open is unknown."""
        for entry in entries:
            queued = entry.state == State.PENDING and entry.part is not None
            if queued or entry.state not in (State.INTENT, State.ANSWER, State.PENDING):
                yield entry
            elif not self._alive(entry.run):
                yield _lost(entry) if entry.state == State.INTENT else entry

    def is_ours(self, entry: Entry) -> bool:
        """Whether this process is the one that has the request in hand."""
        return self.ledger is not None and self.ledger.is_ours(entry.run)

    def _alive(self, run: str) -> bool:
        if self.ledger is None or self.ledger.is_ours(run):
            return False
        return is_alive(self.ledger.folder / "runs", run)

    def _check_overwrites(self, plan: Plan) -> None:
        """UsageError if a new image would replace one that another item has: paid, then lost."""
        kept = plan.names()
        for item, found in self._explained(plan.not_to_send()):
            for file in _files(found):
                kept.claim(_comparable(file.file), item.index)
        for item in plan.to_send():
            folder, stem = item.job(self.destination, "").target.place()
            if kept.owner(_comparable(f"{folder / stem}.png")) is not None:
                raise _would_replace(stem)

    def _name_taken(self, item: Item) -> Decision | None:
        """The file that makes an item needless under --on-exists skip."""
        if self.destination.on_exists not in ("skip", "fail"):
            return None
        there = image_in_the_way(item.job(self.destination, "").target, item.key)
        return Decision(action=Action.DONE, image=str(there)) if there else None


def _beside_what_is_there(entry: Entry) -> Entry:
    """A saved request to be fetched again: what has its name now may be the user's own work."""
    destination = {**entry.target["destination"], "on_exists": "rename"}
    return entry._replace(target={**entry.target, "destination": destination})


def _lost(entry: Entry) -> Entry:
    """An intent whose process has died."""
    return entry._replace(state=State.UNKNOWN)


def _would_replace(stem: str) -> UsageError:
    return UsageError(
        _(
            "--on-exists overwrite: the new '{name}' would replace an image of this batch",
            name=stem,
        ),
        hint=_("name it apart (--name '{index:04}-{slug}'), or: --on-exists rename"),
    )


def _passed_over(found: Decision) -> str:
    """What the plan keeps: the request to fetch, or those that a new one passes over."""
    if found.action == Action.FETCH and found.entry:
        return found.entry.id
    return " ".join(sorted(found.known))


def _comparable(image: str) -> str:
    """An image's name without suffix and letter case, whatever links lead to its folder."""
    path = Path(image)
    return str(Path(os.path.realpath(path.parent), path.stem)).casefold()


def _unverified(path: str) -> Problem:
    return unsaved_problem(Message.of("kept-unverified", path=path), code=UNVERIFIED)


def settled_outcome(item: Item, found: Decision) -> Outcome:
    """The outcome of an item that an earlier run has settled."""
    entry = found.entry
    id = entry.id if entry else found.mark.id or None if found.mark else None
    return _settled(item, _status(found), id, _files(found), _problem(found))


def _settled(
    item: Item,
    status: Status,
    id: str | None,
    files: tuple[SavedFile, ...],
    problem: Problem | None = None,
) -> Outcome:
    return item.outcome(status, problem)._replace(id=id, cost=Decimal(0), files=files)


def _status(found: Decision) -> Status:
    if found.action == Action.UNKNOWN:
        return Status.UNKNOWN
    if found.action != Action.REFUSED:
        return Status.UNSAVED if _is_unverified(found) else Status.SKIPPED
    code = found.entry.code if found.entry else None
    # Without a code: a 200 with a filter was refused, a 4xx did not like the request.
    answer = found.entry.answer if found.entry else None
    rejected = not code and answer is not None and answer.status >= 400
    other = code and kind_of(code) is not ErrorClass.REFUSED
    return Status.FAILED if rejected or other else Status.REFUSED


def _is_unverified(found: Decision) -> bool:
    """Whether a sidecar is all that speaks of the request, and it lies beside no image."""
    return str(found.image).endswith(UNVERIFIED_SUFFIX)


def _files(found: Decision) -> tuple[SavedFile, ...]:
    if found.entry and found.entry.files:
        files = (SavedFile(**record) for record in found.entry.files)
        return tuple(_edited(f) if f.file in found.spoilt else f for f in files)
    if found.image is None:
        return ()
    return (found_file(Path(found.image)),)


def _edited(file: SavedFile) -> SavedFile:
    """A file that is not as it was saved: only its size can be told without opening it."""
    there = found_file(Path(file.file))
    return there._replace(width=0, height=0, sha256="", format=file.format)


def _problem(found: Decision) -> Problem | None:
    if found.mark:
        return _marked(found.mark)
    why = found.entry.message or "" if found.entry else None
    if found.action == Action.UNKNOWN:
        return unknown_before(str(why or ""))
    if found.action == Action.REFUSED:
        code = found.entry.code if found.entry else None
        return Problem(
            code=code or Status.REFUSED,
            message=_("refused in an earlier run: {reason}", reason=why),
            exit_code=ExitCode.REJECTED,
            hint=_("change the prompt, or ask again: --retry-failed"),
        )
    if _is_unverified(found):
        return _unverified(str(found.image))
    return None


def _marked(mark: Mark) -> Problem:
    return Problem(
        code=Status.UNKNOWN,
        message=_(
            "a request of another machine or ledger ({host}) may have been paid",
            host=mark.host or "?",
        ),
        exit_code=ExitCode.UNKNOWN,
        hint=_(
            "finish it there: cogview recover; else, perhaps paying twice, --on-unknown retry,"
            " or delete its mark: {path}",
            path=mark.path.parent / f"*{mark.path.suffix}",
        ),
    )
