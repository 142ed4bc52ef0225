"""Where every request of a run passes before it is sent: shut while money buys nothing."""

from __future__ import annotations

from collections.abc import Callable

from cogview_cli.api.error_codes import ErrorClass
from cogview_cli.engine.brake import Brake
from cogview_cli.engine.failure import Failure, bought_nothing, disk_trouble
from cogview_cli.engine.sender import Answered, Ended, Failed, Result
from cogview_cli.engine.stop import StopSwitch
from cogview_cli.i18n import _
from cogview_cli.outcome import Outcome, Status

# Seconds before a single request finds out whether the trouble has passed; doubled each time.
PROBE_PAUSE = 1.0


class SendGate:
    """Lets requests pass by what became of those before; stops the run when it is of no use."""

    def __init__(self, switch: StopSwitch, warn: Callable[[str], None]) -> None:
        """`warn` tells people at once."""
        self._switch, self._warn = switch, warn
        self._brake = Brake()
        self._shut = self._recoverable = False

    @property
    def is_open(self) -> bool:
        """Whether a request may leave now."""
        return self._brake.may_send

    async def wait(self) -> None:
        """Until a request may leave, or the run stops; after failed probes a while longer."""
        await self._switch.until(lambda: self._brake.may_send)
        if self._brake.closed:
            await self._switch.sleep(PROBE_PAUSE * 2**self._brake.failed_probes)

    def passed(self, key: str) -> None:
        """A request leaves."""
        self._brake.sent(key)

    def answered(self, key: str, result: Result | None) -> None:
        """How its try has ended; with an answer it is open until `ended`."""
        match result:
            case Answered():
                return
            case Failed(failure) if _perhaps_paid(failure):
                self._brake.unknown(key)
                self._look(str(failure.message))
            case Ended(Outcome(status=Status.UNSAVED, problem=problem)):
                self._brake.unknown(key)
                self._look(problem.reason if problem else "")
            case _:
                self._brake.free(key)
                self._look("")

    def stalled(self, key: str) -> None:
        """The download of its picture has failed once."""
        self._brake.stalled(key)
        self._look("")

    def ended(self, key: str, outcome: Outcome | None) -> None:
        """What became of an answer; None where nobody can say."""
        if outcome is None:
            self._brake.free(key)
        elif outcome.status == Status.SAVED:
            self._brake.saved(key)
        else:
            self._brake.unsaved_picture(key)
            self.stop_for_the_disk(outcome)
        problem = outcome.problem if outcome else None
        self._recoverable |= problem is not None and problem.retryable
        self._look((problem.reason or problem.message) if problem else "")

    def stop_for_the_disk(self, outcome: Outcome) -> None:
        """Ends the run if the disk would take no other picture either."""
        if outcome.problem and outcome.problem.ends_run:
            self._switch.stop(disk_trouble(outcome.problem))

    def _look(self, why: str) -> None:
        """Says when sending stops, and ends the run when there is no use in it."""
        if self._brake.spent:
            paid = self._brake.unsaved > 0
            self._switch.stop(bought_nothing(paid, why, recoverable=self._recoverable))
        elif self._brake.closed and not self._shut:
            self._warn(_("no picture of the last requests is on disk: sending waits for one"))
        self._shut = self._brake.closed
        self._switch.look_again()


def _perhaps_paid(failure: Failure) -> bool:
    """Whether a try without a picture may have cost something.

    So may a 200 without one that names a content filter, unless that has blocked it.
    """
    if failure.kind is not ErrorClass.REFUSED or failure.code or failure.error is None:
        return failure.kind is ErrorClass.UNKNOWN
    return all(str(entry["level"]) != "0" for entry in failure.error.content_filter)
