"""How long an answer's links live, by its server's clock. Pure."""

from __future__ import annotations

from cogview_cli.api.image_urls import link_end, server_date
from cogview_cli.api.protocol import Answer, Reply, decode


def links_end(answer: Answer) -> float | None:
    """When the last link of an answer dies, Unix seconds; None if it has none or nobody tells."""
    reply = decode(answer)
    urls = [ref.url for ref in reply.images if ref.url] if isinstance(reply, Reply) else []
    came = server_date(answer.headers)
    ends = [link_end(url, came) for url in urls]
    known = [end for end in ends if end is not None]
    return max(known, default=None) if len(known) == len(ends) else None


def are_dead(answer: Answer, now: float | None) -> bool:
    """Whether all links of an answer are past their time; `now`: their server's clock."""
    end = links_end(answer)
    return end is not None and now is not None and now > end
