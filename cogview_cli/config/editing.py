"""Changes to the config file's document: where a setting is, how a value is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cogview_cli.config import store


def spelled(table: Mapping[str, Any], name: str) -> str:
    """The name of a setting as the table spells it: `base-url` or `base_url`."""
    return next((key for key in table if store.plain_name(key) == name), name.rstrip("_"))


def inline(value: object) -> object:
    """A value for the document. A table stands on one line, so that nothing behind joins it."""
    if not isinstance(value, dict):
        return value
    import tomlkit

    table = tomlkit.inline_table()
    for name, inner in value.items():
        table[name] = inline(inner)
    return table


def table(document: Any, profile: str | None) -> Any:
    """The document's top level, or a profile's table, made if it is missing."""
    if profile is None:
        return document
    import tomlkit

    if "profiles" not in document:
        document["profiles"] = tomlkit.table(is_super_table=True)
    profiles = document["profiles"]
    if profile not in profiles:
        profiles[profile] = tomlkit.table()
    return profiles[profile]


def may_use_http(profile: str | None) -> bool:
    """Whether the table that the base URL goes to allows plain http."""
    config = store.read()
    table = config.data if profile is None else config.profiles.get(profile, {})
    return any(store.plain_name(name) == "allow_http" and table[name] is True for name in table)
