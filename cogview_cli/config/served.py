"""The models that a server lists at `GET /models`, as OpenAI's API has it. Pure."""

from __future__ import annotations

import json
from typing import Any

from cogview_cli.api.protocol import Answer


def models_in(answer: Answer) -> list[str] | None:
    """The names in an answer to `GET /models`, as OpenAI's API has it; None if it names none.

    hf-serve lists its model as `"id": null` when it was started with a folder.
    """
    body = json_in(answer.raw) if answer.status == 200 else None
    listed = body.get("data") if isinstance(body, dict) else None
    if not isinstance(listed, list):
        return None
    named = [entry.get("id") for entry in listed if isinstance(entry, dict)]
    names = [name for name in named if isinstance(name, str)]
    return names if names or None not in named else None


def json_in(raw: bytes) -> Any:
    """The JSON object or list in an answer; None if there is none."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict | list) else None
