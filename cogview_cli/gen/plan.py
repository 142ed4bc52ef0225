"""What a `gen` command line asks for, and how its pictures are told from those of others."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cogview_cli.api.request import ImageRequest
from cogview_cli.config.settings import Settings
from cogview_cli.disk.destination import Destination, Target
from cogview_cli.engine.confirm import Price, price_of
from cogview_cli.engine.deadline import NONE, Deadline
from cogview_cli.engine.validation import name_fields
from cogview_cli.errors import BudgetReached
from cogview_cli.i18n import _
from cogview_cli.outcome import money
from cogview_cli.terminal import output

if TYPE_CHECKING:
    from cogview_cli.engine.job import Job
    from cogview_cli.ledger.takes import TextRules

SANDBOX_HOST = "sandbox"


class GenPlan(NamedTuple):
    """Everything `gen` was asked for, checked; `images` is the number of images."""

    settings: Settings
    request: ImageRequest
    destination: Destination
    images: int
    source: dict[str, Any] | None
    style: output.OutputOptions
    dry_run: bool
    relative: bool
    preview: bool = False
    open: bool = False
    once: bool = False
    yes: bool = False
    deadline: Deadline = NONE
    # What the pictures are to say; None where nobody looks, or there is none.
    wanted: tuple[str, ...] | None = None

    @property
    def text_rules(self) -> "TextRules | None":
        """What is asked of the text on each picture."""
        if self.wanted is None:
            return None
        from cogview_cli.ledger.takes import TextRules

        settings = self.settings
        return TextRules(
            wanted=self.wanted,
            strict=settings.strict_text,
            retakes=settings.retake,
            retry_unknown=settings.on_unknown == "retry",
        )

    @property
    def content(self) -> str:
        """The same for every `gen` of this request, at this API, into this place.

        How many images are wanted makes no difference.
        """
        destination = self.destination
        where = SANDBOX_HOST if self.settings.sandbox else self.settings.base_url
        parts = [
            where.rstrip("/"),
            self.request.body(),
            str(Path(destination.root).resolve()),
            destination.template.removesuffix("-{n}"),
            destination.format,
        ]
        text = json.dumps(parts, sort_keys=True)  # ASCII, also for bytes that are no text
        return _digest(text)

    def price(self, images: int, again: int = 0, retakes: int = 0) -> Price:
        """What so many images cost; `again` of them repeat one whose outcome is unknown.

        `retakes`: how many more there may be of images that are there.
        """
        model, retry = self.request.model, self.settings.on_unknown == "retry"
        first = {model: max(0, images - again)}
        retakes += images * self.settings.retake if self.wanted else 0
        return price_of(
            {model: images},
            first,
            retry=retry,
            tariff=self.settings.tariff,
            retakes={model: retakes},
        )


def check_budget(plan: GenPlan) -> None:
    """BudgetReached where `max_cost` is below the price of one image."""
    tariff, limit = plan.settings.tariff, plan.settings.max_cost
    price = tariff.price_of(plan.request.model)
    if limit is not None and price is not None and price > limit:
        raise BudgetReached(
            _(
                "one image costs {price}, --max-cost is {limit}",
                price=money(price, tariff.currency),
                limit=limit,
            ),
            hint=f"--max-cost {price}",
        )


def wanted_of(
    prompt: str, text: Sequence[str] | None, settings: Settings
) -> tuple[str, ...] | None:
    """What the pictures are to say; None where nobody looks, or there is nothing to compare."""
    if not settings.checks_text:
        return None
    from cogview_cli.textcheck.wanted import wanted_texts  # seldom asked for

    return wanted_texts(prompt, text)


def target_of(plan: GenPlan, n: int, now: float, key: str = "") -> Target:
    """Where the `n`-th image goes."""
    fields = name_fields(plan.request, index=1, n=n, id=key[:8], now=now)
    return Target(destination=plan.destination, fields=fields)


def namespace_of(plan: GenPlan) -> str:
    """Where the keys of the plan's images are unique.

    With --once it is the same in every run, so that of several at once a single one pays.
    """
    return f"once:{plan.content}" if plan.once else f"gen:{os.urandom(16).hex()}"


def job_of(plan: GenPlan, n: int, *, now: float, namespace: str, key: str = "") -> "Job":
    """The `n`-th image as a job; `key` where it is not the one that follows from `n`."""
    from cogview_cli.engine.job import Job

    key = key or _digest(f"{namespace}\n{n}")
    return Job(
        row=1,
        n=n,
        request=plan.request,
        target=target_of(plan, n, now, key),
        key=key,
        namespace=namespace,
        source=plan.source,
        content=plan.content,
        text=plan.text_rules,
    )


def _digest(text: str) -> str:
    import hashlib  # `gen --help` and `--dry-run` do without OpenSSL

    return hashlib.sha256(text.encode()).hexdigest()
