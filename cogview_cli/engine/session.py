"""One run put together: settings, ledger, clients, slots; and taken apart again."""

import hashlib
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from cogview_cli.api import models
from cogview_cli.api.client import ApiClient, Key, authorization
from cogview_cli.config.declarations import HEIGHT_WIDTH
from cogview_cli.config.keys import key_if_any
from cogview_cli.config.secret import Secret
from cogview_cli.config.settings import Settings
from cogview_cli.engine.budget import Budget
from cogview_cli.engine.deadline import NONE, Deadline
from cogview_cli.engine.job_runner import JobRunner, Notify
from cogview_cli.engine.poller import SANDBOX_POLL_SECONDS
from cogview_cli.engine.retry import Policy
from cogview_cli.engine.sender import Sender
from cogview_cli.engine.slots import Slots
from cogview_cli.engine.stop import StopSwitch
from cogview_cli.i18n import _, _n
from cogview_cli.ledger import SANDBOX_ACCOUNT, Ledger, State
from cogview_cli.ledger.open import open_ledger
from cogview_cli.net.addresses import is_loopback
from cogview_cli.net.clients import preload_trust
from cogview_cli.pictures.later import LaterSaver
from cogview_cli.terminal.ending import exchange_listener
from cogview_cli.terminal.output import warn

if TYPE_CHECKING:
    from cogview_cli.pictures.saver import ImageSaver

# Most servers of open weights make one picture at a time; the next one can wait there.
OTHER_SLOTS = 2


class Endpoint(NamedTuple):
    """Where requests go, the key and headers for it, and the account's name in the ledger."""

    base_url: str
    key: Key | None
    account: str
    headers: Mapping[str, Key] = MappingProxyType({})


@asynccontextmanager
async def endpoint(settings: Settings) -> AsyncIterator[Endpoint]:
    """The API of the settings, or an in-process sandbox. AccountError without a key."""
    if not settings.sandbox:
        key = key_if_any(settings)
        _tell_of_plain_http(settings.base_url)
        yield Endpoint(settings.base_url, key, account_of(key), settings.headers or {})
        return
    from cogview_cli.sandbox.server import Sandbox

    async with Sandbox(tier=settings.tier) as sandbox:
        yield Endpoint(sandbox.base_url, Secret("sandbox-key"), SANDBOX_ACCOUNT)


def account_of(key: Key | None) -> str:
    """What the ledger calls the account of a key."""
    return hashlib.sha256((key.reveal() if key else "").encode()).hexdigest()[:16]


def _tell_of_plain_http(base_url: str) -> None:
    parts = urlsplit(base_url)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        warn(_("key and prompts go to {host} unencrypted (allow-http)", host=parts.netloc))


def policy_of(settings: Settings) -> Policy:
    """The retry rules; without `max_wait`, throttled requests wait twice the timeout."""
    return Policy(
        retries=settings.retries,
        max_wait=settings.timeout * 2 if settings.max_wait is None else settings.max_wait,
        retry_unknown=settings.on_unknown == "retry",
    )


def slots_width(settings: Settings, model: str) -> int:
    """Generations in flight: `jobs`, else the model's own limit, else the tier's.

    A model of another server has nothing to do with the account's tier.
    """
    rules = models.rules_for(model)
    if settings.jobs:
        return settings.jobs
    if rules is None:
        return OTHER_SLOTS
    return rules.slots or models.TIER_SLOTS[settings.tier]


class _SlotTable:
    """The slots of each model, made when first asked for."""

    def __init__(self, settings: Settings, target: Endpoint, folder: Path) -> None:
        self._settings, self._target, self._folder = settings, target, folder / "slots"
        self._slots: dict[str, Slots] = {}

    def __call__(self, model: str) -> Slots:
        name = models.wire_name(model)
        if name not in self._slots:
            whose = f"{self._target.base_url}\n{self._target.account}\n{name}"
            folder = self._folder / hashlib.sha256(whose.encode()).hexdigest()[:16]
            self._slots[name] = Slots(
                folder,
                slots_width(self._settings, name),
                patience=policy_of(self._settings).max_wait,
            )
        return self._slots[name]

    def forget(self) -> None:
        """Removes the slots of a sandbox that nobody else can reach."""
        if self._target.account == SANDBOX_ACCOUNT:
            for slots in self._slots.values():
                shutil.rmtree(slots.folder, ignore_errors=True)


