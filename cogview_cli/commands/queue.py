"""`cogview queue`: what waits in the vendor's queue; ends what should not."""

from __future__ import annotations

import shutil
import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cogview_cli.cli import completion, options
from cogview_cli.errors import ExitCode, UsageError, worst
from cogview_cli.i18n import _
from cogview_cli.outcome import currency_field, error_of, money
from cogview_cli.terminal import ending, output
from cogview_cli.terminal.text import cell_width, clean, clock

if TYPE_CHECKING:
    from cogview_cli.queue.overview import Shown

app = typer.Typer(
    rich_markup_mode=None, pretty_exceptions_enable=False, invoke_without_command=True
)
Json = Annotated[bool, typer.Option("--json", help=_("One JSON object a line."))]


@app.callback()
def queue(context: typer.Context, json: Json = False, debug: options.Debug = False) -> None:
    """Show what waits in the vendor's queue: state, done, failed, total, price, folder."""
    if context.invoked_subcommand is None:
        list_parts(json=json)


@app.command("list")
def list_parts(json: Json = False, debug: options.Debug = False) -> None:
    """What waits, a line a batch. Asks the vendor how far each is."""
    import asyncio

    from cogview_cli.ledger.open import open_ledger
    from cogview_cli.queue.overview import look

    with open_ledger() as ledger:
        ledger.settle_dead_runs()
        found, problems = asyncio.run(look(ledger))
    for shown in found:
        _write(shown, json=json)
    codes = [ending.tell(error_of(problem)) for problem in problems]
    if not found:
        output.say(_("nothing waits in the queue"))
    if codes:
        raise typer.Exit(int(worst(codes)))


@app.command("cancel")
def cancel(
    ids: Annotated[
        list[str],
        typer.Argument(
            metavar="ID…",
            help=_("Batches or parts, as `cogview queue` lists them."),
            autocompletion=completion.queue_part,
        ),
    ],
    forget: Annotated[
        bool,
        typer.Option(
            "--forget",
            help=_("Without asking the server, which is gone: what it had becomes unknown."),
        ),
    ] = False,
    json: Json = False,
    debug: options.Debug = False,
) -> None:
    """End batches; what they have made so far is kept, and charged."""
    import asyncio

    from cogview_cli.ledger.open import open_ledger
    from cogview_cli.queue.overview import end, find, forget_part

    with open_ledger() as ledger:
        parts = [find(ledger, id) for id in ids]
        if missing := [f"'{id}'" for id, part in zip(ids, parts, strict=True) if part is None]:
            raise UsageError(
                _("the queue has no {ids}; nothing was done", ids=", ".join(missing)),
                hint="cogview queue",
            )
        codes = []
        for part in filter(None, parts):
            if forget:
                shown, problem = forget_part(ledger, part)
            else:
                shown, problem = asyncio.run(end(ledger, part))
            if problem is None:
                _write(shown, json=json)
            codes.append(ending.tell(error_of(problem, part.id)) if problem else ExitCode.OK)
    if not forget and ExitCode.OK in codes:
        output.say(_("what is done is kept: the same batch, or cogview recover, collects it"))
    raise typer.Exit(int(worst(codes)))


def _write(shown: Shown, *, json: bool) -> None:
    if json:
        output.write_json(_record(shown))
    else:
        output.write_line(_line(shown))


def _record(shown: Shown) -> dict[str, Any]:
    part = shown.part
    record = {
        "type": "batch",
        "id": part.batch or part.id,
        "part": part.id,
        "number": part.number,
        "state": shown.state,
        "unsent": part.unsent or None,
        "model": part.model,
        "done": part.completed,
        "failed": part.failed,
        "total": part.lines,
        "unsaved": shown.unsaved or None,
        "cost_max": None if shown.cost is None else str(shown.cost),
        **currency_field(part.currency),
        "folder": part.namespace,
        "created_at": datetime.fromtimestamp(part.asked).astimezone().isoformat(timespec="seconds"),
        "age_s": round(max(0.0, time.time() - part.asked)),
        "base_url": part.base_url,
    }
    return {name: value for name, value in record.items() if value is not None}


# What scripts read is the same in every language.
_LINE = "{id}  {state}  {done} done, {failed} failed of {total}  {money}  {age}  {folder}"


def _line(shown: Shown) -> str:
    part = shown.part
    values = {
        "id": clean(part.batch or part.id),
        "state": clean(shown.state),
        "done": part.completed,
        "failed": part.failed,
        "total": part.lines,
        "money": money(shown.cost, part.currency),
        "age": clock(max(0.0, time.time() - part.asked)),
        "folder": clean(part.namespace),
    }
    if not output.stdout_is_terminal():
        return _LINE.format(**values)
    if part.unsent:
        values["state"] = _("not sent yet")
    line = _(
        "{id}  {state}  {done} done, {failed} failed of {total}  {money}  {age}  {folder}", **values
    )
    if cell_width(line) <= shutil.get_terminal_size().columns:
        return line
    first = _("{id}  {state}  {done} done, {failed} failed of {total}", **values)
    return f"{first}\n    {values['money']}  {values['age']}  {values['folder']}"
