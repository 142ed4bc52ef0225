"""`cogview batch`: prompt files through a pool as wide as the account allows."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cogview_cli.cli import (
    batch_options,
    deadline_option,
    options,
    queue_options,
    server_options,
    text_options,
)
from cogview_cli.config.lettering import settings_with_text
from cogview_cli.config.settings import Settings, load
from cogview_cli.disk.home import expand_home
from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.terminal import output

if TYPE_CHECKING:
    from cogview_cli.batch.layouts import Layout
    from cogview_cli.batch.options import BatchOptions
    from cogview_cli.batch.row import RowDefaults

EPILOG = "\b\n" + _("""\
Examples:
  cogview batch prompts.txt -o out/ --tier V2 --max-cost 30
  cogview batch products.csv --template '{name}海报，标题“{slogan}”' --name '{sku}' -q hd
  cogview batch prompts/ -n 4 --grid 2x2
  generate-prompts | cogview batch - --json | jq -r 'select(.status=="saved").file'
  cogview batch prompts.jsonl --dry-run      what would be sent, and the price
  cogview batch prompts.txt --queue --wait   half the price, through the vendor's queue

The same command again does only what is missing.  Prompt files: cogview help prompts
""")


def batch(
    sources: batch_options.Sources = None,
    model: options.Model = None,
    size: options.Size = None,
    quality: options.Quality = None,
    output_: batch_options.Output = None,
    name: batch_options.Name = None,
    count: batch_options.Count = None,
    grid: batch_options.Grid = None,
    layout: batch_options.Layout = None,
    prompt_field: batch_options.PromptField = None,
    template: batch_options.Template = None,
    input_format: batch_options.InputFormat = None,
    sheet: batch_options.Sheet = None,
    encoding: batch_options.Encoding = None,
    lang: batch_options.Language = None,
    comments: batch_options.Comments = True,
    start: batch_options.Start = 1,
    limit: batch_options.Limit = None,
    shard: batch_options.Shard = None,
    dedupe: batch_options.Dedupe = False,
    skip_bad: batch_options.SkipBad = False,
    fail_fast: batch_options.FailFast = False,
    retry_failed: batch_options.RetryFailed = False,
    replace_edited: batch_options.ReplaceEdited = False,
    report: batch_options.Report = None,
    yes: options.Yes = False,
    wait: batch_options.Wait = False,
    queue: queue_options.Queue = False,
    queue_size: queue_options.QueueSize = None,
    poll: queue_options.Poll = None,
    verify: options.Verify = False,
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
    tier: options.Tier = None,
    jobs: options.Jobs = None,
    profile: options.Profile = None,
    base_url: options.BaseUrl = None,
    timeout: options.Timeout = None,
    max_wait: options.MaxWait = None,
    retries: options.Retries = None,
    deadline: deadline_option.Deadline = None,
    response_format: server_options.ResponseFormat = None,
    extra: server_options.Extra = None,
    async_: server_options.Async = None,
    check_text: text_options.CheckText = None,
    text: text_options.Text = None,
    retake: text_options.Retake = None,
    strict_text: text_options.Strict = None,
    no_validate: options.NoValidate = False,
    sandbox: options.Sandbox = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Make an image (or -n of them) from each prompt of files; resumable, within budget."""
    from cogview_cli.batch.ask import column_question
    from cogview_cli.batch.layouts import layout_of
    from cogview_cli.batch.options import BatchOptions
    from cogview_cli.batch.prepare import parse_grid
    from cogview_cli.batch.report import check_report
    from cogview_cli.batch.selection import Selection, parse_shard
    from cogview_cli.engine.deadline import deadline_of
    from cogview_cli.sources import Reading, ReadOptions

    settings = load(
        options.SettingFlags(
            model=model, size=size, quality=quality, output=output_, user_id=user_id,
            watermark=watermark, format=format, sidecar=sidecar, on_exists=on_exists,
            on_unknown=on_unknown, max_cost=max_cost, tier=tier, jobs=jobs, profile=profile,
            base_url=base_url, timeout=timeout, max_wait=max_wait, retries=retries,
            sandbox=sandbox, response_format=response_format, extra=extra, async_=async_,
            check_text=check_text, retake=retake, strict_text=strict_text,
        )
    )  # fmt: skip
    settings = settings_with_text(settings, text)
    text_options.tell_of_nothing(text)
    sources = _sources(sources)
    selection = Selection(start=start, limit=limit, shard=parse_shard(shard), dedupe=dedupe)
    tiles, benchmark = parse_grid(grid), layout_of(layout)
    if benchmark:
        _check_alone(name=name, grid=grid, format=format)
    check_report(report, sources, overwrite=settings.on_exists == "overwrite")
    asked = BatchOptions(
        settings=settings,
        folder=_folder(settings, sources),
        relative=not Path(expand_home(settings.output or "")).is_absolute(),
        defaults=_row_defaults(
            settings, count, tiles, name, text, validate=not no_validate, layout=benchmark
        ),
        reading=Reading(
            sources,
            ReadOptions(
                format=input_format, prompt_field=prompt_field, template=template,
                comments=comments, lang=lang, encoding=encoding, sheet=sheet,
                ask=column_question(), lettering=settings.checks_text,
            ),
        ),
        selection=selection,
        style=output.OutputOptions(json=json, print0=print0, quiet=quiet, verbose=verbose or debug),
        grid=tiles,
        report=report,
        dry_run=dry_run,
        skip_bad=skip_bad,
        fail_fast=fail_fast,
        retry_failed=retry_failed,
        yes=yes,
        wait=wait,
        verify=verify,
        replace_edited=replace_edited,
        queue=queue,
        queue_size=queue_size,
        poll=poll,
        deadline=deadline_of(deadline, settings, resumes=True),
    )  # fmt: skip
    raise typer.Exit(_run(asked))


