"""The public functions: the engine, the ledger, the settings and the limits of the commands.

Nothing is printed: what a command would say goes to the logger `cogview_cli`. Each call works in
a thread of its own, so it may be made where an event loop runs, and waits for what is in flight.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, TypedDict, Unpack

from cogview_cli.api.request import ImageRequest
from cogview_cli.batch.options import BatchOptions
from cogview_cli.batch.plan import Plan
from cogview_cli.batch.row import RowDefaults
from cogview_cli.batch.run import run as run_batch
from cogview_cli.batch.selection import Selection
from cogview_cli.config.lettering import settings_with_text
from cogview_cli.config.settings import Settings, load
from cogview_cli.disk.destination import STDOUT, from_output
from cogview_cli.disk.home import expand_home
from cogview_cli.engine.validation import check_model_name, check_models, validate_request
from cogview_cli.errors import UsageError
from cogview_cli.gen.plan import GenPlan, check_budget, target_of, wanted_of
from cogview_cli.gen.run import carry_out
from cogview_cli.i18n import _
from cogview_cli.outcome import Summary
from cogview_cli.python_api.background import QUIET, results
from cogview_cli.python_api.keywords import raising_keywords
from cogview_cli.python_api.result import ImageResult
from cogview_cli.sources.prompt_list import PromptList
from cogview_cli.terminal.reporter import Reporter

__all__ = ["ImageResult", "Options", "generate", "generate_many"]


class Options(TypedDict, total=False):
    """The settings of a call: the options of `cogview gen` under their names.

    They go before the environment and the config file, which hold for the rest. `text` is what
    the picture should say, `[""]` or `""` nothing; it is looked at unless `check_text` is false.
    """

    api_key: str
    base_url: str
    check_text: bool
    extra: Mapping[str, Any]
    format: str
    jobs: int
    max_cost: Decimal | str | int
    max_wait: float
    model: str
    on_exists: str
    on_unknown: str
    profile: str
    quality: str
    response_format: str
    retake: int
    retries: int
    sandbox: bool
    sidecar: bool
    size: str
    strict_text: bool
    text: str | Sequence[str]
    tier: str
    timeout: float
    user_id: str
    watermark: bool


def generate(
    prompt: str,
    output: str | os.PathLike[str] | None = None,
    *,
    once: bool = False,
    **options: Unpack[Options],
) -> ImageResult:
    """Makes one image, or fetches one that an earlier call has paid for; the image on disk.

    `output`: a file, a folder or a name template, as `-o` takes it. `once`: what an earlier call
    has made in the same place is not made again.

    Raises a `cogview_cli.errors.CogviewError` where there is no image: `UsageError` (nothing was
    sent), `ContentRefused`, `Rejected`, `AccountError`, `BudgetReached` (`max_cost`),
    `MachineError`, `Temporary` (the same call works later), `UnknownOutcome` (perhaps paid: with
    `once=True` the same call does not pay again) or `PaidNotSaved` (paid: the same call fetches
    it, free).
    """
    with raising_keywords():
        settings, text = _settings(output, options)
        plan = _gen_plan(prompt, output, once, settings, text)

    def work(reporter: Reporter) -> None:
        summary = Summary(single=True, currency=plan.settings.tariff.currency)
        asyncio.run(carry_out(plan, summary, reporter, []))

    result, *_others = results(work)
    if result.error is not None:
        raise result.error
    return result


def generate_many(
    prompts: Iterable[str | Mapping[str, Any]],
    output: str | os.PathLike[str],
    *,
    name: str | None = None,
    count: int | None = None,
    retry_failed: bool = False,
    wait: bool = False,
    **options: Unpack[Options],
) -> Iterator[ImageResult]:
    """Makes an image of each prompt in the folder `output`; yields each result as it ends.

    A prompt is a text, or a row with `prompt` and perhaps `size`, `quality`, `model`, `id`,
    `name`, `n` and columns of your own, as `cogview batch` reads them from JSONL; options go
    before what a row says. All are checked before the first one is sent. Called again it makes
    only what is missing; the others are yielded as `skipped`. A run that is left early, also by
    an exception, sends nothing more, and waits for what is in flight.

    `name`, `count`, `retry_failed` and `wait` are as the options of `cogview batch`. An image that
    fails is a result with an `error`; a `CogviewError` is raised for what ends the run outside of
    any image: `UsageError` for bad rows, `Temporary` where another run has the folder.
    """
    with raising_keywords():
        settings, text = _settings(output, options)
        defaults = RowDefaults(
            settings=settings, count=count, name=name, validate=True, now=time.time(), text=text
        )
        asked = _batch_options(PromptList(prompts), defaults, retry_failed, wait)

    def work(reporter: Reporter) -> None:
        with closing(Plan()) as plan:
            run_batch(asked, plan, reporter)

    return results(work)


def _settings(
    output: str | os.PathLike[str] | None, options: Options
) -> tuple[Settings, tuple[str, ...] | None]:
    """The settings in force, and `text`; TypeError for an option that there is none of.

    MachineError where text is to be looked at and nothing can read pictures.
    """
    if unknown := sorted(options.keys() - Options.__annotations__.keys()):
        raise TypeError(f"unexpected keyword argument {unknown[0]!r}")
    flags: dict[str, object] = {**options, "output": None if output is None else os.fspath(output)}
    extra = options.get("extra")
    if extra is not None:
        flags["extra"] = [f"{key}={json.dumps(value)}" for key, value in extra.items()]
    text = _texts(flags.pop("text", None))
    settings = load({name: _as_typed(value) for name, value in flags.items()})
    return settings_with_text(settings, text), text


def _texts(given: object) -> tuple[str, ...] | None:
    """What `text` says; UsageError for anything but texts."""
    texts = (given,) if isinstance(given, str) else given
    if texts is None:
        return None
    if not isinstance(texts, Sequence) or not all(isinstance(text, str) for text in texts):
        raise UsageError(_("text takes a text, or a list of texts"), hint="text='早安咖啡'")
    return tuple(texts) or None


def _as_typed(value: object) -> object:
    """A value as the command line would give it."""
    return str(value) if isinstance(value, Decimal | float) else value


def _gen_plan(
    prompt: str,
    output: str | os.PathLike[str] | None,
    once: bool,
    settings: Settings,
    text: tuple[str, ...] | None,
) -> GenPlan:
    if settings.output == STDOUT:
        raise UsageError(_("there is no stdout to write to here"), hint="output='images/'")
    check_model_name(settings.model, settings, validate=True)
    request = ImageRequest(
        prompt=prompt,
        model=settings.model,
        size=settings.size,
        quality=settings.quality,
        user_id=settings.user_id,
        watermark=settings.watermark,
        response_format=settings.response_format,
        extra=settings.extra or {},
    )
    plan = GenPlan(
        settings=settings,
        request=validate_request(request, validate=True, size_rules=settings.size_rules),
        destination=from_output(
            settings.output,
            format=settings.format,
            sidecar=settings.sidecar,
            on_exists=settings.on_exists,
            format_typed=settings.is_flag("format"),
        ),
        images=1,
        source=None,
        style=QUIET,
        dry_run=False,
        relative=False,
        once=once,
        wanted=wanted_of(prompt, text, settings),
    )
    target_of(plan, 1, 0.0).check()
    check_models([request.model], settings)
    check_budget(plan)
    return plan


def _batch_options(
    reading: PromptList, defaults: RowDefaults, retry_failed: bool, wait: bool
) -> BatchOptions:
    settings = defaults.settings
    return BatchOptions(
        settings=settings,
        folder=Path(expand_home(settings.output or "")).absolute(),
        relative=False,
        defaults=defaults,
        reading=reading,
        selection=Selection(),
        style=QUIET,
        grid=None,
        report=None,
        dry_run=False,
        skip_bad=False,
        fail_fast=False,
        retry_failed=retry_failed,
        yes=False,
        wait=wait,
    )