class OpenSession(NamedTuple):
    """An endpoint and the ledger, open."""

    endpoint: Endpoint
    ledger: Ledger


@asynccontextmanager
async def open_session(settings: Settings) -> AsyncIterator[OpenSession]:
    """The endpoint and the ledger of a run; says what earlier runs have left."""
    async with endpoint(settings) as target:
        preload_trust(target.base_url)  # beside the ledger, which waits for the disk
        with open_ledger() as ledger:
            ledger.daily_limit = settings.daily_limit
            _look_back(ledger)
            yield OpenSession(endpoint=target, ledger=ledger)


@asynccontextmanager
async def open_job_runner(
    run: OpenSession,
    settings: Settings,
    notify: Notify,
    width: int,
    deadline: Deadline = NONE,
) -> AsyncIterator[JobRunner]:
    """A runner ready for jobs; `width`: downloads at once."""
    target, ledger = run.endpoint, run.ledger
    async with AsyncExitStack() as stack:
        client = ApiClient(
            target.base_url,
            target.key,
            timeout=settings.timeout,
            headers=target.headers,
            height_first=settings.size_order == HEIGHT_WIDTH,
            trace=exchange_listener(),
        )
        stack.push_async_callback(client.close)
        saver = LaterSaver(partial(_saver, run, settings, width))
        stack.push_async_callback(saver.close)
        slots = _SlotTable(settings, target, ledger.folder)
        stack.callback(slots.forget)
        tariff = settings.tariff
        budget, switch = Budget(settings.max_cost, tariff.currency), StopSwitch()
        sender = Sender(
            ledger=ledger,
            client=client,
            budget=budget,
            base_url=target.base_url,
            account=target.account,
            switch=switch,
            patience=settings.timeout,
            free=tariff.free,
            by_task=settings.async_,
            poll_seconds=SANDBOX_POLL_SECONDS if target.account == SANDBOX_ACCOUNT else None,
        )
        yield JobRunner(
            sender=sender,
            saver=saver,
            slots=slots,
            budget=budget,
            policy=policy_of(settings),
            switch=switch,
            notify=notify,
            tariff=tariff,
            deadline=deadline,
        )


def _saver(run: OpenSession, settings: Settings, width: int) -> "ImageSaver":
    from cogview_cli.pictures.download import Downloader
    from cogview_cli.pictures.saver import ImageSaver

    target = run.endpoint
    content = authorization(target.key, target.headers) if settings.content_auth else {}
    downloader = Downloader(
        target.base_url,
        width=max(width, 4),
        total=settings.timeout,
        patience=settings.download_patience,
        headers=content,
        trace=exchange_listener(),
    )
    return ImageSaver(run.ledger, downloader)


def _look_back(ledger: Ledger) -> None:
    """Settles what killed runs left, and says so: money may hang on it."""
    # Of a sandbox nothing was paid.
    if lost := sum(not entry.by_sandbox for entry in ledger.settle_dead_runs()):
        warn(
            _n(
                "{count} earlier request may have been paid, with no picture:"
                " cogview history --unknown",
                "{count} earlier requests may have been paid, with no picture:"
                " cogview history --unknown",
                lost,
            )
        )
    waiting = ledger.unfinished()
    pending = sum(entry.state == State.PENDING for entry in waiting)
    if paid := len(waiting) - pending:
        warn(
            _n(
                "{count} paid picture not on disk yet, free to finish: cogview recover",
                "{count} paid pictures not on disk yet, free to finish: cogview recover",
                paid,
            )
        )
    if pending:
        warn(
            _n(
                "{count} earlier request is with the server, free to ask for: cogview recover",
                "{count} earlier requests are with the server, free to ask for: cogview recover",
                pending,
            )
        )
