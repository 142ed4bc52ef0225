"""What `gen` and `batch` do alike before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from cogview_cli.api import models
from cogview_cli.engine.validation import model_warning
from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.terminal import output


def check_models(names: Iterable[str], max_cost: Decimal | None) -> None:
    """Warns about doubtful models; UsageError if a price is needed and not known."""
    for name in names:
        if warning := model_warning(name):
            output.warn(warning)
        if max_cost is not None and models.price_of(name) is None:
            raise UsageError(
                _("--max-cost needs a model whose price is known"),
                hint=_(
                    "leave --max-cost out, or use one of: {names}", names=", ".join(models.MODELS)
                ),
            )
