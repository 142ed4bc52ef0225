"""`cogview history`: what was asked, what it cost, what is unknown."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cogview_cli.cli import completion
from cogview_cli.errors import Temporary, UsageError
from cogview_cli.i18n import _
from cogview_cli.outcome import CURRENCY, currency_field, money
from cogview_cli.terminal import output
from cogview_cli.terminal.reporter import amount
from cogview_cli.terminal.text import clean, cut_cells

if TYPE_CHECKING:
    from cogview_cli.ledger import Entry, Ledger, Resolution

app = typer.Typer(
    rich_markup_mode=None, pretty_exceptions_enable=False, invoke_without_command=True
)
_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


@app.callback()
def history(
    context: typer.Context,
    unknown: Annotated[
        bool, typer.Option("--unknown", help=_("Only requests that may have been paid."))
    ] = False,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="WHEN", help=_("2026-11-21, or an age: 90m, 24h, 7d, 4w.")),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help=_("One JSON object a line."))] = False,
) -> None:
    """List past requests: time, status, cost, file. Totals go to stderr."""
    if context.invoked_subcommand is not None:
        return
    from cogview_cli.ledger import State
    from cogview_cli.ledger.open import open_ledger

    with open_ledger() as ledger:
        ledger.settle_dead_runs()
        state = State.UNKNOWN if unknown else None
        entries = ledger.history(since=_since(since), state=state, longest=0)
    for entry in entries:
        if json:
            output.write_json(_record(entry))
        else:
            output.write_line(_line(entry))
    output.say(totals(entries))


@app.command("resolve")
def resolve(
    id: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help=_("A request of `history --unknown`."),
            autocompletion=completion.unknown_request,
        ),
    ],
    retry: Annotated[
        bool, typer.Option("--retry", help=_("The same batch may ask for it again."))
    ] = False,
    drop: Annotated[bool, typer.Option("--drop", help=_("Leave it; never ask again."))] = False,
) -> None:
    """Decide about a request whose outcome is unknown, or give up a paid picture."""
    from cogview_cli.ledger import Resolution
    from cogview_cli.ledger.open import open_ledger

    if retry == drop:
        raise UsageError(
            _("say what to do with it"),
            hint=_("cogview history resolve {id} --retry (or --drop)", id=clean(id)),
        )
    with open_ledger() as ledger:
        try:
            entry = ledger.get(id)
        except KeyError:
            raise UsageError(
                _("there is no request '{id}'", id=id), hint="cogview history --unknown"
            ) from None
        _decide(ledger, entry, Resolution.RETRY if retry else Resolution.DROP)
    output.say(_("{id}: may be sent again", id=id) if retry else _("{id}: dropped", id=id))


def _decide(ledger: Ledger, entry: Entry, decision: Resolution) -> None:
    """Carries the decision out; UsageError where there is nothing to decide."""
    from cogview_cli.ledger import Resolution, State

    if entry.state == State.UNKNOWN:
        ledger.resolved(entry.id, decision)
    elif entry.state == State.ANSWER and decision == Resolution.DROP:
        if not ledger.take_over([entry.id]):
            raise Temporary(
                _("a running cogview is saving '{id}'", id=clean(entry.id)),
                hint=_("run it again later"),
            )
        ledger.given_up(entry.id)
        for link in _links(ledger.get(entry.id)):
            output.say(_("its link, without the signature: {url}", url=clean(link)))
    elif entry.state == State.ANSWER:
        raise UsageError(
            _("request '{id}' is paid, and its picture can be fetched", id=clean(entry.id)),
            hint=f"cogview recover {clean(entry.id)}",
        )
    else:
        raise UsageError(
            _("request '{id}' is {state}, not unknown", id=entry.id, state=entry.state),
            hint="cogview history --unknown",
        )


def _links(entry: Entry) -> list[str]:
    """Where the pictures of an answer are, without the signed part of the links."""
    from cogview_cli.api.image_urls import unsigned
    from cogview_cli.api.protocol import Reply, decode

    reply = decode(entry.answer) if entry.answer else None
    refs = reply.images if isinstance(reply, Reply) else ()
    return [unsigned(ref.url) for ref in refs if ref.url]


def _since(text: str | None) -> float | None:
    """Unix seconds for a date in local time or an age."""
    if text is None:
        return None
    if match := re.fullmatch(r"([0-9]{1,6})([mhdw])", text.strip()):
        return time.time() - int(match[1]) * _UNITS[match[2]]
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError):
        raise UsageError(
            _("--since '{text}' is neither a date nor an age", text=text),
            hint=_("--since 2026-11-21 or --since 24h"),
        ) from None


def _cost(entry: Entry) -> Decimal | None:
    from cogview_cli.ledger import PAID_STATES

    if entry.by_sandbox or entry.state not in PAID_STATES:
        return Decimal(0)
    return entry.price


def _perhaps(entry: Entry) -> Decimal:
    perhaps = entry.perhaps_paid and not entry.by_sandbox
    return (entry.price or Decimal(0)) if perhaps else Decimal(0)


def _record(entry: Entry) -> dict[str, Any]:
    cost = _cost(entry)
    record = {
        "type": "request",
        "id": entry.id,
        "time": datetime.fromtimestamp(entry.asked).astimezone().isoformat(timespec="seconds"),
        "status": entry.state,
        "cost": None if cost is None else str(cost),
        "cost_max": None if cost is None else str(cost + _perhaps(entry)),
        **({} if cost is None else currency_field(entry.currency)),
        "model": entry.body.get("model"),
        "size": entry.body.get("size"),
        "prompt": entry.body.get("prompt"),
        "file": entry.files[0]["file"] if entry.files else None,
        "files": [file["file"] for file in entry.files],
        "code": entry.code or None,
        "message": str(entry.message) if entry.message else None,
        "sandbox": entry.by_sandbox or None,
        "take": entry.take if entry.take > 1 else None,
        "text": entry.text,
    }
    return {name: value for name, value in record.items() if value is not None}


def _line(entry: Entry) -> str:
    from cogview_cli.ledger import State

    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.asked))
    known = None if entry.state in (State.UNKNOWN, State.INTENT) else _cost(entry)
    cost = "?" if known is None else str(known)
    if known and entry.currency != CURRENCY:
        cost = money(known, entry.currency)
    where = clean(entry.files[0]["file"]) if entry.files else _short(str(entry.body.get("prompt")))
    status = entry.state + (" (sandbox)" if entry.by_sandbox else "")
    return f"{entry.id}  {when}  {status:<8}  {cost:>5}  {where}{_text_note(entry)}"


def _text_note(entry: Entry) -> str:
    """Which characters on the picture are wrong, if its text was looked at."""
    text = entry.text or {"ok": True}
    if text["ok"]:
        return ""
    wrong = clean(" ".join(text.get("missing") or text.get("doubtful") or []), 60)
    return "  " + _("(wrong text: {wrong})", wrong=wrong)


def _short(prompt: str) -> str:
    return f"“{cut_cells(clean(prompt), 40)}”"


def totals(entries: list[Entry]) -> str:
    """The closing line: how many, how much in each currency, how much at most."""
    paid = _sums((entry.currency, _cost(entry)) for entry in entries)
    perhaps = _sums((entry.currency, _perhaps(entry)) for entry in entries)
    unpriced = {entry.currency for entry in entries if _cost(entry) is None}
    values = {"count": len(entries), "paid": _told(paid, unpriced)}
    if not any(perhaps.values()):
        return _("{count} request(s), paid {paid}", **values)
    most = {name: paid[name] + perhaps[name] for name in paid}
    return _(
        "{count} request(s), paid {paid}, up to {most} with the unknown",
        **values,
        most=_told(most, set()),
    )


def _sums(parts: Iterable[tuple[str, Decimal | None]]) -> dict[str, Decimal]:
    """One sum for each currency, in the order in which they come; amounts are never mixed."""
    sums: dict[str, Decimal] = {}
    for currency, part in parts:
        sums[currency] = sums.get(currency, Decimal(0)) + (part or 0)
    return sums


def _told(sums: dict[str, Decimal], unpriced: set[str]) -> str:
    """The sums that are not nothing, or whose rest is unknown; one of them in any case."""
    names = [name for name in sums if sums[name] or name in unpriced] or [*sums][:1] or [CURRENCY]
    parts = ((sums.get(name, Decimal(0)), name) for name in names)
    return " + ".join(f"{amount(known, unpriced=name in unpriced)} {name}" for known, name in parts)
