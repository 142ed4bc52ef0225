"""A try that brought no image: its class, its words, its exit code, the next step. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from cogview_cli.budget import Budget
from cogview_cli.codes import CODES, Kind
from cogview_cli.errors import ExitCode
from cogview_cli.outcome import Problem
from cogview_cli.retry import GiveUp
from cogview_cli.wire import ApiError

EXIT_OF_KIND = {
    Kind.THROTTLE: ExitCode.TEMPORARY,
    Kind.OVERLOAD: ExitCode.TEMPORARY,
    Kind.TRANSIENT: ExitCode.TEMPORARY,
    Kind.REFUSED: ExitCode.REFUSED,
    Kind.BAD_REQUEST: ExitCode.REJECTED,
    Kind.ACCOUNT: ExitCode.ACCOUNT,
    Kind.QUOTA: ExitCode.BUDGET,
    Kind.UNKNOWN: ExitCode.UNKNOWN,
    Kind.NOT_THE_API: ExitCode.MACHINE,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """A try without an image; `kind` None means it was never sent."""

    kind: Kind | None
    code: str
    message: str
    error: ApiError | None = None

    @property
    def words(self) -> str:
        """The failure in one line: the code's meaning and the server's own words."""
        meaning = CODES[self.code].meaning if self.code in CODES else ""
        parts = [f"code {self.code}" if self.code else "", meaning, self.message]
        return ": ".join(part for part in parts if part)

    def problem(self, why: GiveUp) -> Problem:
        """What to tell the user."""
        exit_code = EXIT_OF_KIND[self.kind] if self.kind else ExitCode.TEMPORARY
        reason = f" ({why.reason})" if why.reason else ""
        return Problem(
            code=self.code or (self.kind.value if self.kind else "network"),
            message=f"{self._what()}{reason}",
            exit_code=exit_code,
            http_status=self.error.status if self.error else None,
            retryable=exit_code is ExitCode.TEMPORARY,
            hint=_hint(self.kind, self.code),
        )

    def _what(self) -> str:
        if self.kind is not Kind.UNKNOWN:
            return self.words
        return f"outcome unknown, it may have been paid: {self.words}"


_HINTS = {
    Kind.ACCOUNT: "cogview config check",
    Kind.QUOTA: "wait until the quota is renewed, then run it again",
    Kind.UNKNOWN: "cogview history --unknown; not repeated (--on-unknown retry may pay twice)",
    Kind.NOT_THE_API: "check --base-url: cogview config show --origin",
    Kind.REFUSED: "change the prompt",
    Kind.BAD_REQUEST: "check model, size and quality: cogview sizes",
    Kind.THROTTLE: "run it again later, or lower --jobs",
}


def _hint(kind: Kind | None, code: str) -> str:
    if code == "1113":
        return "top up the account; keys of a Coding Plan do not pay for images"
    if kind is None:
        return "check the network and --base-url, then run it again: cogview config check"
    return _HINTS.get(kind, "run it again later")


CLAIMED = Problem(
    code="claimed",
    message="another cogview process is making this picture",
    exit_code=ExitCode.TEMPORARY,
    retryable=True,
    hint="run it again later",
)


def worn_out(failure: Failure) -> Problem:
    """The run has used up its allowance of failures."""
    return Problem(
        code="network",
        message=f"not sent: too many requests failed ({failure.words})",
        exit_code=ExitCode.TEMPORARY,
        retryable=True,
        hint="check the network (cogview config check), then run it again",
    )


def all_rejected(failure: Failure) -> Problem:
    """The same mistake in every request: the rest would fare no better."""
    return Problem(
        code="all-rejected",
        message=f"not sent: the API rejected every request so far with {failure.words}",
        exit_code=ExitCode.REJECTED,
        hint="check model, size and quality: cogview sizes",
    )


def over_budget(budget: Budget) -> Problem:
    """--max-cost is reached."""
    return Problem(
        code="budget",
        message=f"--max-cost {budget.limit} CNY leaves no room for another image"
        f" (spent or perhaps spent: {budget.most + budget.in_flight} CNY)",
        exit_code=ExitCode.BUDGET,
        hint="raise --max-cost to go on",
    )
