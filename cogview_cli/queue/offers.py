"""Where there is a queue, and for which models. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from cogview_cli.api.batches import MODELS
from cogview_cli.config.settings import Settings
from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.net.addresses import is_loopback

_DOMAIN = "bigmodel.cn"


def has_queue(settings: Settings) -> bool:
    """Whether there is a queue where the settings lead: the vendor's, or a sandbox's."""
    host = (urlsplit(settings.base_url).hostname or "").rstrip(".")
    vendor = host == _DOMAIN or host.endswith("." + _DOMAIN)
    return settings.sandbox or vendor or is_loopback(host)


def without_queue(models: Iterable[str]) -> list[str]:
    """Those of the models that no queue takes."""
    return [name for name in models if name.lower() not in MODELS]


def check_queue(models: Iterable[str], settings: Settings) -> None:
    """UsageError where there is no queue, or none for one of the models."""
    if not has_queue(settings):
        raise UsageError(
            _("there is no queue at {url}", url=settings.base_url),
            hint=_("at the full price, without the queue: leave --queue out"),
        )
    if names := without_queue(models):
        raise UsageError(
            _("the queue does not take {model}", model=", ".join(names)),
            hint=_(
                "leave --queue out, or use a model that has one: {names}", names=", ".join(MODELS)
            ),
        )
