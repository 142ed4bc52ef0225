"""What the plan of a run tells of its items. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from cogview_cli.api.protocol import ImageRequest
from cogview_cli.batch.row import target_of
from cogview_cli.disk.destination import Destination
from cogview_cli.engine.job import Job
from cogview_cli.outcome import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One wanted image of the plan."""

    number: int
    index: int
    n: int
    key: str
    body: dict[str, Any]
    template: str
    fields: dict[str, Any]
    source: dict[str, Any]
    known: frozenset[str]

    def job(self, destination: Destination, namespace: str) -> Job:
        """This image as a job for the generator."""
        return Job(
            row=self.index,
            n=self.n,
            request=ImageRequest.from_body(self.body),
            target=target_of(destination, self.template, self.fields, self.n, self.key),
            key=self.key,
            namespace=namespace,
            source=self.source,
            known=self.known,
        )


class Counts(NamedTuple):
    """How many items a plan has, are to be sent, to be fetched, and without a noted end."""

    total: int
    to_send: int
    to_fetch: int
    unfinished: int

    @property
    def to_do(self) -> int:
        return self.to_send + self.to_fetch


class FailedRow(NamedTuple):
    """A row to ask again: its request, its own columns, and how many images it lacks."""

    body: dict[str, Any]
    columns: dict[str, Any]
    missing: int


class Group(NamedTuple):
    """Items that ended the same way, with the places of a few of their rows."""

    status: Status
    message: str
    hint: str
    images: int
    places: tuple[str, ...]
