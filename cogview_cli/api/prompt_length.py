"""Prompts that a model may not read to the end. Pure."""

from __future__ import annotations

from cogview_cli.api.models import rules_for
from cogview_cli.i18n import _

FIRST_CJK = 0x2E80


def tokens_at_most(prompt: str) -> int:
    """How many tokens a prompt may have: one a CJK character, one for two others."""
    wide = sum(ord(char) >= FIRST_CJK for char in prompt)
    return wide + (len(prompt) - wide + 1) // 2


def may_be_cut(model: str, prompt: str) -> bool:
    """Whether the end of a prompt may be lost on this model."""
    rules = rules_for(model)
    most = rules.reads_tokens if rules else None
    return most is not None and tokens_at_most(prompt) > most


def remark(model: str, prompt: str) -> str | None:
    """What to say of a prompt that may be too long; None if there is nothing to say."""
    if not may_be_cut(model, prompt):
        return None
    return _(
        "the prompt has {count} characters; {model} may not read it to the end",
        count=len(prompt),
        model=model,
    )
