"""What a run will cost, and whether somebody agrees to it before anything is sent."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from cogview_cli.api.tariffs import BIGMODEL, Tariff
from cogview_cli.config.settings import Settings
from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.outcome import CURRENCY, money
from cogview_cli.terminal import output

# More pictures of a price that nobody here knows are not sent without a word.
UNPRICED_UNASKED = 10


class Price(NamedTuple):
    """What `images` requests cost in `currency`; `unpriced` of them have no known price.

    `repeats`: what is added if every answer is lost and asked for once more.
    """

    images: int
    known: Decimal
    unpriced: int = 0
    repeats: Decimal = Decimal(0)
    currency: str = CURRENCY

    @property
    def most(self) -> Decimal | None:
        """What they cost at most; None where that is not known."""
        return None if self.unpriced else self.known + self.repeats

    def __str__(self) -> str:
        parts = [money(self.known, self.currency)] if self.known or not self.unpriced else []
        if self.unpriced:
            unknown = money(None, self.currency)
            parts.append(
                _("{money} for {count} of unknown price", money=unknown, count=self.unpriced)
            )
        if self.repeats:
            most = money(self.known + self.repeats, self.currency)
            parts.append(_("up to {most} if lost answers are asked for again", most=most))
        return _(", ").join(parts)


def price_of(
    counts: Mapping[str, int],
    first: Mapping[str, int],
    *,
    retry: bool,
    tariff: Tariff = BIGMODEL,
) -> Price:
    """The price of so many images of each model.

    `retry`: an answer that is lost is asked for once more; `first` counts the images for
    which that has not been done in an earlier run.
    """
    unpriced = sum(many for name, many in counts.items() if tariff.price_of(name) is None)
    repeats = _known(first, tariff) if retry else Decimal(0)
    known = _known(counts, tariff)
    return Price(sum(counts.values()), known, unpriced, repeats, tariff.currency)


def _known(counts: Mapping[str, int], tariff: Tariff) -> Decimal:
    prices = ((tariff.price_of(name) or Decimal(0)) * many for name, many in counts.items())
    return sum(prices, Decimal(0))


def confirm(price: Price, settings: Settings, *, yes: bool, hint: str) -> None:
    """Asks before much is spent; UsageError where nobody agrees. `hint`: how to send less."""
    limit, most = settings.max_cost, price.known + price.repeats
    bounded = most if limit is None else min(most, limit)
    dear = bounded > settings.confirm_above or price.unpriced > UNPRICED_UNASKED
    if settings.sandbox or yes or not dear:
        return
    if not somebody_is_there():
        if limit is None:
            raise _too_dear(price, settings.confirm_above)
        return
    question = _("{count} images cost {price}. Go on? [y/N]: ", count=price.images, price=price)
    if not agreed(question):
        raise UsageError(_("nothing was sent"), hint=hint)


def _too_dear(price: Price, limit: Decimal) -> UsageError:
    if price.unpriced > UNPRICED_UNASKED:
        message = _("nothing says what {count} images cost", count=price.unpriced)
        return UsageError(message, hint=_("allow it with --yes"))
    return UsageError(
        _(
            "{count} images cost {price}, more than confirm-above ({limit})",
            count=price.images,
            price=price,
            limit=money(limit, price.currency),
        ),
        hint=_("allow it with --yes, or set a limit: --max-cost"),
    )


def somebody_is_there() -> bool:
    """Whether a question can be asked and answered."""
    return bool(sys.stdin and sys.stdin.isatty()) and output.on_terminal()


def agreed(question: str) -> bool:
    """Whether the user says yes; the question goes to stderr, for stdout carries data only."""
    # asyncio takes the first Ctrl-C for itself; here it must end the run.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        sys.stderr.write(question)
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes")
    finally:
        signal.signal(signal.SIGINT, before)
