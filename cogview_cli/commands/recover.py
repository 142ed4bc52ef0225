"""`cogview recover`: finishes what is paid for and not on disk. Never POSTs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from cogview_cli import output
from cogview_cli.commands import complete, options
from cogview_cli.i18n import _
from cogview_cli.outcome import Outcome, Problem, Summary
from cogview_cli.reporter import Reporter


def recover(
    ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ID]…",
            help=_("Only these requests."),
            autocompletion=complete.unfinished_request,
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

    style = output.Style(json=json, print0=print0, quiet=quiet, verbose=verbose or debug)
    summary = Summary(single=False)
    reporter = Reporter(style)
    asyncio.run(_recover(set(ids or ()), out, summary, reporter))
    reporter.summary(summary)
    if not summary.counts and not quiet:
        output.say(_("nothing to recover: every paid image is on disk"))
    raise typer.Exit(int(summary.exit_code))


async def _recover(ids: set[str], out: str | None, summary: Summary, reporter: Reporter) -> None:
    from cogview_cli.download import Downloader
    from cogview_cli.finish import Finisher
    from cogview_cli.links import redact
    from cogview_cli.rescue import take_back
    from cogview_cli.state import open_ledger

    with open_ledger() as ledger:
        take_back(ledger)
        for outcome in lost_outcomes(ledger.settle_dead_runs()):
            _report(outcome, summary, reporter)
        for entry in ledger.unfinished():
            if ids and entry.id not in ids:
                continue
            downloader = Downloader(entry.base_url)
            try:
                finisher = Finisher(ledger, downloader, resuming=True)
                _report(await finisher.finish(_moved(entry, out)), summary, reporter)
            finally:
                await downloader.close()
        ledger.purge_expired_links(redact)


def _report(outcome: Outcome, summary: Summary, reporter: Reporter) -> None:
    summary.add(outcome)
    reporter.outcome(outcome)


def _moved(entry: Any, out: str | None) -> Any:
    """The entry with its images going to the folder `out`.

    What was meant for stdout goes to the current folder.
    """
    destination = entry.target["destination"]
    if out is None and not destination["stdout"]:
        return entry
    destination = {**destination, "root": str(Path(out or ".").absolute()), "stdout": False}
    return entry._replace(target={**entry.target, "destination": destination}, files=[])


def lost_outcomes(entries: Iterable[Any]) -> list[Outcome]:
    """What to say of requests whose process died before it kept the answer."""
    from cogview_cli.errors import ExitCode
    from cogview_cli.finish import outcome_of

    problem = Problem(
        code="unknown",
        message=_("outcome unknown, it may have been paid: the process ended before the answer"),
        exit_code=ExitCode.UNKNOWN,
        hint="cogview history --unknown",
    )
    return [outcome_of(entry, "unknown", problem=problem) for entry in entries]
