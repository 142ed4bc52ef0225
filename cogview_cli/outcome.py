"""How one request ended, and what a run of them adds up to. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from cogview_cli.errors import CogviewError, ExitCode, worst

CURRENCY = "CNY"  # where nothing else is said


class Status(StrEnum):
    """How a request ended, as `--json` and the report name it."""

    SAVED = "saved"
    SKIPPED = "skipped"
    REFUSED = "refused"
    FAILED = "failed"
    UNKNOWN = "unknown"
    UNSAVED = "unsaved"
    NOT_SENT = "not_sent"
    QUEUED = "queued"


# What a summary counts, in its order; a queued request has not ended.
STATUSES = tuple(status for status in Status if status != Status.QUEUED)
WITH_IMAGE = (Status.SAVED, Status.SKIPPED)
# Sent, or meant to be, and no picture came of it.
LOSSES = (Status.REFUSED, Status.FAILED, Status.UNKNOWN, Status.UNSAVED)


class Problem(NamedTuple):
    """Why a request did not end as asked.

    `ends_run`: no other request of the run would fare better on this machine. `reason`: the
    cause alone, where `message` says what it means as well.
    """

    code: str
    message: str
    exit_code: ExitCode
    http_status: int | None = None
    retryable: bool = False
    hint: str = ""
    ends_run: bool = False
    reason: str = ""


def problem_of(error: CogviewError) -> Problem:
    """The problem behind one of our own errors, in the user's language."""
    return Problem(
        code=error.code,
        message=error.message,
        exit_code=error.exit_code,
        retryable=error.exit_code is ExitCode.TEMPORARY,
        hint=error.hint,
    )


def error_of(problem: Problem, what: str = "") -> CogviewError:
    """The error that tells a problem outside of any picture, perhaps of `what`."""
    message = f"{what}: {problem.message}" if what else problem.message
    error = CogviewError(message, hint=problem.hint)
    error.exit_code = problem.exit_code
    return error


class SavedFile(NamedTuple):
    """An image on disk and its sidecar, absolute or as the user gave the folder."""

    file: str
    sidecar: str | None
    format: str
    width: int
    height: int
    bytes: int
    sha256: str


class Outcome(NamedTuple):
    """The end of one request.

    `cost` is what was surely paid, None if nothing was or its price is unknown. `lost`: earlier
    tries of this run that may have been paid beside it. `row`: the number of its row in the
    input, 1 for `gen`; people know it as the index. `row_id`: what the row calls itself.
    `request_id`: what the server calls the request, for its support. `sandbox`: one answered, here
    or by its URL, and nothing was paid.
    """

    status: Status
    row: int
    n: int
    prompt: str
    model: str
    size: str | None
    id: str | None = None
    price: Decimal | None = None
    cost: Decimal | None = None
    files: tuple[SavedFile, ...] = ()
    content_filter: tuple[dict[str, Any], ...] = ()
    problem: Problem | None = None
    seconds: float | None = None
    row_id: str | None = None
    warnings: tuple[str, ...] = ()
    lost: int = 0
    currency: str = CURRENCY
    request_id: str | None = None
    sandbox: bool = False
    # Whether the text on the picture was looked at, and how it compares; None without any.
    # Of several pictures it is that of the worst; `texts` has one for each then.
    checked: bool = False
    text: Mapping[str, Any] | None = None
    texts: tuple[Mapping[str, Any], ...] = ()

    @property
    def wrong_text(self) -> bool:
        """Whether a picture carries wrong text."""
        return self.text is not None and not self.text["ok"]

    def text_of(self, number: int) -> Mapping[str, Any] | None:
        """How the text on one of the pictures compares; `number` from 0."""
        return self.texts[number] if number < len(self.texts) else self.text

    def with_texts(self, records: Sequence[Mapping[str, Any]]) -> "Outcome":
        """The same with how the text of each picture compares, at least one."""
        worst = min(records, key=lambda record: (record["ok"], record["score"]))
        texts = tuple(records) if len(records) > 1 else ()
        return self._replace(checked=True, text=worst, texts=texts)

    @property
    def paid_unpriced(self) -> bool:
        """Whether it cost what nobody here can say."""
        paid = self.status in (Status.SAVED, Status.UNSAVED)
        return paid and self.cost is None and self.price is None

    @property
    def exit_code(self) -> ExitCode:
        if self.problem is not None:
            return self.problem.exit_code
        return ExitCode.REJECTED if self.wrong_text else ExitCode.OK


def money(amount: Decimal | None, currency: str) -> str:
    """`0.06 CNY`, or `? CNY` for what nobody here can say."""
    return f"{'?' if amount is None else amount} {currency}"


def currency_field(currency: str) -> dict[str, str]:
    """The currency as `--json` tells it: only where it is not CNY."""
    return {} if currency == CURRENCY else {"currency": currency}


def ended_by_run(outcome: Outcome, reason: Problem | None) -> bool:
    """Whether an image was not asked for because the run ended, and for nothing of its own."""
    return outcome.status == Status.NOT_SENT and outcome.problem == reason


def image_records(outcome: Outcome) -> list[dict[str, Any]]:
    """The `--json` objects of one outcome: one an image, one if there is none."""
    if not outcome.files:
        return [_record(outcome, None, outcome.cost, outcome.text)]
    # An answer with two images was paid once.
    costs = [outcome.cost] + [Decimal(0) if outcome.cost is not None else None] * len(outcome.files)
    return [
        _record(outcome, file, cost, outcome.text_of(number))
        for number, (file, cost) in enumerate(zip(outcome.files, costs, strict=False))
    ]


