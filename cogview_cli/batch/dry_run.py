"""`batch --dry-run`: the requests and the price; nothing is sent, nothing created."""

from __future__ import annotations

from collections.abc import Container
from decimal import Decimal
from typing import Any

from cogview_cli.batch.edited import edited_line, edited_rows
from cogview_cli.batch.item import Item
from cogview_cli.batch.options import BatchOptions
from cogview_cli.batch.plan import Plan
from cogview_cli.batch.prepare import ReadSummary
from cogview_cli.batch.previous_run import PreviousRun
from cogview_cli.disk.atomic import check_parents
from cogview_cli.engine.budget import Budget
from cogview_cli.engine.confirm import Price, retakes_line
from cogview_cli.i18n import _, _n
from cogview_cli.ledger.open import existing_ledger
from cogview_cli.outcome import Status, Summary, currency_field, money
from cogview_cli.terminal import output
from cogview_cli.terminal.text import clean

NAMES_SHOWN = 20


def _check_folder(options: BatchOptions, plan: Plan) -> None:
    """MachineError where the run itself would find no place for its folder."""
    if plan.counts().to_do:
        check_parents(options.folder, options.folder)


def show(options: BatchOptions, plan: Plan, summary: ReadSummary) -> int:
    """Prints the requests and the price; sends nothing, creates nothing."""
    foreseen = Summary(single=False, currency=options.settings.tariff.currency)
    with existing_ledger() as ledger:
        previous = options.previous_run(ledger)
        findings = previous.decide(plan)
        if options.settings.checks_text:
            from cogview_cli.batch.texts import TextPlan

            TextPlan(options, previous).decide(plan)
        edited = edited_rows(plan, previous.sidecars) if options.selection.is_whole else []
        if options.style.json:
            _foresee(foreseen, plan, previous)
    _check_folder(options, plan)
    for line in findings.warnings():
        output.warn(clean(line, 600))
    gone = {row.image for row in edited} if options.replace_edited else set()
    names = _write_requests(options, plan, gone)
    if options.style.json:
        output.write_json(_summary_record(options, plan, summary, foreseen))
    if not options.style.quiet:
        _describe(summary)
        count = plan.counts().to_send
        _say_names(names, count)
        for path in dict.fromkeys(map(options.endpoint, plan.models_to_send())):
            output.say(f"POST {path}")
        if limited := _limit_line(options, plan):
            output.say(limited)
        if line := edited_line(edited, plan, replace=options.replace_edited):
            output.say(line)
        _say_price(options, plan, count)
        if waiting := plan.counts().waiting:
            output.say(_("{count} more wait in the vendor's queue", count=waiting))
    return 0


def _say_price(options: BatchOptions, plan: Plan, count: int) -> None:
    """What it costs; both ways where there is a cheaper one."""
    price, queued = options.price(plan), options.queue_price(plan)
    output.say(_price_line(price, count))
    if queued is not None:
        direct = options.price(plan, queue=False)
        output.say(_("price: direct {direct}, queue {queue}", direct=direct, queue=queued))


def _price_line(price: Price, count: int) -> str:
    if price.retakes:
        return _("{what}; nothing was sent", what=price.counted)
    return _n(
        "{count} request, price {price}; nothing was sent",
        "{count} requests, price {price}; nothing was sent",
        count,
        price=price,
    )


def _write_requests(options: BatchOptions, plan: Plan, gone: Container[str]) -> list[str]:
    """Writes every request to stdout; which row becomes which file, for the first few."""
    names: list[str] = []
    for item in plan.to_send():
        name = options.shown_path(item.expected_path(options.destination, gone))
        if options.style.json:
            output.write_json(_record(item, name, options))
        else:
            output.write_bare_json(item.body)
        if len(names) < NAMES_SHOWN:
            names.append(f"{plan.place(item.index)} -> {name}")
    return names


def _limit_line(options: BatchOptions, plan: Plan) -> str | None:
    """Where --max-cost would end the run; None if it would not."""
    limit, tariff = options.settings.max_cost, options.tariff
    budget = Budget(limit, tariff.currency)
    for made, item in enumerate(plan.to_send() if limit is not None else ()):
        price = tariff.price_of(item.body["model"]) or Decimal(0)
        if not budget.reserve(price):
            return _n(
                "--max-cost {limit} ends it before {place}: {made} of {count} picture, {cost}",
                "--max-cost {limit} ends it before {place}: {made} of {count} pictures, {cost}",
                plan.counts().to_send,
                limit=limit,
                place=plan.place(item.index),
                made=made,
                cost=money(budget.committed, tariff.currency),
            )
        budget.charge(price)
    return retakes_line(limit, options.price(plan), plan.retakes(), tariff)


def _say_names(names: list[str], count: int) -> None:
    """The names that were kept, and how many more there are."""
    for line in names:
        output.say(clean(line))
    if count > len(names):
        output.say(_("… and {count} more", count=count - len(names)))


def _record(item: Item, name: str, options: BatchOptions) -> dict[str, Any]:
    """The `--json` object of one request, with its file and its price if that is known."""
    tariff, model = options.tariff, item.body["model"]
    price = tariff.price_of(model)
    cost = {} if price is None else {"cost": str(price), **currency_field(tariff.currency)}
    row_id = item.source.get("row_id")
    own = {} if row_id is None else {"row_id": row_id}
    place = {"index": item.index, "n": item.n, **own, "file": name}
    path = options.endpoint(model)
    return {**item.body, "type": "request", "endpoint": path, **place, **cost}


def _foresee(foreseen: Summary, plan: Plan, previous: PreviousRun) -> None:
    """Counts the items as they stand before a run."""
    for _item, _found, outcome in previous.outcomes(plan):
        foreseen.add(outcome)
    counts = plan.counts()
    foreseen.counts[Status.NOT_SENT] += counts.to_send
    foreseen.counts[Status.UNSAVED] += counts.to_fetch
    foreseen.counts[Status.QUEUED] += counts.waiting
    foreseen.counts[Status.SKIPPED] += counts.to_check


def _summary_record(
    options: BatchOptions, plan: Plan, summary: ReadSummary, foreseen: Summary
) -> dict[str, Any]:
    """The last `--json` object."""
    price, requests = options.price(plan), plan.counts().to_send
    most = {"requests_max": requests + price.retakes} if price.retakes else {}
    counts = {"requests": requests, **most, "rows": summary.rows}
    record, queued = foreseen.planned(price.most, **counts), options.queue_price(plan)
    return record if queued is None else {**record, "queue_cost_max": str(queued.bound)}


def _describe(summary: ReadSummary) -> None:
    """What reading the sources has shown."""
    output.say(clean(_("form: {forms}", forms=_("; ").join(summary.forms))))
    if summary.columns:
        output.say(clean(_("columns: {columns}", columns=", ".join(summary.columns))))
    rows, longest = summary.rows, summary.longest
    output.say(
        _n(
            "rows: {rows}; longest prompt: {count} character",
            "rows: {rows}; longest prompt: {count} characters",
            longest,
            rows=rows,
        )
    )
