"""What the public functions return: how one wanted image ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from cogview_cli import errors
from cogview_cli.errors import CogviewError, ExitCode
from cogview_cli.outcome import WITH_IMAGE, Outcome, Problem, SavedFile
from cogview_cli.python_api.keywords import put_keywords


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageResult:
    """How one wanted image ended, with the fields of the lines of `--json`.

    `status`: saved, skipped (it was there), refused, failed, unknown (perhaps paid), unsaved
    (paid; `cogview recover`) or not_sent. `path` is None where there is no picture. `cost`: what
    was surely paid now, None if nothing was or its price is unknown. `text`: how the text on it
    compares, where that was checked. `error` says why there is
    no picture; `error_code` is the server's code or one of ours.
    """

    status: str
    path: Path | None
    sidecar: Path | None
    prompt: str
    model: str
    size: str | None
    index: int
    n: int
    row_id: str | None
    id: str | None
    request_id: str | None
    cost: Decimal | None
    currency: str
    width: int | None
    height: int | None
    bytes: int | None
    sha256: str | None
    content_filter: tuple[dict[str, Any], ...]
    text: Mapping[str, Any] | None
    warnings: tuple[str, ...]
    error: CogviewError | None
    error_code: str | None
    http_status: int | None
    retryable: bool


def results_of(outcome: Outcome) -> Iterator[ImageResult]:
    """The results of one outcome: one an image, one if there is none."""
    for number, file in enumerate(outcome.files or (None,)):
        # An answer with two images was paid once.
        cost = outcome.cost and (outcome.cost if not number else Decimal(0))
        yield _result(outcome, number, file, cost)


def _result(
    outcome: Outcome, number: int, file: SavedFile | None, cost: Decimal | None
) -> ImageResult:
    problem = outcome.problem
    return ImageResult(
        status=outcome.status,
        path=Path(file.file) if file and outcome.status in WITH_IMAGE else None,
        sidecar=Path(file.sidecar) if file and file.sidecar else None,
        prompt=outcome.prompt,
        model=outcome.model,
        size=outcome.size,
        index=outcome.row,
        n=outcome.n,
        row_id=outcome.row_id,
        id=outcome.id,
        request_id=outcome.request_id,
        cost=cost,
        currency=outcome.currency,
        width=(file and file.width) or None,
        height=(file and file.height) or None,
        bytes=(file and file.bytes) or None,
        sha256=(file and file.sha256) or None,
        content_filter=outcome.content_filter,
        text=outcome.text_of(number),
        warnings=outcome.warnings,
        error=error_of(problem) if problem else None,
        error_code=problem.code if problem else None,
        http_status=problem.http_status if problem else None,
        retryable=bool(problem and problem.retryable),
    )


CLASSES: Mapping[ExitCode, type[CogviewError]] = {
    kind.exit_code: kind
    for kind in (
        errors.UsageError,
        errors.AccountError,
        errors.UnknownOutcome,
        errors.PaidNotSaved,
        errors.BudgetReached,
        errors.Rejected,
        errors.ContentRefused,
        errors.MachineError,
        errors.Temporary,
        errors.Interrupted,
    )
}


def error_of(problem: Problem) -> CogviewError:
    """A problem as the exception of its kind."""
    error = CLASSES.get(problem.exit_code, CogviewError)(problem.message, hint=problem.hint)
    put_keywords(error)
    return error
