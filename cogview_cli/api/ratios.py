"""Ratios that no size of a model comes near: told before the picture is paid for. Pure."""

from __future__ import annotations

from cogview_cli.api.models import parse_ratio, parse_size
from cogview_cli.i18n import _

# A tenth off is seen at once: 1:9 becomes 1:4, and of presets alone 3:2 becomes 4:3.
FAR = 1.1


def is_far(asked: str | None, size: str | None) -> bool:
    """Whether `size`, which stands for the ratio that was asked for, has another shape."""
    ratio, made = parse_ratio(asked or ""), parse_size(size or "")
    if ratio is None or made is None:
        return False
    off = made.width * ratio[1] / (made.height * ratio[0])
    return max(off, 1 / off) > FAR


def remark(model: str, asked: str | None, size: str | None) -> str | None:
    """What to say of a ratio that is not met; None if there is nothing to say."""
    if not is_far(asked, size):
        return None
    return _(
        "no size of {model} comes near {ratio}: it becomes {size}",
        model=model,
        ratio=asked,
        size=size,
    )
