"""Money of one run in exact decimals: spent, perhaps spent, in flight. Pure."""

from __future__ import annotations

from decimal import Decimal

from cogview_cli.api.models import CURRENCY


class Budget:
    """Never lets spent + unknown + in flight cross `limit`, in `currency`; None for no limit."""

    def __init__(self, limit: Decimal | None = None, currency: str = CURRENCY) -> None:
        self.limit, self.currency = limit, currency
        self.spent = Decimal(0)
        self.unknown = Decimal(0)
        self.in_flight = Decimal(0)
        # What the pictures cost that nobody has asked for yet: they go before retakes.
        self.promised = Decimal(0)

    @property
    def committed(self) -> Decimal:
        """What the run costs if every unknown outcome was paid."""
        return self.spent + self.unknown

    def reserve(self, price: Decimal) -> bool:
        """Sets `price` aside for a request; False if it would cross the limit."""
        if self.limit is not None and self.committed + self.in_flight + price > self.limit:
            return False
        self.in_flight += price
        return True

    def set_aside(self, price: Decimal) -> None:
        """Counts what an earlier run has under way, whatever the limit says."""
        self.in_flight += price

    def has_room(self, price: Decimal) -> bool:
        """Whether `price` more leaves enough for what is promised."""
        wanted = self.committed + self.in_flight + self.promised + price
        return self.limit is None or wanted <= self.limit

    def redeem(self, price: Decimal) -> None:
        """One of the promised pictures was reserved, or will never be."""
        self.promised = max(Decimal(0), self.promised - price)

    def charge(self, price: Decimal) -> None:
        """A reserved request was answered with an image."""
        self.in_flight -= price
        self.spent += price

    def mark_unknown(self, price: Decimal) -> None:
        """A reserved request ended unknown."""
        self.in_flight -= price
        self.unknown += price

    def release(self, price: Decimal) -> None:
        """A reserved request cost nothing."""
        self.in_flight -= price
