"""A checked `gen` plan carried out: jobs, reports, exit code; or only shown."""

from __future__ import annotations

import os.path
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cogview_cli.config.store import state_dir
from cogview_cli.disk.atomic import check_parents
from cogview_cli.disk.names import template_fields
from cogview_cli.engine.confirm import Price, confirm, retakes_line
from cogview_cli.errors import MachineError
from cogview_cli.gen.plan import GenPlan, job_of, namespace_of, target_of
from cogview_cli.gen.stdout import StdoutDelivery
from cogview_cli.i18n import _, _n
from cogview_cli.loading import no_garbage_collection
from cogview_cli.outcome import WITH_IMAGE, Outcome, Status, Summary, currency_field
from cogview_cli.terminal import ending, output
from cogview_cli.terminal.reporter import Reporter

if TYPE_CHECKING:
    from cogview_cli.engine.job import Job


def show(plan: GenPlan) -> int:
    """Prints the requests and the price; sends nothing, creates nothing."""
    if not plan.destination.stdout:
        check_parents(target_of(plan, 1, time.time()).place()[0], Path(plan.destination.root))
    reporter = Reporter(plan.style, relative_to=_shown_from(plan))
    price, path = plan.price(plan.images), plan.settings.endpoint(plan.request.model)
    for n in range(1, plan.images + 1):
        if plan.style.json:
            output.write_json(_request_record(plan, n, reporter))
        else:
            output.write_bare_json(plan.request.body())
    if plan.style.json:
        foreseen = Summary(single=True, currency=plan.settings.tariff.currency)
        foreseen.counts[Status.NOT_SENT] = plan.images
        most = {"requests_max": plan.images + price.retakes} if price.retakes else {}
        output.write_json(foreseen.planned(price.most, requests=plan.images, **most))
    _show_pictures(plan, [])
    if not plan.style.quiet:
        output.say(f"POST {path}")
        if told := _limit_line(plan):
            output.say(told)
        output.say(_price_line(price))
    return 0


def _price_line(price: Price) -> str:
    if price.retakes:
        return _("{what}; nothing was sent", what=price.counted)
    return _n(
        "{count} request, price {price}; nothing was sent",
        "{count} requests, price {price}; nothing was sent",
        price.images,
        price=price,
    )


def _request_record(plan: GenPlan, n: int, reporter: Reporter) -> dict[str, Any]:
    """The `--json` object of one request, with its file and its price if they are known."""
    tariff = plan.settings.tariff
    price = tariff.price_of(plan.request.model)
    cost = {} if price is None else {"cost": str(price), **currency_field(tariff.currency)}
    target = target_of(plan, n, time.time())
    # The request's id is not drawn yet.
    nameless = target.named_late or "id" in template_fields(plan.destination.template)
    file = {} if nameless else {"file": reporter.path(str(target.expected_path()))}
    if plan.destination.stdout:
        file = {}
    path = plan.settings.endpoint(plan.request.model)
    head = {**plan.request.body(), "type": "request", "endpoint": path}
    return {**head, "index": 1, "n": n, **file, **cost}


def _shown_from(plan: GenPlan) -> str | None:
    """The folder that paths are shown relative to."""
    return str(Path.cwd()) if plan.relative else None


