"""What a `batch` command line asks for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from cogview_cli.api.batches import BATCHES
from cogview_cli.api.tariffs import Tariff
from cogview_cli.batch.plan import Plan
from cogview_cli.batch.previous_run import PreviousRun
from cogview_cli.batch.resume import Rules, Sidecars
from cogview_cli.batch.row import RowDefaults
from cogview_cli.batch.selection import Selection
from cogview_cli.config.settings import Settings
from cogview_cli.disk.destination import Destination, without_suffix
from cogview_cli.engine.confirm import Price, price_of
from cogview_cli.engine.deadline import NONE, Deadline
from cogview_cli.ledger import Ledger
from cogview_cli.ledger.marks import Marks
from cogview_cli.net.addresses import is_loopback
from cogview_cli.queue.offers import has_queue, without_queue
from cogview_cli.sources import Reading
from cogview_cli.terminal.output import OutputOptions

if TYPE_CHECKING:
    from cogview_cli.ledger.takes import TextRules

SANDBOX_HOST = "sandbox"
# One machine under all its names: another spelling must not pay again.
LOOPBACK = "127.0.0.1"


class BatchOptions(NamedTuple):
    """Everything `batch` was asked for."""

    settings: Settings
    folder: Path
    relative: bool
    defaults: RowDefaults
    reading: Reading
    selection: Selection
    style: OutputOptions
    grid: tuple[int, int] | None
    report: str | None
    dry_run: bool
    skip_bad: bool
    fail_fast: bool
    retry_failed: bool
    yes: bool
    wait: bool
    verify: bool = False
    replace_edited: bool = False
    queue: bool = False
    queue_size: int | None = None
    poll: float | None = None
    deadline: Deadline = NONE

    def text_rules(self, wanted: tuple[str, ...]) -> TextRules:
        """What is asked of the text of a picture that is to say this."""
        from cogview_cli.ledger.takes import TextRules

        settings = self.settings
        return TextRules(
            wanted=wanted,
            strict=settings.strict_text,
            retakes=settings.retake,
            retry_failed=self.retry_failed,
            retry_unknown=settings.on_unknown == "retry",
        )

    @property
    def host(self) -> str:
        """The host that makes the images; those of the sandbox are never taken for real ones."""
        if self.settings.sandbox:
            return SANDBOX_HOST
        host = urlsplit(self.settings.base_url).hostname or ""
        return LOOPBACK if is_loopback(host) else host

    def shown_path(self, path: Path) -> str:
        """A path below the current folder relative to it, unless the user gave it whole."""
        return os.path.relpath(path) if self.relative else str(path)

    @property
    def destination(self) -> Destination:
        """Where images go; the template is each row's own."""
        settings, implied = self.settings, without_suffix(self.defaults.name or "")[1]
        return Destination(
            root=str(self.folder),
            template="",
            format="png" if self.defaults.layout else implied or settings.format,
            sidecar=settings.sidecar,
            on_exists=settings.on_exists,
        )

    @property
    def tariff(self) -> Tariff:
        """What pictures cost the way they go."""
        return self.settings.queue_tariff if self.queue else self.settings.tariff

    def endpoint(self, model: str) -> str:
        """The path below the base URL that requests for a model go to."""
        return BATCHES if self.queue else self.settings.endpoint(model)

    def price(self, plan: Plan, *, queue: bool | None = None) -> Price:
        """What the items to send cost, `queue`: through the vendor's queue."""
        queued = self.queue if queue is None else queue
        # What the queue loses can be asked for again: nothing is paid twice.
        retry = self.settings.on_unknown == "retry" and not queued
        tariff = self.settings.queue_tariff if queued else self.settings.tariff
        counts, first = plan.models_to_send(), plan.models_to_send(first=True)
        return price_of(counts, first, retry=retry, tariff=tariff, retakes=plan.retakes())

    def queue_price(self, plan: Plan) -> Price | None:
        """What they would cost through the queue; None where there is none, or it saves nothing."""
        models = plan.models_to_send()
        if not models or not has_queue(self.settings) or without_queue(models):
            return None
        direct, queued = self.price(plan, queue=False), self.price(plan, queue=True)
        return queued if queued.known < direct.known else None

    def previous_run(self, ledger: Ledger | None) -> PreviousRun:
        """What earlier runs on the folder have left."""
        rules = Rules(
            retry_failed=self.retry_failed,
            retry_unknown=self.settings.on_unknown == "retry",
            takes=self.settings.checks_text,
        )
        return PreviousRun(
            ledger=ledger,
            sidecars=Sidecars(self.folder, verify=self.verify),
            marks=Marks(self.folder),
            destination=self.destination,
            rules=rules,
            verify=self.verify,
        )
