"""What a picture costs where, in which currency. Pure.

BigModel's prices are those of `models`; z.ai has its own, in USD. For every other server the
profile says what a picture costs: `price` and `currency`. A gateway that is asked for a model of
the vendor's is counted with BigModel's price until then. Sources and dates:
cogview_cli/api/README.md#prices-and-billing.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple
from urllib.parse import urlsplit

from cogview_cli.api import models

ZAI_DOMAIN = "z.ai"
ZAI_PRICES_AS_OF = "2026-11-21"


class Tariff(NamedTuple):
    """A price list in one currency; `own`, where it is set, is the price of every model."""

    currency: str
    prices: Mapping[str, Decimal]
    own: Decimal | None = None

    def price_of(self, model: str) -> Decimal | None:
        """What one image costs; None where that is not known."""
        return self.prices.get(model.lower()) if self.own is None else self.own

    def queued(self, price: Decimal | None = None) -> Tariff:
        """What pictures of the vendor's queue cost: `price`, else half of this tariff."""
        half = {name: each / 2 for name, each in self.prices.items()}
        own = None if self.own is None else self.own / 2
        return Tariff(self.currency, half, own if price is None else price)

    @property
    def free(self) -> bool:
        """Whether the profile says that pictures cost nothing."""
        return self.own == 0


BIGMODEL = Tariff(models.CURRENCY, {name: rules.price for name, rules in models.MODELS.items()})
ZAI = Tariff(
    "USD",
    {
        "cogview-4-250304": Decimal("0.01"),
        "cogview-4": Decimal("0.01"),
        "glm-image": Decimal("0.015"),
    },
)


def tariff_of(
    base_url: str, *, price: Decimal | None = None, currency: str | None = None
) -> Tariff:
    """The tariff of the server at `base_url`, with the profile's own price and currency over it.

    A price list in another currency than the profile's says nothing.
    """
    listed = ZAI if _is_zai(base_url) else BIGMODEL
    if price is not None:
        return Tariff(currency or listed.currency, {}, price)
    return listed if currency in (None, listed.currency) else Tariff(currency, {})


def _is_zai(base_url: str) -> bool:
    try:
        host = (urlsplit(base_url).hostname or "").rstrip(".")
    except ValueError:
        return False
    return host == ZAI_DOMAIN or host.endswith("." + ZAI_DOMAIN)
