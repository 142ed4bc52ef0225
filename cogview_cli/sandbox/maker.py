"""From a request to the picture's address: shared by the synchronous call, tasks and the queue."""

from __future__ import annotations

import time

from cogview_cli.api.error_codes import CODES
from cogview_cli.api.models import MODELS
from cogview_cli.sandbox.answers import FREE, URLS
from cogview_cli.sandbox.faults import Chosen, FaultPlan, triggers, unknown
from cogview_cli.sandbox.gallery import LINK_TIMES, PictureStore
from cogview_cli.sandbox.rules import GenerationRequest, Refusal

CONTENT_FILTER = [{"role": "assistant", "level": 3}]


def served_names() -> list[str]:
    """The models that a request may name."""
    return [name for name, rules in MODELS.items() if not rules.retired]


def model_list(names: list[str]) -> dict[str, object]:
    """OpenAI's list of models."""
    listed = [{"id": name, "object": "model", "created": 0, "owned_by": "zai"} for name in names]
    return {"object": "list", "data": listed}


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
    url = gallery.add(
        order,
        chosen.downloads,
        expired=expired,
        expires=says,
        made=made,
        text_fault=chosen.text,
    )
    form = chosen.answer or ("relative-url" if order.relative else "")
    return URLS[form](url) if form in URLS else url