def _record(
    outcome: Outcome,
    file: SavedFile | None,
    cost: Decimal | None,
    text: Mapping[str, Any] | None,
) -> dict[str, Any]:
    problem = outcome.problem
    filtered = outcome.status == Status.SAVED or outcome.content_filter
    record = {
        "type": "image",
        "status": outcome.status,
        "file": file.file if file else None,
        "sidecar": file.sidecar if file else None,
        "id": outcome.id,
        "index": outcome.row,
        "n": outcome.n,
        "prompt": outcome.prompt,
        "model": outcome.model,
        "size": outcome.size,
        "cost": None if cost is None else str(cost),
        **(currency_field(outcome.currency) if cost is not None else {}),
        "content_filter": list(outcome.content_filter) if filtered else None,
        **(_file_record(file) if file else {}),
        "request_id": outcome.request_id,
        "row_id": outcome.row_id,
        "warnings": list(outcome.warnings) or None,
        "error": _error_record(problem) if problem else None,
    }
    shown = {name: value for name, value in record.items() if value is not None}
    return {**shown, "text": text} if outcome.checked else shown


def _file_record(file: SavedFile) -> dict[str, Any]:
    """What is known of a file; of one that was there before that may be little."""
    return {
        "width": file.width or None,
        "height": file.height or None,
        "bytes": file.bytes or None,
        "sha256": file.sha256 or None,
    }


def _error_record(problem: Problem) -> dict[str, Any]:
    record = {
        "code": problem.code,
        "message": problem.message,
        "hint": problem.hint or None,
        "http_status": problem.http_status,
        "retryable": problem.retryable,
    }
    return {name: value for name, value in record.items() if value is not None}


class Summary:
    """Counts, money and exit code of a run; `add` each outcome as it ends."""

    __slots__ = (
        "checking", "codes", "cost", "counts", "currency", "earlier", "sandbox", "single",
        "stopped", "text_right", "text_unread", "text_wrong", "unknown_cost", "unpriced",
    )  # fmt: skip

    def __init__(
        self,
        *,
        single: bool,
        earlier: bool = False,
        sandbox: bool = False,
        currency: str = CURRENCY,
    ) -> None:
        """`single`: one prompt; its refusal has an exit code of its own.

        `earlier`: all was paid by earlier runs, nothing by this one. `sandbox`: nothing is paid,
        and the sums are what it would cost.
        """
        self.single, self.earlier, self.currency = single, earlier, currency
        self.sandbox = sandbox
        self.unpriced = 0
        # Whether pictures are read, on how many the text is right or wrong, and how many were not.
        self.checking = False
        self.text_right = self.text_wrong = self.text_unread = 0
        self.counts: Counter[Status] = Counter()
        self.codes: set[ExitCode] = set()
        self.cost = Decimal(0)
        self.unknown_cost = Decimal(0)
        self.stopped: ExitCode | None = None

    def add(self, outcome: Outcome) -> None:
        """Counts one outcome."""
        self.counts[outcome.status] += 1
        self.codes.add(self._code(outcome))
        if outcome.text is not None:
            self.text_wrong += outcome.wrong_text
            self.text_right += not outcome.wrong_text
        elif self.checking and outcome.status in WITH_IMAGE and not outcome.checked:
            self.text_unread += 1
        if not self.earlier:
            self._add_money(outcome)

    def _add_money(self, outcome: Outcome) -> None:
        self.sandbox |= outcome.sandbox
        self.cost += outcome.cost or 0
        perhaps = outcome.lost + (outcome.status in (Status.UNKNOWN, Status.QUEUED))
        self.unknown_cost += perhaps * outcome.price if perhaps and outcome.price else 0
        self.unpriced += outcome.paid_unpriced

    def _code(self, outcome: Outcome) -> ExitCode:
        code = outcome.exit_code
        return ExitCode.REJECTED if code is ExitCode.REFUSED and not self.single else code

    @property
    def exit_code(self) -> ExitCode:
        codes: Iterable[ExitCode] = [*self.codes, *([self.stopped] if self.stopped else [])]
        return worst(list(codes))

    def record(self) -> dict[str, Any]:
        """The last `--json` object of a run."""
        most = None if self.unpriced else self.cost + self.unknown_cost
        return {
            "type": "summary",
            **self._counted(),
            "cost": None if self.unpriced else str(self.cost),
            "cost_max": None if most is None else str(most),
            **currency_field(self.currency),
            **self._texts(),
            "exit_code": int(self.exit_code),
        }

    def _texts(self) -> dict[str, int]:
        """What was read, where pictures are read."""
        counted = {"text_right": self.text_right, "text_wrong": self.text_wrong}
        return counted if self.checking else {}

    def planned(self, most: Decimal | None, **counts: int) -> dict[str, Any]:
        """The same for `--dry-run`: nothing is paid, `most` what the requests cost at most.

        `counts`: of the requests and, in a batch, of the rows.
        """
        return {
            "type": "summary",
            **counts,
            **self._counted(),
            "cost": "0",
            "cost_max": None if most is None else str(most),
            **currency_field(self.currency),
            "exit_code": 0,
        }

    def _counted(self) -> dict[str, int]:
        queued = self.counts[Status.QUEUED]
        ended = {str(status): self.counts[status] for status in STATUSES}
        return {**ended, str(Status.QUEUED): queued} if queued else ended
