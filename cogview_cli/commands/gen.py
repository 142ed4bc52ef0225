"""`cogview gen`: one prompt, one or more images."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from cogview_cli import models, output
from cogview_cli.commands import options
from cogview_cli.config.settings import Settings, load
from cogview_cli.config.store import state_dir
from cogview_cli.destination import STDOUT, Destination, Target, from_output
from cogview_cli.errors import BudgetReached, ExitCode, MachineError, UsageError
from cogview_cli.names import slug
from cogview_cli.outcome import Outcome, SavedFile, Summary
from cogview_cli.prompt import prompt_from
from cogview_cli.wire import ImageRequest

EPILOG = """\b
Examples:
  cogview gen "一只可爱的小猫咪" --size 1440x720 --quality hd
  cogview gen "产品海报" -n 4 -o 'out/{slug}-{n}.png'
  echo "赛博朋克城市" | cogview gen -o pictures/
  cogview gen "猫" -o - > cat.png
  cogview gen "猫" --sandbox      no key, no network, no cost

Exit codes: cogview help exit-codes.  Name templates: cogview help names
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenPlan:
    """Everything `gen` was asked for, checked."""

    settings: Settings
    request: ImageRequest
    destination: Destination
    count: int
    source: dict[str, Any] | None
    style: output.Style
    dry_run: bool
    relative: bool


def gen(
    prompt: Annotated[
        str | None, typer.Argument(help="What to draw; - or nothing reads it from stdin.")
    ] = None,
    model: options.Model = None,
    size: options.Size = None,
    quality: options.Quality = None,
    output_: Annotated[
        str | None,
        typer.Option("--output", "-o", help="A file, a folder, a template ({slug}-{n}.png), or -."),
    ] = None,
    count: options.Count = 1,
    prompt_file: Annotated[
        str | None, typer.Option("--prompt-file", help="Read the whole prompt from this file.")
    ] = None,
    from_: Annotated[
        str | None, typer.Option("--from", help="Repeat the request of this sidecar (.json).")
    ] = None,
    user_id: options.UserId = None,
    watermark: options.Watermark = None,
    format: options.Format = None,
    sidecar: options.Sidecar = None,
    on_exists: options.OnExists = None,
    on_unknown: options.OnUnknown = None,
    max_cost: options.MaxCost = None,
    dry_run: options.DryRun = False,
    json: options.Json = False,
    print0: options.Print0 = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
    tier: options.Tier = None,
    jobs: options.Jobs = None,
    profile: options.Profile = None,
    base_url: options.BaseUrl = None,
    timeout: options.Timeout = None,
    max_wait: options.MaxWait = None,
    retries: options.Retries = None,
    no_validate: options.NoValidate = False,
    sandbox: options.Sandbox = None,
) -> None:
    """Make one image (or -n of them) from a prompt; print the path of each."""
    given = {name: value for name, value in locals().items() if name in _SETTING_FLAGS}
    settings = load({**given, "output": output_})
    style = output.Style(
        json=json,
        print0=print0,
        quiet=quiet,
        verbose=verbose or debug,
        images_on_stdout=settings.output == STDOUT,
    )
    text, source = prompt_from(prompt, prompt_file, repeat=from_ is not None)
    request = _request(text, from_, given, settings)
    plan = GenPlan(
        settings=settings,
        request=_checked(request, validate=not no_validate),
        destination=_destination(settings, count),
        count=count,
        source=source,
        style=style,
        dry_run=dry_run,
        relative=not Path(settings.output or "").expanduser().is_absolute(),
    )
    _check(plan)
    raise typer.Exit(_dry_run(plan) if dry_run else run(plan))


_SETTING_FLAGS = (
    "model", "size", "quality", "user_id", "watermark", "format", "sidecar", "on_exists",
    "on_unknown", "max_cost", "tier", "jobs", "profile", "base_url", "timeout", "max_wait",
    "retries", "sandbox",
)  # fmt: skip