def _limit_line(plan: GenPlan) -> str | None:
    """How many pictures or retakes --max-cost allows, if not all."""
    model, tariff = plan.request.model, plan.settings.tariff
    limit, price = plan.settings.max_cost, tariff.price_of(model)
    if limit is None or not price:
        return None
    if price * plan.images <= limit:
        total = plan.price(plan.images)
        return retakes_line(limit, total, {model: total.retakes}, tariff)
    return _n(
        "--max-cost {limit} ends it after {made} of {count} picture",
        "--max-cost {limit} ends it after {made} of {count} pictures",
        plan.images,
        limit=limit,
        made=int(limit // price),
    )


def run(plan: GenPlan) -> int:
    """Runs the plan; the exit code."""
    import asyncio

    sandbox = plan.settings.sandbox
    summary = Summary(single=True, sandbox=sandbox, currency=plan.settings.tariff.currency)
    summary.checking = plan.settings.checks_text
    reporter = Reporter(plan.style, relative_to=_shown_from(plan), sandbox=sandbox)
    files: list[str] = []
    with ending.counted(summary):
        asyncio.run(carry_out(plan, summary, reporter, files))
    with ending.counted(summary):
        reporter.summary(summary)
    _show_pictures(plan, files)
    return int(summary.exit_code)


def _show_pictures(plan: GenPlan, files: list[str]) -> None:
    if plan.preview or plan.open:
        from cogview_cli.gen.preview import show_pictures

        show_pictures(files, plan.style, draw=plan.preview, view=plan.open)


async def carry_out(plan: GenPlan, summary: Summary, reporter: Reporter, files: list[str]) -> None:
    """Runs the jobs; `files` gets the pictures that can be shown."""
    with no_garbage_collection():  # the network side is half of all modules
        from cogview_cli.net import clients

        if not plan.settings.sandbox:
            clients.preload_trust(plan.settings.base_url)  # beside the other half of them
        from cogview_cli.engine import session
        from cogview_cli.gen.work import Work

    stdout = StdoutDelivery(paid=not plan.settings.sandbox)

    def report(outcome: Outcome) -> None:
        summary.add(outcome)
        shown = outcome.files if outcome.status in WITH_IMAGE else ()
        if plan.destination.stdout and shown:
            stdout.deliver(outcome)
        else:
            files.extend(file.file for file in shown)
        reporter.outcome(outcome)

    job = partial(job_of, plan, now=time.time(), namespace=namespace_of(plan))
    numbers = _wanted(plan, job, report)
    if not numbers:
        return
    if not plan.once:
        _make_folders(plan, numbers, job)
    async with session.open_session(plan.settings) as opened:
        work = Work(plan, numbers, job, report)
        work.look_back(opened.ledger, shown=files)
        price = plan.price(len(work.to_send), again=work.again, retakes=work.retakes)
        confirm(price, plan.settings, yes=plan.yes, hint=_("fewer: --count"))
        if work.any:
            if plan.once:
                _make_folders(plan, numbers, job)
            try:
                summary.stopped = await work.run(opened, reporter)
            finally:
                stdout.note(opened.ledger)


def _wanted(
    plan: GenPlan, job: Callable[[int], Job], report: Callable[[Outcome], None]
) -> Sequence[int]:
    """The numbers of the pictures to make; the others are there, under --on-exists skip."""
    numbers = range(1, plan.images + 1)
    if plan.destination.on_exists not in ("skip", "fail") or plan.destination.stdout:
        return numbers
    from cogview_cli.gen.settled import skipped
    from cogview_cli.pictures.sidecar import found_file

    left = []
    for number in numbers:
        if there := _existing(job(number)):
            report(skipped(plan, number, (found_file(there),)))
        else:
            left.append(number)
    return left


def _make_folders(plan: GenPlan, numbers: Sequence[int], job: Callable[[int], Job]) -> None:
    from cogview_cli.disk.atomic import check_writable, ensure_folder

    if plan.destination.stdout:
        _make_state_folder()
    apart = "n" in template_fields(os.path.dirname(plan.destination.template))
    for folder in {job(number).target.place()[0] for number in (numbers if apart else numbers[:1])}:
        ensure_folder(folder, Path(plan.destination.root))
        check_writable(folder)


def _make_state_folder() -> None:
    try:
        state_dir().mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(
            _("the state folder '{path}': {why}", path=state_dir(), why=error.strerror),
            hint=_("set COGVIEW_STATE_DIR to a folder that can be written, or to auto"),
        ) from None


def _existing(job: Job) -> Path | None:
    """The image that makes this one needless under --on-exists skip."""
    from cogview_cli.pictures.existing import image_in_the_way

    return image_in_the_way(job.target, job.key)
