"""Every setting, declared once, and the loader that decides where its value comes from.

Order: flag > environment > selected profile > config file > default. (A row of a
batch goes between flag and environment; the batch command applies it.)
"""

# ruff: noqa: RUF009 (_declare returns a dataclass field)

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from cogview_cli import models
from cogview_cli.config import kinds, store
from cogview_cli.config.kinds import Kind
from cogview_cli.config.secret import Secret
from cogview_cli.errors import CogviewError, MachineError, UsageError
from cogview_cli.hosts import is_loopback
from cogview_cli.i18n import _

PROFILES: dict[str, dict[str, Any]] = {
    "bigmodel": {"base_url": "https://open.bigmodel.cn/api/paas/v4"},
    "zai": {"base_url": "https://api.z.ai/api/paas/v4"},
}
_KEY_NAMES = ("api_key", "api_key_command")
_MORE_KEY_VARIABLES = ("ZAI_API_KEY", "ZHIPUAI_API_KEY", "ZHIPU_API_KEY")


@dataclass(frozen=True, slots=True)
class Setting:
    """One declaration: its kind, default, variables (first one wins) and meaning."""

    name: str
    kind: Kind
    default: object
    doc: str
    more_env: tuple[str, ...] = ()
    # A rule of the API rather than ours: --no-validate may waive it for a flag.
    vendor_rule: bool = False

    @property
    def env(self) -> tuple[str, ...]:
        return (f"COGVIEW_{self.name.upper()}", *self.more_env)

    @property
    def option(self) -> str:
        """The name as typed in `config set` and, with --, as a flag."""
        return self.name.replace("_", "-")


def _declare(kind: Kind, default: object, doc: str, **more: object) -> Any:
    meta = {"kind": kind, "default": default, "doc": doc, **more}
    return field(default=default, metadata=meta)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The value of every setting, and in `origins` where each one came from."""

    model: str = _declare(kinds.TEXT, models.DEFAULT_MODEL, "the model that makes the image")
    size: str | None = _declare(
        kinds.SIZE, None, "WIDTHxHEIGHT, a ratio or a preset name", vendor_rule=True
    )
    quality: str | None = _declare(
        kinds.choice("hd", "standard"), None, "hd or standard", vendor_rule=True
    )
    user_id: str | None = _declare(
        kinds.USER_ID, None, "your end user's id, 6 to 128 characters", vendor_rule=True
    )
    watermark: bool | None = _declare(kinds.BOOL, None, "ask for the vendor's visible watermark")
    format: str = _declare(
        kinds.choice("original", "png", "jpeg", "webp"), "original", "the image file's format"
    )
    sidecar: bool = _declare(kinds.BOOL, True, "write a JSON file beside each image")
    on_exists: str = _declare(
        kinds.choice("rename", "skip", "fail", "overwrite"), "rename", "if the file exists"
    )
    on_unknown: str = _declare(
        kinds.choice("skip", "retry"), "skip", "if a request's outcome is unknown (may be paid)"
    )
    max_cost: Decimal | None = _declare(kinds.MONEY, None, "never spend more CNY in one run")
    confirm_above: Decimal = _declare(
        kinds.MONEY, Decimal(10), "batch asks before it spends more CNY than this"
    )
    tier: str = _declare(
        kinds.choice(*models.TIER_SLOTS), "V0", "the account's tier: requests in flight"
    )
    jobs: int | None = _declare(kinds.whole(1), None, "requests in flight, instead of the tier's")
    base_url: str = _declare(kinds.URL, PROFILES["bigmodel"]["base_url"], "where the API is")
    timeout: float = _declare(kinds.TIMEOUT, 300.0, "seconds to wait for one image")
    max_wait: float | None = _declare(kinds.WAIT, None, "seconds to wait while throttled")
    retries: int = _declare(kinds.whole(0), 3, "repeats of a request that cost nothing")
    output: str | None = _declare(kinds.TEXT, None, "file, folder or name template")
    api_key: Secret | None = _declare(
        kinds.SECRET, None, "the key; kept by `config set api-key`", more_env=_MORE_KEY_VARIABLES
    )
    api_key_command: str | None = _declare(kinds.TEXT, None, "a command that prints the key")
    profile: str | None = _declare(kinds.TEXT, None, "bigmodel, zai or a table of your own")
    sandbox: bool = _declare(kinds.BOOL, False, "use the stand-in: no key, no network, no cost")
    origins: dict[str, str] = field(default_factory=dict, compare=False)


SETTINGS: dict[str, Setting] = {
    item.name: Setting(name=item.name, **item.metadata)
    for item in dataclasses.fields(Settings)
    if item.metadata
}


@dataclass(frozen=True, slots=True)
class _Given:
    """A raw value of one layer, and how to speak of it."""

    value: object
    origin: str
    where: str
    error: type[CogviewError] = MachineError
    hint: str = ""
    # A value from TOML has a type of its own: `jobs = "4"` is a mistake there.
    typed: bool = False

    def read(self, setting: Setting) -> object:
        try:
            return self._parse(setting)
        except ValueError as error:
            raise self.error(
                _("{where}: {name} {why}", where=self.where, name=setting.name, why=error),
                hint=self.hint,
            ) from None

    def _parse(self, setting: Setting) -> object:
        waived = self.error is UsageError and setting.vendor_rule
        kind = kinds.TEXT if waived else setting.kind
        value = os.fspath(self.value) if isinstance(self.value, os.PathLike) else self.value
        return kind.parse(value) if isinstance(value, str) and not self.typed else kind.read(value)


Layer = dict[str, _Given]


def find_setting(name: str) -> Setting:
    """The setting called `base_url` or `base-url`; UsageError if there is none."""
    setting = SETTINGS.get(name.strip().lower().replace("-", "_"))
    if setting is None:
        names = ", ".join(item.option for item in SETTINGS.values())
        raise UsageError(
            _("'{name}' is not a setting", name=name), hint=_("use one of: {names}", names=names)
        )
    return setting


def shown_origin(origin: str) -> str:
    """An entry of `Settings.origins` in the user's language; a path as it is."""
    kind, _space, name = origin.partition(" ")
    if kind == "flag":
        return _("flag {name}", name=name)
    if kind == "environment":
        return _("environment {name}", name=name)
    if kind == "profile":
        return _("profile {name}", name=name)
    return _("default") if origin == "default" else origin


