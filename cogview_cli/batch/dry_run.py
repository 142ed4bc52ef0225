"""`batch --dry-run`: the requests and the price; nothing is sent, nothing created."""

from __future__ import annotations

from typing import Any

from cogview_cli.api import models
from cogview_cli.batch.item import Item
from cogview_cli.batch.options import BatchOptions
from cogview_cli.batch.plan import Plan
from cogview_cli.batch.prepare import ReadSummary
from cogview_cli.i18n import _
from cogview_cli.ledger.open import existing_ledger
from cogview_cli.terminal import output
from cogview_cli.terminal.text import clean


def show(options: BatchOptions, plan: Plan, summary: ReadSummary) -> int:
    """Prints the requests and the price; sends nothing, creates nothing."""
    with existing_ledger() as ledger:
        findings = options.previous_run(ledger).decide(plan)
    for line in findings.warnings():
        output.warn(clean(line, 600))
    for item in plan.to_send():
        if options.style.json:
            output.write_json(_record(item))
        else:
            output.write_bare_json(item.body)
    if options.style.json:
        output.write_json(_summary_record(plan, summary))
    if not options.style.quiet:
        _describe(summary)
        count = plan.counts().to_send
        output.say(
            _(
                "{count} request(s), price {price}; nothing was sent",
                count=count,
                price=_price(plan),
            )
        )
    return 0


def _record(item: Item) -> dict[str, Any]:
    """The `--json` object of one request, with its price if that is known."""
    price = models.price_of(item.body["model"])
    cost = {} if price is None else {"cost": str(price)}
    return {"type": "request", "index": item.index, "n": item.n, **item.body, **cost}


def _summary_record(plan: Plan, summary: ReadSummary) -> dict[str, Any]:
    """The last `--json` object."""
    return {
        "type": "summary",
        "requests": plan.counts().to_send,
        "rows": summary.rows,
        "cost": "0",
        "cost_max": str(plan.price_to_send()),
        "exit_code": 0,
    }


def _describe(summary: ReadSummary) -> None:
    """What reading the sources has shown."""
    output.say(clean(_("form: {forms}", forms="; ".join(summary.forms))))
    if summary.columns:
        output.say(clean(_("columns: {columns}", columns=", ".join(summary.columns))))
    rows, longest = summary.rows, summary.longest
    output.say(_("rows: {rows}; longest prompt: {longest} characters", rows=rows, longest=longest))


def _price(plan: Plan) -> str:
    unknown = [name for name in plan.models_to_send() if models.price_of(name) is None]
    known = plan.price_to_send()
    if not unknown:
        return f"{known} CNY"
    return _("{price} CNY and what {models} costs", price=known, models=", ".join(unknown))