def _request(
    text: str | None, repeat: str | None, given: Mapping[str, Any], settings: Settings
) -> ImageRequest:
    """The request: from a sidecar with flags on top, or from settings alone."""
    asked = ("model", "size", "quality", "user_id", "watermark")
    if repeat is None:
        assert text is not None
        values = {name: getattr(settings, name) for name in asked}
        return ImageRequest(prompt=text, **values)
    from cogview_cli.sidecar import read_request

    past = read_request(Path(repeat))
    changed: dict[str, Any] = {name: given[name] for name in asked if given[name] is not None}
    if text is not None:
        changed["prompt"] = text
    return replace(past, **changed)


def _checked(request: ImageRequest, *, validate: bool) -> ImageRequest:
    """The request with its size resolved; UsageError for what the model refuses."""
    model = request.model
    size = request.size and models.resolve_size(model, request.size, validate=validate)
    if validate:
        models.check_prompt(model, request.prompt)
        if request.quality:
            models.check_quality(model, request.quality)
        if request.user_id:
            models.check_user_id(request.user_id)
    return replace(request, size=size, model=models.wire_name(model))


def _destination(settings: Settings, count: int) -> Destination:
    destination = from_output(
        settings.output,
        format=settings.format,
        sidecar=settings.sidecar,
        on_exists=settings.on_exists,
        count=count,
        format_typed=settings.origins["format"].startswith("flag "),
    )
    if not destination.stdout:
        return destination
    # The checked file waits where no name is taken and nobody is surprised to find it.
    return replace(destination, root=str(state_dir() / "spool"), sidecar=False, on_exists="rename")


def _check(plan: GenPlan) -> None:
    """What can be wrong with the plan as a whole; warns about doubtful models."""
    _target(plan, 1, 0.0).check()
    if plan.destination.stdout:
        _check_stdout(plan)
    rules = models.rules_for(plan.request.model)
    if rules is None:
        output.warn(f"model '{plan.request.model}' is unknown here: sent as given, price unknown")
        if plan.settings.max_cost is not None:
            hint = f"leave --max-cost out, or use one of: {', '.join(models.MODELS)}"
            raise UsageError("--max-cost needs a model whose price is known", hint=hint)
    elif rules.retired:
        output.warn(f"{rules.name} is retired by the vendor; {models.DEFAULT_MODEL} replaces it")
    if not plan.dry_run:
        _check_budget(plan)


def _check_stdout(plan: GenPlan) -> None:
    if plan.count > 1:
        raise UsageError("--output - takes one image", hint="give a folder: --output images/")
    if plan.style.json or plan.style.print0:
        raise UsageError(
            "--output - leaves no room for --json or --print0", hint="give a file: -o cat.png"
        )
    if not plan.dry_run and sys.stdout is not None and sys.stdout.isatty():
        raise UsageError("image bytes would go to the terminal", hint="redirect: -o - > cat.png")


def _check_budget(plan: GenPlan) -> None:
    price, limit = models.price_of(plan.request.model), plan.settings.max_cost
    if limit is not None and price is not None and price > limit:
        raise BudgetReached(
            f"one image costs {price} CNY, --max-cost is {limit}", hint=f"--max-cost {price}"
        )


def _target(plan: GenPlan, n: int, now: float, key: str = "") -> Target:
    request, local = plan.request, time.localtime(now)
    fields = {
        "index": 1,
        "n": n,
        "slug": slug(request.prompt),
        "id": key[:8],
        "model": request.model,
        "size": request.size or "default",
        "date": time.strftime("%Y%m%d", local),
        "time": time.strftime("%H%M%S", local),
    }
    return Target(destination=plan.destination, fields=fields)


def _dry_run(plan: GenPlan) -> int:
    """Prints the requests and the price; sends nothing, creates nothing."""
    price = models.price_of(plan.request.model)
    for n in range(1, plan.count + 1):
        if plan.style.json:
            record = {"type": "request", "index": 1, "n": n, **plan.request.body()}
            output.write_json({**record, "cost": None if price is None else str(price)})
        else:
            output.write_json(plan.request.body())
    total = "unknown" if price is None else f"{price * plan.count} CNY"
    if plan.style.json:
        cost = "0"
        most = None if price is None else str(price * plan.count)
        output.write_json(
            {
                "type": "summary",
                "requests": plan.count,
                "cost": cost,
                "cost_max": most,
                "exit_code": 0,
            }
        )
    if not plan.style.quiet:
        output.say(f"{plan.count} request(s), price {total}; nothing was sent")
    return 0


