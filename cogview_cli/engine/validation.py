"""A request checked against what its model takes, and named, before anything is sent."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from cogview_cli.api import model_names, models
from cogview_cli.api.dialects import server_of
from cogview_cli.api.open_weights import rules_in_force
from cogview_cli.api.request import ImageRequest
from cogview_cli.config.settings import Settings
from cogview_cli.disk.names import slug
from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.terminal import output


def validate_request(
    request: ImageRequest, *, validate: bool, size_rules: str | None = None
) -> ImageRequest:
    """The request with its size resolved; UsageError for what the model refuses.

    `size_rules`: the profile's own. A profile that has them serves a model under a name of its
    own, which is sent as given.
    """
    _check_text(request)
    model = request.model
    rules = rules_in_force(model, size_rules)
    size = request.size and models.size_by_rules(rules, request.size, validate=validate)
    if validate:
        models.check_prompt(model, request.prompt)
        if request.quality:
            models.check_quality(model, request.quality)
        if request.user_id:
            models.check_user_id(request.user_id)
    return request._replace(size=size, model=model if size_rules else models.wire_name(model))


def _check_text(request: ImageRequest) -> None:
    """UsageError for bytes of the command line that are not UTF-8: no body can carry them."""
    for name, value in request._asdict().items():
        if isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value):
            raise UsageError(
                _("{name} is not UTF-8", name=name.replace("_", " ")),
                hint=_("check the terminal's encoding"),
            )


def model_warning(model: str, settings: Settings) -> str | None:
    """What a user should hear about this model before anything is sent; None if nothing."""
    rules = models.rules_for(model)
    if settings.tariff.price_of(model) is None:
        if rules is None and settings.size_rules is None:
            told = _("model '{model}' is unknown here: sent as given, price unknown", model=model)
            return _with_similar(told, model)
        return _("the price of model '{model}' is unknown", model=model)
    if rules is None and settings.size_rules is None:
        return _with_similar(
            _("model '{model}' is unknown here: sent as given", model=model), model
        )
    if rules is None:
        return None
    if rules.retired:
        return _(
            "{model} is retired by the vendor; {successor} replaces it",
            model=rules.name,
            successor=models.DEFAULT_MODEL,
        )
    return None


def _with_similar(told: str, model: str) -> str:
    like = model_names.similar(model)
    return _("{told}; known here: {model}", told=told, model=like) if like else told


def check_model_name(name: str, settings: Settings, *, validate: bool) -> None:
    """UsageError for a known model's name misspelt, where the vendor's own models are asked for.

    Elsewhere a server calls its models as it likes.
    """
    if not validate or settings.size_rules is not None:
        return
    known = model_names.near_miss(name)
    if known and (settings.sandbox or server_of(settings.base_url).vendor):
        raise UsageError(
            _("there is no model '{model}'", model=name),
            hint=_("did you mean {known}? To send it as it is: --no-validate", known=known),
        )


def check_models(names: Iterable[str], settings: Settings) -> None:
    """Warns about doubtful models; UsageError if a price is needed and not known."""
    for name in names:
        if warning := model_warning(name, settings):
            output.warn(warning)
        for limit, flag in (
            (settings.max_cost, "--max-cost"),
            (settings.daily_limit, "daily-limit"),
        ):
            if limit is not None and settings.tariff.price_of(name) is None:
                raise _unpriced(flag)


def _unpriced(limit: str) -> UsageError:
    return UsageError(
        _("{limit} needs a model whose price is known", limit=limit),
        hint=_("say what a picture costs: price = 0.06 in the profile, or config set price"),
    )


def _default_size(model: str) -> str:
    """The size that the model makes where none is asked for, by the vendor's table."""
    rules = models.rules_for(model)
    return str(rules.presets[0]) if rules else "default"


def name_fields(
    request: ImageRequest, *, index: int, n: int, id: str, now: float
) -> dict[str, Any]:
    """The values that a name template may use before the answer is here."""
    date, clock = _moment(now)
    return {
        "index": index,
        "n": n,
        "slug": slug(request.prompt),
        "id": id,
        "model": request.model,
        "size": request.size or _default_size(request.model),
        "date": date,
        "time": clock,
    }


@lru_cache(maxsize=1)  # the rows of a run have one
def _moment(now: float) -> tuple[str, str]:
    """Local date and time as names have them."""
    local = time.localtime(now)
    return time.strftime("%Y%m%d", local), time.strftime("%H%M%S", local)
