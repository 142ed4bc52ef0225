"""A checked `gen` plan carried out: jobs, reports, exit code; or only shown."""

from __future__ import annotations

import time
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from cogview_cli.api import models
from cogview_cli.api.protocol import ImageRequest
from cogview_cli.config.settings import Settings
from cogview_cli.config.store import state_dir
from cogview_cli.disk.destination import Destination, Target
from cogview_cli.engine.validation import name_fields
from cogview_cli.errors import MachineError
from cogview_cli.i18n import _
from cogview_cli.loading import no_garbage_collection
from cogview_cli.outcome import Outcome, SavedFile, Status, Summary
from cogview_cli.terminal import ending, output
from cogview_cli.terminal.reporter import Reporter


class GenPlan(NamedTuple):
    """Everything `gen` was asked for, checked; `images` is the number of images."""

    settings: Settings
    request: ImageRequest
    destination: Destination
    images: int
    source: dict[str, Any] | None
    style: output.OutputOptions
    dry_run: bool
    relative: bool
    preview: bool = False
    open: bool = False


def target_of(plan: GenPlan, n: int, now: float, key: str = "") -> Target:
    """Where the `n`-th image goes."""
    fields = name_fields(plan.request, index=1, n=n, id=key[:8], now=now)
    return Target(destination=plan.destination, fields=fields)


def show(plan: GenPlan) -> int:
    """Prints the requests and the price; sends nothing, creates nothing."""
    price = models.price_of(plan.request.model)
    for n in range(1, plan.images + 1):
        if plan.style.json:
            record = {"type": "request", "index": 1, "n": n, **plan.request.body()}
            output.write_json({**record, "cost": None if price is None else str(price)})
        else:
            output.write_bare_json(plan.request.body())
    if plan.style.json:
        cost = "0"
        most = None if price is None else str(price * plan.images)
        output.write_json(
            {
                "type": "summary",
                "requests": plan.images,
                "cost": cost,
                "cost_max": most,
                "exit_code": 0,
            }
        )
    _show_pictures(plan, [])
    if not plan.style.quiet:
        output.say(_not_sent(plan.images, price))
    return 0


def _not_sent(count: int, price: Decimal | None) -> str:
    if price is None:
        return _("{count} request(s), price unknown; nothing was sent", count=count)
    return _(
        "{count} request(s), price {cost} CNY; nothing was sent", count=count, cost=price * count
    )


def run(plan: GenPlan) -> int:
    """Runs the plan; the exit code."""
    import asyncio

    summary = Summary(single=True)
    base = str(Path.cwd()) if plan.relative else None
    reporter = Reporter(plan.style, relative_to=base)
    files: list[str] = []
    with ending.counted(summary):
        asyncio.run(_run(plan, summary, reporter, files))
    with ending.counted(summary):
        reporter.summary(summary)
    _show_pictures(plan, files)
    return int(summary.exit_code)


def _show_pictures(plan: GenPlan, files: list[str]) -> None:
    if plan.preview or plan.open:
        from cogview_cli.gen.preview import show_pictures

        show_pictures(files, plan.style, draw=plan.preview, view=plan.open)


async def _run(plan: GenPlan, summary: Summary, reporter: Reporter, files: list[str]) -> None:
    """Runs the jobs; `files` gets the pictures that can be shown."""
    with no_garbage_collection():  # the network side is half of all modules
        from cogview_cli.net import clients

        if not plan.settings.sandbox:
            clients.preload_trust(plan.settings.base_url)  # beside the other half of them
        from cogview_cli.disk.atomic import check_writable, ensure_folder
        from cogview_cli.engine import pool, session
        from cogview_cli.gen.progress import GenProgress

    width = session.slots_width(plan.settings, plan.request.model)
    jobs, ready = _jobs(plan)
    for outcome in ready:
        summary.add(outcome)
        files.extend(file.file for file in outcome.files)
        reporter.outcome(outcome)
    if not jobs:
        return
    if plan.destination.stdout:
        _make_state_folder()
    for folder in {job.target.place()[0] for job in jobs}:
        ensure_folder(folder, Path(plan.destination.root))
        check_writable(folder)

    progress = GenProgress(plan.request, len(jobs), reporter, plan.style)

    def report(outcome: Outcome) -> None:
        summary.add(outcome)
        progress.done()
        if plan.destination.stdout and outcome.files:
            _to_stdout(outcome.files[0])
        else:
            files.extend(file.file for file in outcome.files)
        reporter.outcome(outcome)

    with reporter.working(progress.text()):
        async with (
            session.open_session(plan.settings) as opened,
            session.open_job_runner(opened, plan.settings, progress.note, width) as runner,
            progress.ticking(),
        ):
            waiting = iter(jobs)
            work = (partial(runner.run, job) for job in waiting)
            await pool.run_all(runner, [pool.Lane(work, min(len(jobs), width * 2))], report)
            for job in waiting:
                report(runner.never_sent(job))
            if runner.stop_reason and not runner.stop_reason.code.startswith("budget"):
                summary.stopped = runner.stop_reason.exit_code


def _make_state_folder() -> None:
    try:
        state_dir().mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(
            _("the state folder '{path}': {why}", path=state_dir(), why=error.strerror),
            hint=_("set COGVIEW_STATE_DIR to a folder that can be written"),
        ) from None


def _jobs(plan: GenPlan) -> tuple[list[Any], list[Outcome]]:
    """The jobs to run, and the outcomes of those that need none."""
    import hashlib
    import secrets

    from cogview_cli.engine.job import Job

    now, namespace = time.time(), f"gen:{secrets.token_hex(16)}"
    jobs: list[Job] = []
    ready: list[Outcome] = []
    for n in range(1, plan.images + 1):
        key = hashlib.sha256(f"{namespace}\n{n}".encode()).hexdigest()
        target = target_of(plan, n, now, key)
        if there := _existing(plan, target):
            ready.append(_skipped(plan, n, there))
            continue
        jobs.append(
            Job(
                row=1,
                n=n,
                request=plan.request,
                target=target,
                key=key,
                namespace=namespace,
                source=plan.source,
            )
        )
    return jobs, ready


def _existing(plan: GenPlan, target: Target) -> Path | None:
    """The image that makes this one needless under --on-exists skip."""
    policy = plan.destination.on_exists
    if policy not in ("skip", "fail") or plan.destination.stdout:
        return None
    there = target.existing()
    if there and policy == "fail":
        raise MachineError(
            _("'{path}' exists; nothing was sent", path=there),
            hint=_("choose another --output or --on-exists"),
        )
    return there


def _skipped(plan: GenPlan, n: int, there: Path) -> Outcome:
    from cogview_cli.pictures.sidecar import found_file

    request = plan.request
    return Outcome(
        status=Status.SKIPPED,
        row=1,
        n=n,
        prompt=request.prompt,
        model=request.model,
        size=request.size,
        cost=Decimal(0),
        files=(found_file(there),),
    )


def _to_stdout(file: SavedFile) -> None:
    """Hands the checked bytes over, then removes the file; on failure it stays."""
    path = Path(file.file)
    output.write_data(path.read_bytes())
    path.unlink()
