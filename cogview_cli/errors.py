"""Every error a user can meet, and the exit code it leads to.

    CogviewError
    ├── UsageError        2   wrong input; nothing was sent
    ├── AccountError      4   key or account: missing, invalid, locked, out of balance
    ├── UnknownOutcome    5   sent, no answer: it may have been paid
    ├── PaidNotSaved      6   paid for, not on disk; the answer is kept
    ├── BudgetReached     7   --max-cost or the vendor's quota
    ├── Rejected          3   the API rejected this request for good
    │   └── ContentRefused 8  the content policy refused the prompt or the picture
    ├── MachineError      9   this machine: folder, space, permission, config, TLS, proxy
    │   └── Locked        75  a file of ours that another process holds for long
    ├── Temporary        75   network, throttling, another run: try again later
    └── Interrupted     130   Ctrl-C, before there was anything to sum up

This module imports nothing of the project. `terminal.ending` alone turns an error that
ends a run into text, JSON and an exit code.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes, which scripts rely on."""

    OK = 0
    BUG = 1
    USAGE = 2
    REJECTED = 3
    ACCOUNT = 4
    UNKNOWN = 5
    UNSAVED = 6
    BUDGET = 7
    REFUSED = 8
    MACHINE = 9
    TEMPORARY = 75
    HANGUP = 129
    INTERRUPTED = 130
    STDOUT_CLOSED = 141
    TERMINATED = 143


# First match wins when the items of one run ended in different ways.
# A run that ends so was told to: what can wait is not waited for.
SIGNALS = (ExitCode.HANGUP, ExitCode.INTERRUPTED, ExitCode.TERMINATED)
PRECEDENCE = (
    ExitCode.STDOUT_CLOSED,
    ExitCode.INTERRUPTED,
    ExitCode.TERMINATED,
    ExitCode.HANGUP,
    ExitCode.UNKNOWN,
    ExitCode.UNSAVED,
    ExitCode.BUG,
    ExitCode.ACCOUNT,
    ExitCode.MACHINE,
    ExitCode.BUDGET,
    ExitCode.TEMPORARY,
    ExitCode.REFUSED,
    ExitCode.REJECTED,
    ExitCode.USAGE,
    ExitCode.OK,
)

EXIT_MEANINGS = {
    ExitCode.OK: "every requested image is on disk and checked (or already was)",
    ExitCode.BUG: "a bug: please report it",
    ExitCode.USAGE: "wrong usage or input; nothing was sent",
    ExitCode.REJECTED: "some items were refused for good or carry wrong text; others are saved",
    ExitCode.ACCOUNT: "key or account: missing, invalid, locked, out of balance, no right",
    ExitCode.UNKNOWN: "an outcome is unknown: it may have been paid (cogview history --unknown)",
    ExitCode.UNSAVED: "paid for, not on disk; the answer is kept (cogview recover, free)",
    ExitCode.BUDGET: "--max-cost, daily-limit or a vendor's quota reached; the rest was not sent",
    ExitCode.REFUSED: "gen: refused by the content policy",
    ExitCode.MACHINE: "this machine: folder, space, permission, config, TLS, proxy, wrong base URL",
    ExitCode.TEMPORARY: "temporary: network, throttling, another run, pictures still in the queue",
    ExitCode.HANGUP: "HUP; answers in flight were waited for and saved",
    ExitCode.INTERRUPTED: "INT (Ctrl-C); answers in flight were waited for and saved",
    ExitCode.STDOUT_CLOSED: "stdout was closed; answers in flight were saved",
    ExitCode.TERMINATED: "TERM; answers in flight were waited for and saved",
}


def worst(codes: list[ExitCode]) -> ExitCode:
    """The one exit code of a run whose items ended with `codes`."""
    return min(codes, key=PRECEDENCE.index, default=ExitCode.OK)


class CogviewError(Exception):
    """Something the user should hear about: what went wrong and what to do next."""

    exit_code = ExitCode.BUG

    def __init__(self, message: object, *, hint: str = "") -> None:
        """`message`: text, or what `str()` makes text of: a message that can be stored."""
        super().__init__(message)
        self.message = str(message)
        self.hint = hint

    @property
    def code(self) -> str:
        """What kind of error it is, for scripts: the same in every language and version."""
        return self.exit_code.name.lower()


class UsageError(CogviewError):
    """Wrong usage or input, found before anything was sent."""

    exit_code = ExitCode.USAGE


class MachineError(CogviewError):
    """This machine is in the way: folder, space, permission, config, TLS, proxy."""

    exit_code = ExitCode.MACHINE


class Locked(MachineError):
    """Another process holds what this one needs; to be handled like a machine's fault."""

    exit_code = ExitCode.TEMPORARY


class Temporary(CogviewError):
    """The network, throttling or another run; the same command works later."""

    exit_code = ExitCode.TEMPORARY


class Interrupted(CogviewError):
    """The user ended the run before there was anything to sum up."""

    exit_code = ExitCode.INTERRUPTED

    def __init__(self, message: object, *, exit_code: ExitCode = ExitCode.INTERRUPTED) -> None:
        """`exit_code`: that of the signal."""
        super().__init__(message)
        self.exit_code = exit_code


class Signalled(KeyboardInterrupt):
    """A signal that nothing waits for any more; as Ctrl-C, it goes past handlers of errors."""

    def __init__(self, exit_code: ExitCode) -> None:
        super().__init__()
        self.exit_code = exit_code


class BudgetReached(CogviewError):
    """`--max-cost` or a quota of the vendor leaves no room for another image."""

    exit_code = ExitCode.BUDGET


class AccountError(CogviewError):
    """The key is missing or refused, or the account cannot pay."""

    exit_code = ExitCode.ACCOUNT


class UnknownOutcome(CogviewError):
    """A request was sent and its answer never arrived: perhaps paid."""

    exit_code = ExitCode.UNKNOWN


class PaidNotSaved(CogviewError):
    """The answer is kept, the picture is not on disk."""

    exit_code = ExitCode.UNSAVED


class Rejected(CogviewError):
    """The API rejected this request for good."""

    exit_code = ExitCode.REJECTED


class ContentRefused(Rejected):
    """The content policy refused the prompt or the picture."""

    exit_code = ExitCode.REFUSED
