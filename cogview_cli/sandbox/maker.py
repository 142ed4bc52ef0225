"""From a request to the picture's address: shared by the synchronous call, tasks and the queue."""

from __future__ import annotations

import time

from cogview_cli.api.error_codes import CODES
from cogview_cli.sandbox.answers import FREE, URLS
from cogview_cli.sandbox.faults import Chosen, FaultPlan, triggers, unknown
from cogview_cli.sandbox.gallery import LINK_TIMES, PictureStore
from cogview_cli.sandbox.rules import GenerationRequest, Refusal

CONTENT_FILTER = [{"role": "assistant", "level": 3}]


def pick(plan: FaultPlan, prompt: str, nth: int) -> Chosen:
    """The faults of the nth request of a prompt. Refusal if one is a code, or no fault at all."""
    if wrong := unknown(triggers(prompt)):
        text = f"no such sandbox fault: {wrong[0]}"
        raise Refusal("1214", text, text)
    chosen = plan.take(prompt, nth)
    if chosen.answer in CODES and chosen.answer not in FREE:
        raise Refusal(chosen.answer)
    return chosen


def picture_url(
    gallery: PictureStore, order: GenerationRequest, chosen: Chosen, made: float | None = None
) -> str:
    """Hang the picture, made at `made` (now, if None), and return its url."""
    expired = chosen.answer == "expired-url"
    says = LINK_TIMES[chosen.answer](time.time()) if chosen.answer in LINK_TIMES else ""
    url = gallery.add(order, chosen.downloads, expired=expired, expires=says, made=made)
    return URLS[chosen.answer](url) if chosen.answer in URLS else url
