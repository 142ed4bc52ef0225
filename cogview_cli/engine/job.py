"""One wanted image, before anything is sent for it."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from cogview_cli.api import tariffs
from cogview_cli.api.request import ImageRequest
from cogview_cli.api.tariffs import Tariff
from cogview_cli.disk.destination import Target

if TYPE_CHECKING:
    from cogview_cli.ledger.takes import TextRules


class Job(NamedTuple):
    """One wanted image: what to ask, where it goes, how it is told from others.

    `row`: the number of its row in the input, 1 for `gen`.
    """

    row: int
    n: int
    request: ImageRequest
    target: Target
    key: str
    namespace: str
    source: dict[str, Any] | None = None
    # Earlier requests for the same image that this one passes over.
    known: frozenset[str] = frozenset()
    content: str | None = None
    tariff: Tariff = tariffs.BIGMODEL
    # Which take of its image it is, and what its text should be; None where nobody looks.
    take: int = 1
    text: "TextRules | None" = None

    @property
    def price(self) -> Decimal:
        """In the tariff's currency; 0 where the price is not known."""
        return self.tariff.price_of(self.request.model) or Decimal(0)
