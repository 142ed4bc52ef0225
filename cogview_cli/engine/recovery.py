"""What earlier runs left with a server or on the way to the disk, finished. Sends nothing."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import NamedTuple

from cogview_cli.api.client import ApiClient, Key, authorization
from cogview_cli.config.keys import key_if_any
from cogview_cli.config.settings import Settings, for_base_url
from cogview_cli.engine.budget import Budget
from cogview_cli.engine.pending import given_up, still_pending
from cogview_cli.engine.retry import GiveUp
from cogview_cli.engine.sender import Answered, Ended, Failed, Sender
from cogview_cli.engine.session import account_of
from cogview_cli.engine.stop import StopSwitch
from cogview_cli.errors import CogviewError
from cogview_cli.i18n import _
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.ledger import Entry, Ledger, State
from cogview_cli.outcome import Outcome
from cogview_cli.pictures.download import Downloader
from cogview_cli.pictures.saver import ImageSaver
from cogview_cli.terminal import output
from cogview_cli.terminal.ending import exchange_listener


class Finisher(NamedTuple):
    """Finishes the requests of one base URL; `sender` None where no answer can be asked for."""

    saver: ImageSaver
    sender: Sender | None = None

    async def finish(self, entry: Entry) -> Outcome:
        """The pictures of an answer on the disk, after it was asked for if need be."""
        if entry.state == State.PENDING:
            if self.sender is None:
                return _nobody_to_ask(entry)
            match await self.sender.resume(entry):
                case Answered(entry):
                    pass
                case Ended(outcome):
                    return outcome
                case Failed(failure, entry):
                    return given_up(entry, failure, GiveUp())
        return await self.saver.finish(entry)


async def open_finisher(
    stack: AsyncExitStack, ledger: Ledger, base_url: str, switch: StopSwitch,
    *, width: int, patience: float, pending: bool,
) -> Finisher:  # fmt: skip
    """A finisher whose connections `stack` closes.

    `width`: downloads at once. `patience`: seconds to try again for a picture. `pending`: whether
    there are answers to be asked for.
    """
    settings = for_base_url(base_url)
    needed = settings is not None and (pending or settings.content_auth)
    access = _access(settings) if settings and needed else None
    content = access.headers() if settings and settings.content_auth and access else {}
    trace = exchange_listener()
    downloader = Downloader(base_url, width=width, patience=patience, headers=content, trace=trace)
    stack.push_async_callback(downloader.close)
    saver = ImageSaver(ledger, downloader, resuming=True)
    if settings is None or access is None or not pending:
        return Finisher(saver)
    client = ApiClient(
        base_url, access.key, timeout=settings.timeout, headers=access.more, trace=trace
    )
    stack.push_async_callback(client.close)
    sender = Sender(
        ledger=ledger,
        client=client,
        budget=Budget(),
        base_url=base_url,
        account=account_of(access.key),
        switch=switch,
        patience=settings.timeout,
        free=settings.tariff.free,
    )
    return Finisher(saver, sender)


class _Access(NamedTuple):
    """The key for a server and the headers that its profile adds."""

    key: Key | None
    more: Mapping[str, Key]

    def headers(self) -> dict[str, str]:
        return authorization(self.key, self.more)


def _access(settings: Settings) -> _Access | None:
    """None where there is no key; what needs none is finished all the same."""
    try:
        return _Access(key_if_any(settings), settings.headers or {})
    except CogviewError as error:
        output.warn(error.message)
        return None


def _nobody_to_ask(entry: Entry) -> Outcome:
    outcome = still_pending(entry, Message.of("no-way-to-ask", url=entry.base_url))
    assert outcome.problem is not None
    hint = _("COGVIEW_BASE_URL={url} cogview recover, with the key for it", url=entry.base_url)
    return outcome._replace(problem=outcome.problem._replace(hint=hint))
