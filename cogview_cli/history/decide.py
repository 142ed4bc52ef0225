"""The user's decision about a request whose outcome is unknown, or whose picture is given up."""

from __future__ import annotations

from cogview_cli.api.image_urls import unsigned
from cogview_cli.api.protocol import Reply, decode
from cogview_cli.errors import Temporary, UsageError
from cogview_cli.i18n import _
from cogview_cli.ledger import Entry, Ledger, Resolution, State
from cogview_cli.terminal import output
from cogview_cli.terminal.text import clean


def decide(ledger: Ledger, entry: Entry, decision: Resolution) -> None:
    """Carries the decision out; UsageError where there is nothing to decide."""
    if entry.state == State.UNKNOWN:
        ledger.resolved(entry.id, decision)
    elif entry.state == State.PENDING and entry.obtainable:
        _leave_with_the_server(ledger, entry, decision)
    elif entry.state == State.ANSWER and decision == Resolution.DROP:
        _give_up(ledger, entry)
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


def _leave_with_the_server(ledger: Ledger, entry: Entry, decision: Resolution) -> None:
    if decision != Resolution.DROP:
        raise UsageError(
            _("request '{id}' is with the server, and can be asked for", id=clean(entry.id)),
            hint=f"cogview recover {clean(entry.id)}",
        )
    _take_over(ledger, entry)
    ledger.resolved(entry.id, decision)


def _give_up(ledger: Ledger, entry: Entry) -> None:
    _take_over(ledger, entry)
    ledger.given_up(entry.id)
    for link in _links(ledger.get(entry.id)):
        output.say(_("its link, without the signature: {url}", url=clean(link)))


def _take_over(ledger: Ledger, entry: Entry) -> None:
    if not ledger.take_over([entry.id]):
        raise Temporary(
            _("a running cogview is saving '{id}'", id=clean(entry.id)),
            hint=_("run it again later"),
        )


def _links(entry: Entry) -> list[str]:
    """Where the pictures of an answer are, without the signed part of the links."""
    reply = decode(entry.answer) if entry.answer else None
    refs = reply.images if isinstance(reply, Reply) else ()
    return [unsigned(ref.url) for ref in refs if ref.url]
