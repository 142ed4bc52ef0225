"""Where a request goes: the call that waits for the picture, or the pair that is asked again. Pure.

The vendor's asynchronous pair takes glm-image only (cogview_cli/api/README.md#async-calls).
"""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from cogview_cli.api.models import rules_for
from cogview_cli.api.request import ENDPOINT
from cogview_cli.net.addresses import is_loopback

SUBMIT = f"/async{ENDPOINT}"
_RESULT = "/async-result/"
_MODELS = ("glm-image",)
_HOST = "open.bigmodel.cn"
# The vendor's own path: on this machine, a stand-in for it.
_PATH = "/api/paas/v4"


def takes_tasks(model: str) -> bool:
    """Whether the vendor's asynchronous pair takes this model."""
    return model.lower() in _MODELS


def has_pair(base_url: str) -> bool:
    """Whether the API at `base_url` is known to have the asynchronous pair."""
    parts = urlsplit(base_url)
    host = (parts.hostname or "").rstrip(".")
    return host == _HOST or (is_loopback(host) and parts.path.rstrip("/") == _PATH)


def by_task(model: str, base_url: str, chosen: bool | None) -> bool:
    """Whether a request goes through the pair.

    `chosen` None: where it is known to be there; True: also for models that nobody here knows.
    """
    if chosen is None:
        return takes_tasks(model) and has_pair(base_url)
    return chosen and (takes_tasks(model) or rules_for(model) is None)


def endpoint(model: str, base_url: str, chosen: bool | None) -> str:
    """The path below the base URL that a request is sent to."""
    return SUBMIT if by_task(model, base_url, chosen) else ENDPOINT


def result_path(task: str) -> str:
    """The path below the base URL at which a task's answer can be asked for."""
    return _RESULT + quote(task, safe="")
