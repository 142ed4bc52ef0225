"""A try that brought no image: its class, its words, its exit code, the next step. Pure."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from cogview_cli.api.error_codes import CODES, ErrorClass
from cogview_cli.api.protocol import ApiError
from cogview_cli.engine.budget import Budget
from cogview_cli.engine.retry import GiveUp
from cogview_cli.errors import ExitCode
from cogview_cli.i18n import _
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.outcome import Problem, Status, money

EXIT_OF_CLASS = {
    ErrorClass.THROTTLE: ExitCode.TEMPORARY,
    ErrorClass.OVERLOAD: ExitCode.TEMPORARY,
    ErrorClass.TRANSIENT: ExitCode.TEMPORARY,
    ErrorClass.REFUSED: ExitCode.REFUSED,
    ErrorClass.BAD_REQUEST: ExitCode.REJECTED,
    ErrorClass.ACCOUNT: ExitCode.ACCOUNT,
    ErrorClass.QUOTA: ExitCode.BUDGET,
    ErrorClass.LATER: ExitCode.TEMPORARY,
    ErrorClass.UNKNOWN: ExitCode.UNKNOWN,
    ErrorClass.NOT_THE_API: ExitCode.MACHINE,
}


# new-api ends its messages with one, LiteLLM quotes them: different for every request.
_REQUEST_ID = r"\b(?=[\w-]*[0-9])[\w-]{12,}"


def sameness(code: str, words: str) -> str:
    """What failures of one mistake have in common: the vendor's code, or a server's words."""
    return code if code in CODES else f"{code} {re.sub(_REQUEST_ID, '', words)}"


class Failure(NamedTuple):
    """A try without an image; `kind` None means it was never sent."""

    kind: ErrorClass | None
    code: str
    message: Message
    error: ApiError | None = None

    @property
    def perhaps_paid(self) -> bool:
        """A 200 that was blocked outright: no picture, and nobody says that it was free."""
        return self.kind is ErrorClass.REFUSED and not self.code

    @property
    def timed_out(self) -> bool:
        """Whether it waited too long: the server may have more in hand than it can make."""
        late = self.kind is ErrorClass.UNKNOWN and self.message.name == "no-answer"
        return late or (self.error is not None and self.error.status in (408, 504))

    @property
    def words(self) -> str:
        """The failure in one line: the code's meaning and the server's own words."""
        code = _("code {code}", code=self.code) if self.code else ""
        known = self.code in CODES and CODES[self.code].kind is self.kind
        meaning = _(CODES[self.code].meaning) if known else ""
        return _(": ").join(part for part in (code, meaning, str(self.message)) if part)

    @property
    def sameness(self) -> str:
        """The same text for failures of one mistake."""
        return sameness(self.code, str(self.message))

    def problem(self, why: GiveUp) -> Problem:
        """What to tell the user."""
        exit_code = EXIT_OF_CLASS[self.kind] if self.kind else ExitCode.TEMPORARY
        return Problem(
            code=self.code or (self.kind.slug if self.kind else "network"),
            message=self._what(why.reason),
            exit_code=exit_code,
            http_status=self.error.status if self.error else None,
            retryable=exit_code is ExitCode.TEMPORARY,
            hint=self._hint(why),
            reason=self.words,
        )

    def _hint(self, why: GiveUp) -> str:
        if self.kind is ErrorClass.UNKNOWN and why.repeats:
            return _(
                "cogview history --unknown; --on-unknown retry asks once more a run,"
                " within --max-cost"
            )
        if isinstance(self.message, Message) and self.message.name == "proxy-connect":
            return _("check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY, or unset them")
        return _hint(self.kind, self.code)

    def _what(self, reason: str) -> str:
        what = self.words
        if self.kind is ErrorClass.UNKNOWN:
            what = _("outcome unknown, it may have been paid: {why}", why=what)
        return _("{what} ({reason})", what=what, reason=reason) if reason else what


HINTS = {
    ErrorClass.ACCOUNT: "cogview config check",
    ErrorClass.QUOTA: "wait until the quota is renewed, then run it again",
    ErrorClass.UNKNOWN: (
        "cogview history --unknown; not repeated (--on-unknown retry may pay twice)"
    ),
    ErrorClass.NOT_THE_API: "check --base-url: cogview config show --origin",
    ErrorClass.REFUSED: "change the prompt",
    ErrorClass.BAD_REQUEST: "check model, size and quality: cogview sizes",
    ErrorClass.THROTTLE: "run it again later, or lower --jobs",
}


def _hint(kind: ErrorClass | None, code: str) -> str:
    if code == "1113":
        return _("top up the account; keys of a Coding Plan do not pay for images")
    if code == "model_not_found":
        return _("name a model that this server has: --model")
    if kind is None:
        return _("check the network and --base-url, then run it again: cogview config check")
    return _(HINTS[kind]) if kind in HINTS else _("run it again later")


def unknown_before(reason: str) -> Problem:
    """An earlier run lost the answer, and nothing is sent again for it."""
    return Problem(
        code=Status.UNKNOWN,
        message=_(
            "an earlier request may have been paid, its answer is lost: {reason}", reason=reason
        ),
        exit_code=ExitCode.UNKNOWN,
        hint=_("cogview history --unknown; to ask again, perhaps paying twice: --on-unknown retry"),
    )


def of_retake(problem: Problem, text: Mapping[str, Any] | None) -> Problem:
    """Why there is no other take of a picture that is there, with what was read of its text."""
    if text is None:
        return problem
    why = problem.message
    if text["ok"]:
        message = _("the picture is kept, its text is right; another take of it: {why}", why=why)
    else:
        message = _("the picture is kept with wrong text; its retakes ended: {why}", why=why)
    return problem._replace(message=message)


def claimed() -> Problem:
    """Another process has the same image in hand."""
    return Problem(
        code="claimed",
        message=_("another cogview process is making this picture"),
        exit_code=ExitCode.TEMPORARY,
        retryable=True,
        hint=_("run it again later"),
    )


def worn_out(failure: Failure) -> Problem:
    """The run has used up its allowance of failures."""
    return Problem(
        code="network",
        message=_("not sent: too many requests failed ({why})", why=failure.words),
        exit_code=ExitCode.TEMPORARY,
        retryable=True,
        hint=_("check the network (cogview config check), then run it again"),
        reason=failure.words,
    )


def all_rejected(failure: Failure) -> Problem:
    """The same mistake in every request: the rest would fare no better."""
    return Problem(
        code="all-rejected",
        message=_("not sent: the API rejected every request so far with {why}", why=failure.words),
        exit_code=ExitCode.REJECTED,
        hint=_hint(failure.kind, failure.code),
        reason=failure.words,
    )


def bought_nothing(paid: bool, why: str, *, recoverable: bool) -> Problem:
    """Requests are paid, or may be, and no picture can be kept: no more of them.

    `recoverable`: pictures of paid ones may be had later.
    """
    if paid:
        return Problem(
            code="nothing-saved",
            message=_("not sent: pictures are paid and cannot be saved ({why})", why=why),
            exit_code=ExitCode.UNSAVED,
            hint=_("when that is mended: cogview recover, free; then the rest")
            if recoverable
            else _("when that is mended, run it again"),
            reason=why,
        )
    return Problem(
        code="nothing-answered",
        message=_("not sent: requests may be paid and bring no picture ({why})", why=why),
        exit_code=ExitCode.UNKNOWN,
        hint=_("cogview history --unknown; try a single one first: cogview gen"),
        reason=why,
    )


def disk_trouble(problem: Problem) -> Problem:
    """The disk takes no picture: nothing more is paid."""
    return Problem(
        code="disk",
        message=_("not sent: {why}", why=problem.reason or problem.message),
        exit_code=ExitCode.MACHINE,
        hint=_("mend the disk or the folder, then: cogview recover, free; then the rest")
        if problem.retryable
        else _("mend the disk or the folder, then run it again"),
    )


def over_budget(budget: Budget) -> Problem:
    """--max-cost is reached."""
    return Problem(
        code="budget",
        message=_(
            "--max-cost {limit} leaves no room for another image (spent or perhaps spent: {spent})",
            limit=money(budget.limit, budget.currency),
            spent=money(budget.committed + budget.in_flight, budget.currency),
        ),
        exit_code=ExitCode.BUDGET,
        hint=_("raise --max-cost to go on"),
    )
