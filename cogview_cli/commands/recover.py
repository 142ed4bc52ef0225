"""`cogview recover`: finishes what is paid for and not on disk. Never POSTs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from cogview_cli.cli import completion, options
from cogview_cli.errors import CogviewError, UsageError
from cogview_cli.i18n import _
from cogview_cli.outcome import Outcome, Problem, Status, Summary
from cogview_cli.terminal import ending, output
from cogview_cli.terminal.reporter import Reporter

AT_ONCE = 8


def recover(
    ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ID]…",
            help=_("Only these requests."),
            autocompletion=completion.unfinished_request,
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--output", "--out", "-o", metavar="DIR", help=_("Save into this folder instead.")
        ),
    ] = None,
    json: options.Json = False,
    print0: options.Print0 = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Download, check and save every image that is paid for and not on disk. Free."""
    import asyncio

    style = output.OutputOptions(json=json, print0=print0, quiet=quiet, verbose=verbose or debug)
    summary = Summary(single=False, earlier=True)
    reporter = Reporter(style)
    with ending.counted(summary):
        asyncio.run(_recover(set(ids or ()), out, summary, reporter))
    with ending.counted(summary):
        reporter.summary(summary)
    if not summary.counts and not summary.stopped and not quiet:
        output.say(
            _("nothing to recover: every paid image is on disk, or a running cogview is saving it")
        )
    raise typer.Exit(int(summary.exit_code))


class _Recovery:
    """The run of `recover`, as the runner stops it."""

    def __init__(self, summary: Summary) -> None:
        self.stopping = False
        self._summary = summary

    def stop(self, reason: Problem) -> None:
        """Nothing more is begun."""
        self.stopping = True
        self._summary.stopped = self._summary.stopped or reason.exit_code

    def notify(self, text: str, *, urgent: bool = False) -> None:
        """Tells what people should know at once."""
        if urgent:
            output.say(text)


async def _recover(ids: set[str], out: str | None, summary: Summary, reporter: Reporter) -> None:
    from cogview_cli.engine import pool
    from cogview_cli.ledger.open import open_ledger

    def report(outcome: Outcome) -> None:
        summary.add(outcome)
        reporter.outcome(outcome)

    with open_ledger() as ledger:
        lost = ledger.settle_dead_runs()
        check_ids(ledger, ids)
        for outcome in lost_outcomes(lost):
            report(outcome)
        waiting = ledger.unfinished(unverified=bool(ids))
        found = [entry for entry in waiting if not ids or entry.id in ids]
        ours = ledger.take_over(entry.id for entry in found)
        wanted = [entry for entry in found if entry.id in ours]
        async with _finishers(ledger, {entry.base_url for entry in wanted}) as finishers:
            work = (
                partial(finishers[entry.base_url].finish, _moved(entry, out)) for entry in wanted
            )
            lane = pool.Lane(work, AT_ONCE)
            await pool.run_all(_Recovery(summary), [lane], report)
        _put_takes_right(ledger)


def _put_takes_right(ledger: Any) -> None:
    from cogview_cli.pictures.takes import put_right

    put_right(ledger)


def check_ids(ledger: Any, ids: Iterable[str]) -> None:
    """UsageError for an id that cannot be meant; then nothing is done for the others either."""
    from cogview_cli.ledger import State

    wrong: dict[str | None, list[str]] = {}
    for id in sorted(ids):
        state = _state(ledger, id)
        if state not in (State.ANSWER, State.SAVED):
            wrong.setdefault(state, []).append(f"'{id}'")
    for state, names in wrong.items():
        raise UsageError(_wrong_ids(", ".join(names), state), hint="cogview history")


def _state(ledger: Any, id: str) -> str | None:
    try:
        return str(ledger.get(id).state)
    except KeyError:
        return None


def _wrong_ids(ids: str, state: str | None) -> str:
    if state is None:
        return _("there is no request {ids}; nothing was done", ids=ids)
    return _(
        "request {ids} is {state}, not paid and waiting; nothing was done", ids=ids, state=state
    )


@asynccontextmanager
async def _finishers(ledger: Any, base_urls: Iterable[str]) -> AsyncIterator[dict[str, Any]]:
    """One for each base URL: what addresses it may fetch from depends on that."""
    from cogview_cli.config import settings
    from cogview_cli.pictures.download import Downloader
    from cogview_cli.pictures.saver import ImageSaver

    patience = settings.load({}).download_patience
    async with AsyncExitStack() as stack:
        found: dict[str, ImageSaver] = {}
        for base_url in base_urls:
            downloader = Downloader(
                base_url, width=AT_ONCE, patience=patience, headers=_content_headers(base_url)
            )
            stack.push_async_callback(downloader.close)
            found[base_url] = ImageSaver(ledger, downloader, resuming=True)
        yield found


def _content_headers(base_url: str) -> dict[str, str]:
    """What goes with links on the API's own origin, where a profile of it says so."""
    from cogview_cli.api.client import authorization
    from cogview_cli.config.keys import key_if_any
    from cogview_cli.config.settings import for_base_url

    settings = for_base_url(base_url)
    if settings is None or not settings.content_auth:
        return {}
    try:
        return authorization(key_if_any(settings), settings.headers or {})
    except CogviewError as error:  # other pictures need no key
        output.warn(error.message)
        return {}


def _moved(entry: Any, out: str | None) -> Any:
    """The entry with its images going to the folder `out`.

    What was meant for stdout goes to the current folder.
    """
    from cogview_cli.pictures.placing import kept_unverified

    destination = entry.target["destination"]
    if out is None and not destination["stdout"]:
        return entry
    # What stdout did not take is on this disk, and is moved.
    files = entry.files if destination["stdout"] else kept_unverified(entry.files)
    destination = {**destination, "root": str(Path(out or ".").absolute()), "stdout": False}
    # What was noted of files to be overwritten holds for the other folder.
    target = {**entry.target, "destination": destination, "there": None}
    return entry._replace(target=target, files=files)


def lost_outcomes(entries: Iterable[Any]) -> list[Outcome]:
    """What to say of requests whose process died before it kept the answer."""
    from cogview_cli.errors import ExitCode
    from cogview_cli.pictures.outcomes import outcome_of

    problem = Problem(
        code=Status.UNKNOWN,
        message=_("outcome unknown, it may have been paid: the process ended before the answer"),
        exit_code=ExitCode.UNKNOWN,
        hint="cogview history --unknown",
    )
    return [outcome_of(entry, Status.UNKNOWN, problem=problem) for entry in entries]
