"""Errors as gateways and other servers word them (cogview_cli/api/dialects.py has the sources)."""

from __future__ import annotations

import json

OPENAI_KEYS = ("message", "type", "param", "code")


def openai(message: str, kind: str | None, code: str | None, param: str | None = None) -> bytes:
    """OpenAI's envelope, which LiteLLM and new-api speak too."""
    values = dict(zip(OPENAI_KEYS, (message, kind, param, code), strict=True))
    return json.dumps({"error": values}, ensure_ascii=False).encode()


def detail(told: object) -> bytes:
    """FastAPI's envelope: a text, or the list of a validation."""
    return json.dumps({"detail": told}).encode()


_ARREARS = "{'error': {'code': '1113', 'message': '余额不足或无可用资源包,请充值。'}}"
_LITELLM_POLICY = (
    "litellm.ContentPolicyViolationError: AzureException - Your request was rejected as a"
    " result of our safety system."
)
# Status and body by fault; nothing was made.
REFUSALS: dict[str, tuple[int, bytes]] = {
    "openai-policy": (
        400,
        openai(
            "Your request was rejected by the safety system.",
            "image_generation_user_error",
            "moderation_blocked",
        ),
    ),
    "azure-policy": (400, openai("The prompt was filtered.", None, "content_filter", "prompt")),
    "litellm-policy": (400, openai(_LITELLM_POLICY, None, "400")),
    "openai-quota": (
        429,
        openai("You exceeded your current quota.", "insufficient_quota", "insufficient_quota"),
    ),
    "openai-cap": (
        400,
        openai("Billing hard limit has been reached", "billing_limit_user_error", None),
    ),
    "402": (402, openai("Payment Required", None, None)),
    "litellm-budget": (422, openai("Budget has been exceeded!", "budget_exceeded", "422")),
    "litellm-1113": (
        429,
        openai(f"litellm.RateLimitError: OpenAIException - {_ARREARS}", "throttling_error", "429"),
    ),
    "openai-rate": (
        429,
        openai("Rate limit reached for requests", "requests", "rate_limit_exceeded"),
    ),
    "openai-model": (
        404,
        openai("The model 'cogview-4' does not exist", "invalid_request_error", "model_not_found"),
    ),
    "404-model": (404, detail("Model not found in the model list. Available: ['cogview4']")),
    "404-path": (404, detail("Not Found")),
    "422-detail": (
        422,
        detail([{"loc": ["body", "size"], "msg": "Input should be '1024x1024'", "type": "enum"}]),
    ),
}
# The same, although the picture was made and charged: the gateway gave up on the server behind it.
LOSSES: dict[str, tuple[int, bytes]] = {
    "litellm-500": (
        500,
        openai("litellm.APIConnectionError: OpenAIException - cut", "server_error", "500"),
    ),
    "litellm-408": (408, openai("litellm.Timeout: 600.0 s", None, "408")),
    "gateway-409": (409, openai("in progress", None, None)),
    "gateway-425": (425, b""),
    "bare-408": (408, b""),
    "500-in-400": (400, openai("litellm.InternalServerError: upstream", None, "500")),
    "error-without-code": (500, b'{"error":{"message":"Handler dispatch failed"}}'),
}
