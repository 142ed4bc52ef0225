"""Many tasks, so many at a time, until all are done or a signal or a failure stops them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import NamedTuple, Protocol

from cogview_cli.engine.deadline import Deadline
from cogview_cli.engine.job_runner import Notify
from cogview_cli.errors import CogviewError, ExitCode, Signalled
from cogview_cli.i18n import _
from cogview_cli.outcome import Outcome, Problem, problem_of
from cogview_cli.terminal.output import StdoutClosed

STDOUT_CLOSED = Problem(
    code="stdout", message=_("stdout was closed"), exit_code=ExitCode.STDOUT_CLOSED
)
# Why a run stops, by the signal that stops it.
SIGNALS = {
    "SIGHUP": ExitCode.HANGUP,
    "SIGINT": ExitCode.INTERRUPTED,
    "SIGTERM": ExitCode.TERMINATED,
}


# None: there is nothing to report.
Task = Callable[[], Awaitable[Outcome | None]]


class Run(Protocol):
    """What a signal, a failure, a closed stdout or the deadline stops."""

    @property
    def deadline(self) -> Deadline:
        """When it must have ended."""

    @property
    def notify(self) -> Notify:
        """Hears of the signal."""

    @property
    def stopping(self) -> bool:
        """Whether nothing new is begun any more."""

    def stop(self, reason: Problem) -> None:
        """Nothing new is begun from now on; what is in flight is waited for."""


class Lane(NamedTuple):
    """Work to be done, `width` tasks at a time."""

    work: Iterator[Task]
    width: int


async def run_all(
    run: Run,
    lanes: Iterable[Lane],
    report: Callable[[Outcome], None],
    *,
    hint: str | None = None,
) -> None:
    """Runs all lanes side by side, reporting each outcome as it comes, until the deadline.

    The first signal, or a closed stdout, lets what is in flight finish and leaves the
    rest of the work where it is; the second signal ends at once. `hint`: how to do the rest.
    """
    workers: set[asyncio.Task[None]] = set()
    failures: list[Exception] = []
    again = _("the same command again does the rest") if hint is None else hint
    with _Signals(run, workers, again):
        for lane in lanes:
            for _worker_number in range(lane.width):
                worker = _worker(run, lane.work, report, failures)
                workers.add(asyncio.create_task(worker))
        watch = asyncio.create_task(_watch(run, workers))
        # A worker may be cancelled after its last outcome was reported: no failure.
        await asyncio.gather(*workers, return_exceptions=True)
        watch.cancel()
    if failures:
        raise failures[0]


async def _worker(
    run: Run,
    work: Iterator[Task],
    report: Callable[[Outcome], None],
    failures: list[Exception],
) -> None:
    """One task after the other; a failure stops the run but loses no answer in flight."""
    while not run.stopping:
        try:
            task = next(work, None)
            if task is None:
                return
            if (outcome := await task()) is not None:
                report(outcome)
        except StdoutClosed:
            run.stop(STDOUT_CLOSED)
        except Exception as error:
            failures.append(error)
            known = error if isinstance(error, CogviewError) else CogviewError(error)
            why = problem_of(known)
            run.stop(why._replace(message=_("not sent: {why}", why=error), hint=""))


async def _watch(run: Run, workers: set[asyncio.Task[None]]) -> None:
    """Stops the run when nothing can be sent in time any more, and ends it at its deadline."""
    deadline = run.deadline
    while left := deadline.left_to_send:  # noqa: ASYNC110  (an answer may have shortened it)
        await asyncio.sleep(left)
    if deadline.left is None:
        return
    run.stop(deadline.problem())
    await asyncio.sleep(deadline.left)
    for worker in workers:
        worker.cancel()


def _leave(number: int, _frame: object) -> None:
    raise Signalled(ExitCode(128 + number))


class _Signals:
    """HUP, INT and TERM while a run is on."""

    def __init__(self, run: Run, tasks: set[asyncio.Task[None]], hint: str) -> None:
        self._run, self._tasks, self._hint = run, tasks, hint
        self._seen = False
        self._heard: list[int] = []

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        for name, code in SIGNALS.items():
            number = getattr(signal, name, None)
            if number is None or signal.getsignal(number) is signal.SIG_IGN:  # nohup
                continue
            with suppress(ValueError):  # not the main thread: its owner hears of signals
                signal.signal(number, partial(self._note, loop, name, code))
                self._heard.append(number)

    def __exit__(self, *_exception: object) -> None:
        """What comes while the end is told ends it at once, with the code that scripts know."""
        for number in self._heard:
            signal.signal(number, _leave)

    def _note(self, loop: asyncio.AbstractEventLoop, name: str, code: ExitCode, *_: object) -> None:
        """Not the loop's own handler: a signal that comes just before it is removed is lost."""
        loop.call_soon_threadsafe(self._arrived, name, code)

    def _arrived(self, name: str, code: ExitCode) -> None:
        if self._seen:
            for task in self._tasks:
                task.cancel()
            return
        self._seen = True
        message = _(
            "stopped by {signal}; waiting for answers (again: at once)",
            signal=name,
        )
        self._run.notify(message, urgent=True)
        self._run.stop(
            Problem(
                code=name,
                message=_("not sent: stopped by {signal}", signal=name),
                exit_code=code,
                retryable=True,
                hint=self._hint,
            )
        )
