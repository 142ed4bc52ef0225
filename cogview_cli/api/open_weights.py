"""Sizes that servers of the open weights take: rules that a profile names in `size-rules`.

github.com/zai-org/CogView4, README and issue 43 (read 2026-11-25): sides in steps of 32, 512 to
2048 pixels, 2^21 pixels at most. Of the API's presets 1440x720 is none of them.
"""

from __future__ import annotations

from cogview_cli.api.models import DEFAULT_MODEL, MODELS, ModelRules, rules_for

NO_RULES = "none"
STEP = 32


def _open(name: str) -> ModelRules:
    rules = MODELS[DEFAULT_MODEL]
    presets = [size for size in rules.presets if not (size.width % STEP or size.height % STEP)]
    return rules._replace(name=name, presets=tuple(presets), step=STEP)


SIZE_RULES: dict[str, ModelRules] = {**MODELS, "cogview4": _open("cogview4")}


def rules_in_force(model: str, chosen: str | None) -> ModelRules | None:
    """Whose sizes to check: those that `size-rules` names, else the model's own; None: nobody's."""
    return rules_for(model) if chosen is None else SIZE_RULES.get(chosen)