def _run(asked: BatchOptions) -> int:
    """Carries the options out; the exit code."""
    from contextlib import closing

    from cogview_cli.batch.plan import Plan
    from cogview_cli.batch.run import run

    with closing(Plan()) as plan:
        return run(asked, plan)


def _sources(given: list[str] | None) -> list[str]:
    """The sources; stdin if there are none and something is piped in."""
    if given:
        return given
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError(_("there is no prompt file"), hint=_("try: cogview batch prompts.txt"))
    return ["-"]


def _folder(settings: Settings, sources: list[str]) -> Path:
    """The output folder; UsageError for what `gen` alone takes.

    A file or template that is configured for `gen` is not meant for a batch.
    """
    from cogview_cli.batch.prepare import default_folder
    from cogview_cli.disk.destination import check_output
    from cogview_cli.disk.names import template_fields

    asked, typed = settings.output, settings.is_flag("output")
    if typed and asked:
        check_output(asked, folder=True)
    if asked is None or (not typed and (asked == "-" or template_fields(asked))):
        return default_folder(sources)
    if asked == "-":
        raise UsageError(_("batch writes into a folder, not to stdout"), hint="-o out/")
    if template_fields(asked):
        raise UsageError(
            _("--output '{path}' is a template", path=asked), hint="-o out/ --name '{slug}'"
        )
    return Path(expand_home(asked)).absolute()


def _check_alone(**flags: str | None) -> None:
    """UsageError for what a layout decides by itself."""
    for flag, value in flags.items():
        if value is not None and (flag, value) != ("format", "png"):
            raise UsageError(
                _("--layout and --{flag} contradict", flag=flag), hint=_("leave one of the two out")
            )


def _row_defaults(
    settings: Settings,
    count: int | None,
    grid: tuple[int, int] | None,
    name: str | None,
    text: list[str] | None,
    *,
    validate: bool,
    layout: Layout | None,
) -> RowDefaults:
    """What holds for every row; a grid or a layout asks for as many images as it has."""
    from cogview_cli.batch.row import RowDefaults

    return RowDefaults(
        settings=settings,
        count=count or (grid[0] * grid[1] if grid else layout.images if layout else None),
        name=name,
        text=tuple(text) if text else None,
        layout=layout,
        validate=validate,
        now=time.time(),
    )
