"""`cogview gen`: one prompt, one or more images."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cogview_cli.api import ratios
from cogview_cli.api.prompt_length import remark
from cogview_cli.api.request import ENDPOINT, ImageRequest
from cogview_cli.cli import deadline_option, options, server_options, text_options
from cogview_cli.config.lettering import settings_with_text
from cogview_cli.config.settings import Settings, load
from cogview_cli.config.store import state_dir
from cogview_cli.config.tables import EXTRA
from cogview_cli.disk.destination import STDOUT, Destination, from_output
from cogview_cli.disk.home import expand_home
from cogview_cli.engine.deadline import deadline_of
from cogview_cli.engine.validation import check_model_name, check_models, validate_request
from cogview_cli.errors import MachineError, UsageError
from cogview_cli.gen.lone_word import check_lone_word
from cogview_cli.gen.plan import GenPlan, check_budget, target_of, wanted_of
from cogview_cli.gen.prompt import prompt_from
from cogview_cli.gen.run import run, show
from cogview_cli.i18n import _
from cogview_cli.terminal import output
from cogview_cli.terminal.text import clean

EPILOG = "\b\n" + _("""\
Examples:
  cogview gen "一只可爱的小猫咪" --size 1440x720 --quality hd
  cogview gen "产品海报" -n 4 -o 'out/{slug}-{n}.png'
  echo "赛博朋克城市" | cogview gen -o pictures/
  cogview gen "猫" -o - > cat.png
  cogview gen "猫" --sandbox      no key, no network, no cost

Exit codes: cogview help exit-codes.  Name templates: cogview help names
""")


def gen(
    prompt: Annotated[
        str | None,
        typer.Argument(
            metavar="[PROMPT]", help=_("What to draw; - or nothing reads it from stdin.")
        ),
    ] = None,
    model: options.Model = None,
    size: options.Size = None,
    quality: options.Quality = None,
    output_: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="WHERE",
            help=options.about(
                "output",
                _("A file, a folder, a template ({slug}-{n}.png), or -."),
                _("this folder"),
            ),
            rich_help_panel=options.FILES,
        ),
    ] = None,
    count: options.Count = 1,
    prompt_file: Annotated[
        str | None,
        typer.Option(
            "--prompt-file",
            metavar="FILE",
            help=_("Read the whole prompt from this file."),
            rich_help_panel=options.PICTURE,
        ),
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="WHAT",
            help=_("Repeat the request of a picture, a sidecar or an id of history."),
            rich_help_panel=options.PICTURE,
        ),
    ] = None,
    user_id: options.UserId = None,
    watermark: options.Watermark = None,
    format: options.Format = None,
    sidecar: options.Sidecar = None,
    on_exists: options.OnExists = None,
    on_unknown: options.OnUnknown = None,
    once: Annotated[
        bool,
        typer.Option(
            "--once",
            help=_("Make nothing again that an earlier gen has made or paid."),
            rich_help_panel=options.MONEY,
        ),
    ] = False,
    max_cost: options.MaxCost = None,
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
    json: options.Json = False,
    print0: options.Print0 = False,
    preview: Annotated[
        bool,
        typer.Option(
            "--preview", help=_("Show the picture in the terminal."), rich_help_panel=options.FILES
        ),
    ] = False,
    open_: Annotated[
        bool,
        typer.Option(
            "--open", help=_("Open the picture in a viewer."), rich_help_panel=options.FILES
        ),
    ] = False,
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
    text_: text_options.Text = None,
    retake: text_options.Retake = None,
    strict_text: text_options.Strict = None,
    no_validate: options.NoValidate = False,
    sandbox: options.Sandbox = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Make one image (or -n of them) from a prompt; print the path of each."""
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
    settings = settings_with_text(settings, text_)
    text_options.tell_of_nothing(text_)
    style = output.OutputOptions(
        json=json,
        print0=print0,
        quiet=quiet,
        verbose=verbose or debug,
        images_on_stdout=settings.output == STDOUT,
    )
    text, source = prompt_from(prompt, prompt_file, repeat=from_ is not None)
    request = _request(text, from_, settings)
    if from_ is not None and extra:
        typed: Any = EXTRA.read(extra)
        request = request._replace(extra={**request.extra, **typed})
    check_model_name(request.model, settings, validate=not no_validate)
    plan = GenPlan(
        settings=settings,
        request=validate_request(request, validate=not no_validate, size_rules=settings.size_rules),
        destination=_destination(settings, count),
        images=count,
        source=source,
        style=style,
        dry_run=dry_run,
        relative=not Path(expand_home(settings.output or "")).is_absolute(),
        preview=preview,
        open=open_,
        once=once,
        yes=yes,
        deadline=deadline_of(deadline, settings),
        wanted=wanted_of(request.prompt, text_, settings),
    )
    _check(plan, request.size)
    if not (dry_run or settings.sandbox or text is None or source):
        check_lone_word(text, yes=yes)
    raise typer.Exit(show(plan) if dry_run else run(plan))


