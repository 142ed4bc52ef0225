"""A `batch` read and checked, then carried out or only shown."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

from cogview_cli.batch import dry_run, prepare
from cogview_cli.batch.execute import BatchRun
from cogview_cli.batch.options import BatchOptions
from cogview_cli.batch.plan import Plan
from cogview_cli.batch.shared_names import tell_apart
from cogview_cli.config.store import state_dir
from cogview_cli.disk.locks import Busy, exclusive_lock
from cogview_cli.engine.validation import check_model_name, check_models
from cogview_cli.errors import MachineError, Temporary, UsageError
from cogview_cli.i18n import _, _n
from cogview_cli.terminal import output
from cogview_cli.terminal.reporter import Reporter
from cogview_cli.terminal.text import clean


def run(options: BatchOptions, plan: Plan, reporter: Reporter | None = None) -> int:
    """Reads all sources, then runs the plan or shows it; the exit code.

    `reporter`: hears of each outcome, instead of stdout.
    """
    check_model_name(options.settings.model, options.settings, validate=options.defaults.validate)
    summary = prepare.read_into(plan, options.reading, options.defaults)
    _refuse_bad(summary, skip=options.skip_bad, quiet=options.style.quiet)
    prepare.choose(plan, options.host, options.selection)
    if options.grid:
        prepare.check_grid(plan, options.grid[0] * options.grid[1])
    if options.settings.on_exists == "overwrite":
        prepare.check_names(plan, options.destination, "--on-exists overwrite")
    elif options.grid or options.defaults.layout:
        prepare.check_names(plan, options.destination, "--grid" if options.grid else "--layout")
    check_models(plan.models(), options.settings)
    if options.queue:
        _check_queue(options, plan)
    _tell(options, plan, summary)
    _name(options, plan)
    if options.dry_run:
        return dry_run.show(options, plan, summary)
    with _folder_lock(options):
        return BatchRun(options, plan, reporter).run()


def _check_queue(options: BatchOptions, plan: Plan) -> None:
    from cogview_cli.queue.offers import check_queue

    check_queue(plan.models(), options.settings)


def _tell(options: BatchOptions, plan: Plan, summary: prepare.ReadSummary) -> None:
    """How the sources were understood, before anything is sent."""
    for log in summary.logs:
        for line in log.warnings:
            output.warn(line)
    for warning in (
        prepare.ignored_line(summary.ignored),
        prepare.secrets_line(summary.secrets),
        *summary.doubts.lines(plan),
    ):
        if warning:
            output.warn(warning)
    if options.style.quiet:
        return
    for line in prepare.understood_lines(summary):
        output.say(clean(line, 1000))
    repeated = prepare.repeated_line(plan.repeated_rows(), dedupe=options.selection.dedupe)
    if repeated:
        output.say(repeated)


def _name(options: BatchOptions, plan: Plan) -> None:
    """Decides the names; what is odd about them is told."""
    shared = tell_apart(plan, options.destination)
    if options.style.quiet:
        return
    for line in prepare.empty_name_lines(plan, options.defaults.use):
        output.warn(line)
    if shared.line:
        output.say(clean(shared.line, 600))


def _refuse_bad(summary: prepare.ReadSummary, *, skip: bool, quiet: bool) -> None:
    """UsageError if any row is bad: nothing is paid for a file that cannot be finished."""
    for line in () if skip and quiet else prepare.shown_bad(summary):
        said = f"{'warning' if skip else 'error'}: {line}"
        output.say(clean(said, 400))
    if summary.bad_count and not skip:
        raise UsageError(
            _n(
                "{count} bad row; nothing was sent",
                "{count} bad rows; nothing was sent",
                summary.bad_count,
            ),
            hint=_n(
                "fix it, or leave it out: --skip-bad",
                "fix them, or leave them out: --skip-bad",
                summary.bad_count,
            ),
        )
    if not summary.rows:
        raise UsageError(_("the source holds no prompt"), hint=_("one prompt a line, for example"))


@contextmanager
def _folder_lock(options: BatchOptions) -> Iterator[None]:
    """One run at a time on a folder, or on one shard of it."""
    number, shards = options.selection.shard
    what = f"{options.folder.resolve()}\n{number}/{shards}"
    name = hashlib.sha256(os.fsencode(what)).hexdigest()[:16]
    try:
        path, most = state_dir() / "folders" / f"{name}.lock", options.deadline.left
        with exclusive_lock(path, wait=options.wait, seconds=most):
            yield
    except Busy:
        raise Temporary(
            _("another run is working on '{path}'", path=options.folder),
            hint=_("give it more time: --deadline SECONDS")
            if options.wait
            else _("wait for it with --wait"),
        ) from None
    except OSError as error:
        raise MachineError(
            _(
                "the state folder '{path}': {reason}",
                path=state_dir(),
                reason=_(str(error.strerror)),
            ),
            hint=_("set COGVIEW_STATE_DIR to a folder that can be written, or to auto"),
        ) from None
