"""The APIs that the sandbox can speak, and what their base URLs end in."""

from __future__ import annotations

VENDOR, OPENAI = "bigmodel", "openai"
BASES = {VENDOR: "/api/paas/v4", OPENAI: "/v1"}