def _request(text: str | None, repeat: str | None, settings: Settings) -> ImageRequest:
    """The request: an earlier one with flags on top, or from settings alone."""
    if repeat is None:
        assert text is not None
        return ImageRequest(
            prompt=text,
            model=settings.model,
            size=settings.size,
            quality=settings.quality,
            user_id=settings.user_id,
            watermark=settings.watermark,
            response_format=settings.response_format,
            extra=settings.extra or {},
        )
    from cogview_cli.gen.repeat import past_request

    past = past_request(repeat)
    flag = settings.is_flag
    return ImageRequest(
        prompt=past.prompt if text is None else text,
        model=settings.model if flag("model") else past.model,
        size=settings.size if flag("size") else past.size,
        quality=settings.quality if flag("quality") else past.quality,
        user_id=settings.user_id if flag("user_id") else past.user_id,
        watermark=settings.watermark if flag("watermark") else past.watermark,
        response_format=settings.response_format,
        extra=past.extra,
    )


def _destination(settings: Settings, count: int) -> Destination:
    destination = from_output(
        settings.output,
        format=settings.format,
        sidecar=settings.sidecar,
        on_exists=settings.on_exists,
        count=count,
        format_typed=settings.is_flag("format"),
    )
    if not destination.stdout:
        return destination
    # The checked file waits where no name is taken and nobody is surprised to find it.
    return destination._replace(root=str(state_dir() / "spool"), sidecar=False, on_exists="rename")


def _check(plan: GenPlan, size: str | None) -> None:
    """What can be wrong with the plan as a whole; warns of doubts. `size`: as it was written."""
    target_of(plan, 1, 0.0).check()
    if plan.destination.stdout:
        _check_stdout(plan)
    check_models([plan.request.model], plan.settings)
    _check_async(plan)
    if told := remark(plan.request.model, plan.request.prompt):
        output.warn(told)
    if told := ratios.remark(plan.request.model, size, plan.request.size):
        output.warn(told)
    if plan.wanted:
        _warn_of_unasked(plan.request.prompt, plan.wanted)
    if not plan.dry_run:
        check_budget(plan)


def _warn_of_unasked(prompt: str, wanted: Sequence[str]) -> None:
    from cogview_cli.textcheck.wanted import unasked  # seldom asked for

    for text in unasked(prompt, wanted)[:1]:
        output.warn(
            _(
                "the prompt does not hold '{text}', so the model cannot know it",
                text=clean(text, 60),
            )
        )


def _check_async(plan: GenPlan) -> None:
    """To ask for the asynchronous call of a model that has none is a mistake."""
    settings, model = plan.settings, plan.request.model
    typed = settings.is_flag("async_") and settings.async_
    if typed and settings.endpoint(model) == ENDPOINT:
        raise UsageError(
            _("{model} has no asynchronous call; glm-image has", model=model),
            hint=_("leave --async out"),
        )


def _check_stdout(plan: GenPlan) -> None:
    if plan.images > 1:
        raise UsageError(_("--output - takes one image"), hint=_("give a folder: --output images/"))
    if plan.style.json or plan.style.print0:
        raise UsageError(
            _("--output - leaves no room for --json or --print0"), hint=_("give a file: -o cat.png")
        )
    if not plan.dry_run and sys.stdout is None:
        raise MachineError(
            _("stdout is closed; nothing was sent"), hint=_("redirect: -o - > cat.png")
        )
    if not plan.dry_run and sys.stdout.isatty():
        raise UsageError(
            _("image bytes would go to the terminal"), hint=_("redirect: -o - > cat.png")
        )
