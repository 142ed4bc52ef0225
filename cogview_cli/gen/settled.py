"""The outcomes of pictures that nothing is sent for."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from cogview_cli.engine.failure import unknown_before
from cogview_cli.gen.plan import GenPlan
from cogview_cli.ledger import Entry
from cogview_cli.outcome import Outcome, SavedFile, Status


def numbered(outcome: Outcome, n: int) -> Outcome:
    """The outcome of what an earlier run has paid."""
    return outcome._replace(row=1, n=n, cost=Decimal(0))


def skipped(plan: GenPlan, n: int, files: tuple[SavedFile, ...], id: str | None = None) -> Outcome:
    """The outcome of a picture that is there already."""
    return bare(plan, n)._replace(status=Status.SKIPPED, id=id, cost=Decimal(0), files=files)


def unknown(plan: GenPlan, n: int, entry: Entry) -> Outcome:
    """The outcome of a picture whose answer an earlier run has lost."""
    problem = unknown_before(str(entry.message or ""))
    return bare(plan, n)._replace(status=Status.UNKNOWN, id=entry.id, problem=problem)


def bare(plan: GenPlan, n: int) -> Outcome:
    """The outcome of a picture that nothing was sent for."""
    request = plan.request
    return Outcome(
        status=Status.NOT_SENT,
        row=1,
        n=n,
        prompt=request.prompt,
        model=request.model,
        size=request.size,
    )


def found_file(path: Path) -> SavedFile:
    """A picture that was there before."""
    from cogview_cli.pictures import sidecar  # seldom needed before a request

    return sidecar.found_file(path)
