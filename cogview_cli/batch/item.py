"""What the plan of a run tells of its items. Pure."""

from __future__ import annotations

import json
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from cogview_cli.api.request import ImageRequest, extra_fields
from cogview_cli.batch.row import target_of
from cogview_cli.disk.destination import Destination
from cogview_cli.engine.job import Job
from cogview_cli.outcome import Outcome, Problem, SavedFile, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One wanted image of the plan; `copy` counts those of one name, in the order of rows."""

    number: int
    index: int
    n: int
    key: str
    body: dict[str, Any]
    template: str
    fields: dict[str, Any]
    source: dict[str, Any]
    known: frozenset[str]
    copy: int = 1
    # The text that the picture is to carry, if anybody looks; what is decided about the item.
    wanted: tuple[str, ...] | None = None
    action: str = ""
    # The request whose picture was there before, and its files.
    made: tuple[str, tuple[SavedFile, ...]] | None = None

    @classmethod
    def of_columns(
        cls, number: int, index: int, n: int, key: str, body: str, template: str, fields: str,
        source: str, known: str, copy: int, wanted: str | None, action: str,
        made: str | None,
    ) -> Item:  # fmt: skip
        """The item that a plan keeps in these columns."""
        return cls(
            number=number,
            index=index,
            n=n,
            key=key,
            body=json.loads(body),
            template=template,
            fields=json.loads(fields),
            source=json.loads(source),
            known=frozenset(known.split()),
            copy=copy,
            wanted=tuple(json.loads(wanted)) if wanted else None,
            action=action,
            made=_made(made) if made else None,
        )

    def job(self, destination: Destination, namespace: str) -> Job:
        """This image as a job for the generator."""
        return Job(
            row=self.index,
            n=self.n,
            request=ImageRequest.from_body(self.body, extra_fields(self.body)),
            target=target_of(destination, self.template, self.fields, self.n, self.key, self.copy),
            key=self.key,
            namespace=namespace,
            source=self.source,
            known=self.known,
        )

    def outcome(self, status: Status, problem: Problem | None = None) -> Outcome:
        """How it ended, without a picture."""
        return Outcome(
            status=status,
            row=self.index,
            n=self.n,
            prompt=self.body["prompt"],
            model=self.body["model"],
            size=self.body.get("size"),
            problem=problem,
            row_id=self.source.get("row_id"),
        )

    def expected_path(self, destination: Destination, gone: Container[str] = ()) -> Path:
        """Where the image will be; `gone` are images that will have been moved away."""
        return self.job(destination, "").target.expected_path(gone)


def _made(text: str) -> tuple[str, tuple[SavedFile, ...]]:
    id, files = json.loads(text)
    return id, tuple(SavedFile(**file) for file in files)


class Counts(NamedTuple):
    """How many items a plan has, and how many of them are to be sent, to be fetched, without a
    noted end, waiting in a queue, to be read.
    """

    total: int
    to_send: int
    to_fetch: int
    unfinished: int
    waiting: int = 0
    to_check: int = 0

    @property
    def to_do(self) -> int:
        return self.to_send + self.to_fetch + self.waiting + self.to_check


class FailedRow(NamedTuple):
    """A row to ask again: its request, its own columns and what they mean, what it lacks."""

    body: dict[str, Any]
    columns: dict[str, Any]
    roles: dict[str, str]
    table: bool
    missing: int


class Group(NamedTuple):
    """Items that ended the same way; `message`: why; with the places of a few of their rows."""

    status: Status
    message: str
    hint: str
    images: int
    places: tuple[str, ...]
