"""A key as people paste it: with what stood around it where they copied it. Pure."""

from __future__ import annotations

import re

from cogview_cli.i18n import _, _n

_ASSIGNED = re.compile(
    r"(?:export\s+|set\s+|\$env:)?[A-Za-z_][A-Za-z0-9_]*\s*=\s*(?=[^=\s]{8})", re.IGNORECASE
)
_HEADER = re.compile(r"(?:-H\s+)?['\"]?Authorization:\s*", re.IGNORECASE)
_BEARER = re.compile(r"Bearer\s+", re.IGNORECASE)
_AROUND = ((_ASSIGNED, "NAME="), (_HEADER, "Authorization:"), (_BEARER, "Bearer"))
_BLANKS = "\ufeff\u200b\xa0 \t\r;"
_QUOTES = {'"': '"', "'": "'", "`": "`", "“": "”", "‘": "’", "「": "」"}


def unwrapped(text: str) -> tuple[str, list[str]]:
    """The key on the first line of text, and what was taken off it, in the user's language."""
    lines = [line.strip(_BLANKS) for line in text.splitlines() if line.strip(_BLANKS)]
    key, off = (lines[0] if lines else ""), list[str]()
    for pattern, words in _AROUND:
        key = _without_quotes(key, off)
        if found := pattern.match(key):
            key = key[found.end() :].strip(_BLANKS)
            off.append(words)
    key = _without_quotes(key, off)
    if len(lines) > 1:
        off.append(_n("{count} more line", "{count} more lines", len(lines) - 1))
    return key, list(dict.fromkeys(off))


def _without_quotes(key: str, off: list[str]) -> str:
    closing = _QUOTES.get(key[:1])
    if closing and len(key) > 1 and key.endswith(closing):
        off.append(_("quotes"))
        return key[1:-1].strip(_BLANKS)
    if key[-1:] in ("'", '"') and "Authorization:" in off:  # -H "Authorization: Bearer KEY"
        return key[:-1]
    return key