def load(flags: Mapping[str, object | None], environ: Mapping[str, str] | None = None) -> Settings:
    """The settings in force; bad flags are UsageError, anything else bad MachineError."""
    env = os.environ if environ is None else environ
    config = store.read(env)
    top = _file_layer(config)
    layers = [_flag_layer(flags), _environment_layer(env), top]
    layers.insert(2, _profile_layer(config, layers))
    return _settle(layers)


def _settle(layers: list[Layer]) -> Settings:
    values: dict[str, Any] = {}
    origins = dict.fromkeys(SETTINGS, "default")
    for setting in SETTINGS.values():
        for layer in _layers_for(setting.name, layers):
            if given := layer.get(setting.name):
                values[setting.name] = given.read(setting)
                origins[setting.name] = given.origin
                break
    return Settings(**values, origins=origins)


def _layers_for(name: str, layers: list[Layer]) -> list[Layer]:
    """All layers, but for the key only the first that names a key or a key command."""
    if name not in _KEY_NAMES:
        return layers
    return [layer for layer in layers if any(key in layer for key in _KEY_NAMES)][:1]


def _flag_layer(flags: Mapping[str, object | None]) -> Layer:
    layer: Layer = {}
    for name, value in flags.items():
        if value is not None:
            no = "no-" if value is False else ""
            flag = f"--{no}{SETTINGS[name].option}"
            hint = _("cogview gen --help, under {flag}", flag=flag)
            layer[name] = _Given(value, f"flag {flag}", flag, UsageError, hint)
    return layer


def _environment_layer(environ: Mapping[str, str]) -> Layer:
    layer: Layer = {}
    for setting in SETTINGS.values():
        if variable := next((name for name in setting.env if environ.get(name)), None):
            origin = f"environment {variable}"
            hint = _("fix it, or: unset {variable}", variable=variable)
            layer[setting.name] = _Given(environ[variable], origin, variable, hint=hint)
    return layer


def _file_layer(config: store.ConfigFile) -> Layer:
    """The top level of the file. Every table is checked, also those not in use."""
    top = {name: value for name, value in config.data.items() if name != "profiles"}
    profiles = config.data.get("profiles", {})
    if not isinstance(profiles, dict):
        raise _file_error(config.where("profiles"), _("profiles takes tables, [profiles.NAME]"))
    for name in profiles:
        _profile_table(config, name)
    return _table_layer(config, top, None)


def _profile_table(config: store.ConfigFile, name: str) -> Layer:
    table = config.profiles.get(name, {})
    if not isinstance(table, dict):
        where = config.where(name, "profiles")
        raise _file_error(where, _("profiles.{name} takes a table, [profiles.{name}]", name=name))
    if "profile" in table:
        raise _file_error(
            config.where("profile", "profiles", name), _("a profile cannot select a profile")
        )
    return _table_layer(config, table, name)


def _table_layer(config: store.ConfigFile, table: Mapping[str, Any], profile: str | None) -> Layer:
    origin = str(config.path) if profile is None else f"profile {profile}"
    layer: Layer = {}
    for name, value in table.items():
        where = config.where(name, *(() if profile is None else ("profiles", profile)))
        if name not in SETTINGS:
            raise _file_error(where, _("unknown setting '{name}'", name=name))
        hint = _("edit {where}", where=where)
        layer[name] = _Given(value, origin, where, hint=hint, typed=True)
        layer[name].read(SETTINGS[name])
    return layer


def _file_error(where: str, why: str) -> MachineError:
    return MachineError(
        _("{where}: {why}", where=where, why=why), hint=_("edit {where}", where=where)
    )


def _profile_layer(config: store.ConfigFile, layers: list[Layer]) -> Layer:
    """The selected profile's table over the built-in one of that name."""
    chosen = next((layer["profile"] for layer in layers if "profile" in layer), None)
    if chosen is None:
        return {}
    name = str(chosen.read(SETTINGS["profile"]))
    known = known_profiles(config)
    if name not in known:
        raise chosen.error(
            _("{where}: there is no profile '{name}'", where=chosen.where, name=name),
            hint=_("known: {names}", names=", ".join(known)),
        )
    built_in = PROFILES.get(name, {}).items()
    base = {key: _Given(value, f"profile {name}", f"profile {name}") for key, value in built_in}
    return {**base, **_profile_table(config, name)}


def known_profiles(config: store.ConfigFile) -> list[str]:
    """The built-in profiles, then those of the file."""
    return list(dict.fromkeys([*PROFILES, *config.profiles]))


def check_base_url(url: str) -> None:
    """MachineError unless the key may go there: https, or http to this machine."""
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        raise MachineError(
            _("the base URL has a user name or password in it"),
            hint=_("take them out: --base-url https://HOST/PATH"),
        )
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme != "http" or not is_loopback(parts.hostname or ""):
        raise MachineError(
            _("the key is not sent to {url}: it goes to https, or to this machine, only", url=url),
            hint=_("use --base-url {url}", url=f"https://{parts.netloc or 'HOST'}{parts.path}"),
        )