def run(plan: GenPlan) -> int:
    """Runs the plan; the exit code."""
    import asyncio

    summary = Summary(single=True)
    base = str(Path.cwd()) if plan.relative else None
    reporter = output.Reporter(plan.style, relative_to=base)
    try:
        asyncio.run(_run(plan, summary, reporter))
    finally:
        if sum(summary.counts.values()):
            _close(reporter, summary)
    return int(summary.exit_code)


def _close(reporter: output.Reporter, summary: Summary) -> None:
    try:
        reporter.summary(summary)
    except output.StdoutClosed:
        summary.stopped = ExitCode.STDOUT_CLOSED


async def _run(plan: GenPlan, summary: Summary, reporter: output.Reporter) -> None:
    from cogview_cli import session
    from cogview_cli.files import check_writable, ensure_folder

    width = session.slots_width(plan.settings, plan.request.model)
    jobs, ready = _jobs(plan)
    for outcome in ready:
        summary.add(outcome)
        reporter.outcome(outcome)
    if not jobs:
        return
    if plan.destination.stdout:
        state_dir().mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in {job.target.place()[0] for job in jobs}:
        ensure_folder(folder, Path(plan.destination.root))
        check_writable(folder)

    def report(outcome: Outcome) -> None:
        summary.add(outcome)
        if plan.destination.stdout and outcome.files:
            _to_stdout(outcome.files[0])
        reporter.outcome(outcome)

    with reporter.working(_working_text(plan)):
        async with session.generator(plan.settings, reporter.note, width) as generator:
            await session.run_all(generator, jobs, report, width * 2)
            if generator.stop_reason and not generator.stop_reason.code.startswith("budget"):
                summary.stopped = generator.stop_reason.exit_code


def _working_text(plan: GenPlan) -> str:
    expected = models.expected_seconds(plan.request.model, plan.request.quality)
    usual = f" (usually {'-'.join(map(str, dict.fromkeys(expected)))} s)" if expected else ""
    return f"{plan.request.model} is drawing{usual}"


def _jobs(plan: GenPlan) -> tuple[list[Any], list[Outcome]]:
    """The jobs to run, and the outcomes of those that need none."""
    import hashlib
    import secrets

    from cogview_cli.generate import Job

    now, namespace = time.time(), f"gen:{secrets.token_hex(16)}"
    jobs: list[Job] = []
    ready: list[Outcome] = []
    for n in range(1, plan.count + 1):
        key = hashlib.sha256(f"{namespace}\n{n}".encode()).hexdigest()
        target = _target(plan, n, now, key)
        if there := _existing(plan, target):
            ready.append(_skipped(plan, n, there))
            continue
        jobs.append(
            Job(
                index=1,
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
            f"'{there}' exists; nothing was sent", hint="choose another --output or --on-exists"
        )
    return there


def _skipped(plan: GenPlan, n: int, there: Path) -> Outcome:
    beside = there.with_name(there.name + ".json")
    file = SavedFile(
        file=str(there),
        sidecar=str(beside) if beside.exists() else None,
        format=there.suffix.lstrip("."),
        width=0,
        height=0,
        bytes=there.stat().st_size,
        sha256="",
    )
    request = plan.request
    return Outcome(
        status="skipped",
        index=1,
        n=n,
        prompt=request.prompt,
        model=request.model,
        size=request.size,
        cost=Decimal(0),
        files=(file,),
    )


def _to_stdout(file: SavedFile) -> None:
    """Hands the checked bytes over, then removes the file; on failure it stays."""
    path = Path(file.file)
    output.write_data(path.read_bytes())
    path.unlink()
