"""What a run will cost, and whether somebody agrees to it before anything is sent."""

import signal
import sys
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from cogview_cli.api.tariffs import BIGMODEL, Tariff
from cogview_cli.config.settings import Settings
from cogview_cli.errors import UsageError
from cogview_cli.i18n import _, _n
from cogview_cli.outcome import CURRENCY, money
from cogview_cli.terminal import output

# More pictures of a price that nobody here knows are not sent without a word.
UNPRICED_UNASKED = 10
NONE: Mapping[str, int] = MappingProxyType({})


class Price(NamedTuple):
    """What `images` requests cost in `currency`; `unpriced` of them have no known price.

    `repeats`: what is added if every answer is lost and asked for once more. `retakes`: how
    many requests more there are, and `retaken` what they cost, if no text comes out right.
    """

    images: int
    known: Decimal
    unpriced: int = 0
    repeats: Decimal = Decimal(0)
    currency: str = CURRENCY
    retakes: int = 0
    retaken: Decimal = Decimal(0)

    @property
    def bound(self) -> Decimal:
        """What those of a known price cost at most."""
        return self.known + self.repeats + self.retaken

    @property
    def counted(self) -> str:
        """How many pictures and requests there are, and the price."""
        most = self.images + self.retakes
        return _n(
            "{count} picture, at most {most} with retakes: {price}",
            "{count} pictures, at most {most} with retakes: {price}",
            self.images,
            most=most,
            price=self,
        )

    @property
    def most(self) -> Decimal | None:
        """What they cost at most; None where that is not known."""
        return None if self.unpriced else self.bound

    def __str__(self) -> str:
        parts = [self._priced()] if self.known or self.retaken or not self.unpriced else []
        if self.unpriced:
            unknown = money(None, self.currency)
            parts.append(
                _("{money} for {count} of unknown price", money=unknown, count=self.unpriced)
            )
        if self.repeats:
            most = money(self.bound, self.currency)
            parts.append(_("up to {most} if lost answers are asked for again", most=most))
        return _(", ").join(parts)

    def _priced(self) -> str:
        if not self.retakes:
            return money(self.known, self.currency)
        most = money(self.known + self.retaken, self.currency)
        return _("{least} to {most}", least=self.known, most=most)


def price_of(
    counts: Mapping[str, int],
    first: Mapping[str, int],
    *,
    retry: bool,
    tariff: Tariff = BIGMODEL,
    retakes: Mapping[str, int] = NONE,
) -> Price:
    """The price of so many images of each model.

    `retry`: an answer that is lost is asked for once more; `first` counts the images for
    which that has not been done in an earlier run. `retakes`: how many more of each model
    there may be because of their text; those are not repeated.
    """
    lots = [*counts.items(), *retakes.items()]
    unpriced = sum(many for name, many in lots if tariff.price_of(name) is None)
    repeats = _known(first, tariff) if retry else Decimal(0)
    known = _known(counts, tariff)
    more = sum(retakes.values()), _known(retakes, tariff)
    return Price(sum(counts.values()), known, unpriced, repeats, tariff.currency, *more)


def _known(counts: Mapping[str, int], tariff: Tariff) -> Decimal:
    prices = ((tariff.price_of(name) or Decimal(0)) * many for name, many in counts.items())
    return sum(prices, Decimal(0))


def retakes_line(
    limit: Decimal | None, price: Price, retakes: Mapping[str, int], tariff: Tariff
) -> str | None:
    """Where `limit` would end the retakes; None if it would not, or would end it sooner.

    Where models differ in price the dearest are counted first: there may be more.
    """
    room = None if limit is None else limit - price.known
    if room is None or not 0 <= room < price.retaken:
        return None
    return _n(
        "--max-cost {limit} leaves room for {made} of {count} retake",
        "--max-cost {limit} leaves room for {made} of {count} retakes",
        price.retakes,
        limit=limit,
        made=_affordable(room, retakes, tariff),
    )


def _affordable(room: Decimal, retakes: Mapping[str, int], tariff: Tariff) -> int:
    made = 0
    lots = ((tariff.price_of(name) or Decimal(0), many) for name, many in retakes.items())
    for price, many in sorted(lots, reverse=True):
        some = min(many, int(room // price)) if price else many
        made, room = made + some, room - some * price
    return made


def confirm(price: Price, settings: Settings, *, yes: bool, hint: str) -> None:
    """Asks before much is spent; UsageError where nobody agrees. `hint`: how to send less."""
    limit, most = settings.max_cost, price.bound
    bounded = most if limit is None else min(most, limit)
    dear = bounded > settings.confirm_above or price.unpriced > UNPRICED_UNASKED
    if settings.sandbox or yes or not dear:
        return
    if not somebody_is_there():
        if limit is None:
            raise _too_dear(price, settings.confirm_above)
        return
    if not agreed(_question(price)):
        raise UsageError(_("nothing was sent"), hint=hint)


def _question(price: Price) -> str:
    if price.retakes:
        return _("{what}. Go on? [y/N]: ", what=price.counted)
    return _n(
        "{count} image costs {price}. Go on? [y/N]: ",
        "{count} images cost {price}. Go on? [y/N]: ",
        price.images,
        price=price,
    )


def _too_dear(price: Price, limit: Decimal) -> UsageError:
    if price.unpriced > UNPRICED_UNASKED:
        message = _n(
            "nothing says what {count} image costs",
            "nothing says what {count} images cost",
            price.unpriced,
        )
        return UsageError(message, hint=_("allow it with --yes"))
    return UsageError(
        _n(
            "{count} image costs {price}, more than confirm-above ({limit})",
            "{count} images cost {price}, more than confirm-above ({limit})",
            price.images,
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
