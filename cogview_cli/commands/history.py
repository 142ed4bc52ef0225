"""`cogview history`: what was asked, what it cost, what is unknown."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from cogview_cli.cli import completion
from cogview_cli.cli.text_or_command import TextOrCommand
from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.terminal import output
from cogview_cli.terminal.text import clean

app = typer.Typer(
    cls=TextOrCommand,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    invoke_without_command=True,
)


@app.callback()
def history(
    context: typer.Context,
    text: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TEXT]…",
            help=_("Only prompts with these words, all of them in any order."),
            autocompletion=completion.subcommand,
        ),
    ] = None,
    unknown: Annotated[
        bool, typer.Option("--unknown", help=_("Only requests that may have been paid."))
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="WHEN", help=_("2026-11-24, 2026-11, yesterday, 本月, 90m, 7d…")
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="WHEN", help=_("The same; that day or month included.")),
    ] = None,
    month: Annotated[
        str | None,
        typer.Option("--month", metavar="MONTH", help=_("2026-11, 11, last month, 上月…")),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", metavar="N", min=1, help=_("Only the newest N.")),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            metavar="WHAT",
            help=_("Totals by day, month, model or folder, instead of requests."),
            autocompletion=completion.grouping,
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help=_("One JSON object a line."))] = False,
) -> None:
    """List past requests: time, status, cost, prompt, file. Totals go to stderr."""
    if context.invoked_subcommand is not None:
        return
    from cogview_cli.history.dates import period
    from cogview_cli.history.show import Wanted, show
    from cogview_cli.ledger import State
    from cogview_cli.ledger.open import open_ledger_to_look
    from cogview_cli.ledger.search import Search, words_of

    _check_by(by)
    asked = period(since, until, month, datetime.now())
    state = State.UNKNOWN if unknown else None
    search = Search(words_of(text or ()), asked.since, asked.until, state, limit)
    with open_ledger_to_look() as ledger:
        show(ledger, Wanted(search, by, json))


def _check_by(by: str | None) -> None:
    if by is not None and by not in completion.GROUPINGS:
        raise UsageError(
            _(
                "--by '{by}' is none of {names}",
                by=clean(by),
                names=", ".join(completion.GROUPINGS),
            ),
            hint="--by month",
        )


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
    if retry == drop:
        raise UsageError(
            _("say what to do with it"),
            hint=_("cogview history resolve {id} --retry (or --drop)", id=clean(id)),
        )
    from cogview_cli.history.decide import decide
    from cogview_cli.ledger import Resolution
    from cogview_cli.ledger.lookup import entry_by_id
    from cogview_cli.ledger.open import open_ledger

    with open_ledger() as ledger:
        entry = entry_by_id(ledger, id, hint="cogview history --unknown")
        decide(ledger, entry, Resolution.RETRY if retry else Resolution.DROP)
    told = clean(entry.id)
    output.say(_("{id}: may be sent again", id=told) if retry else _("{id}: dropped", id=told))
