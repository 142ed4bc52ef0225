"""Every setting, declared once, and the loader that decides where its value comes from.

Order: flag > environment > selected profile > config file > default. (A row of a
batch goes between flag and environment; the batch command applies it.)
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from cogview_cli.api import models
from cogview_cli.config import store
from cogview_cli.config import value_types as vt
from cogview_cli.config.secret import Secret
from cogview_cli.config.value_types import ValueType
from cogview_cli.errors import CogviewError, MachineError, UsageError
from cogview_cli.i18n import _
from cogview_cli.net.addresses import is_loopback

PROFILES: dict[str, dict[str, Any]] = {
    "bigmodel": {"base_url": "https://open.bigmodel.cn/api/paas/v4"},
    "zai": {"base_url": "https://api.z.ai/api/paas/v4"},
}
_FLAG = "flag"
# Fifty times the highest tier; each takes tasks, lock files and connections.
MOST_JOBS = 1000
_KEY_NAMES = ("api_key", "api_key_command")
_MORE_KEY_VARIABLES = ("ZAI_API_KEY", "ZHIPUAI_API_KEY", "ZHIPU_API_KEY")


class Settings(NamedTuple):
    """The value of every setting, and in `origins` where each one came from."""

    model: str = models.DEFAULT_MODEL
    size: str | None = None
    quality: str | None = None
    user_id: str | None = None
    watermark: bool | None = None
    format: str = "original"
    sidecar: bool = True
    on_exists: str = "rename"
    on_unknown: str = "skip"
    max_cost: Decimal | None = None
    daily_limit: Decimal | None = None
    confirm_above: Decimal = Decimal(10)
    tier: str = "V0"
    jobs: int | None = None
    base_url: str = PROFILES["bigmodel"]["base_url"]
    timeout: float = 300.0
    max_wait: float | None = None
    download_patience: float = 60.0
    retries: int = 3
    output: str | None = None
    api_key: Secret | None = None
    api_key_command: str | None = None
    profile: str | None = None
    sandbox: bool = False
    origins: Mapping[str, str] = MappingProxyType({})

    def is_flag(self, name: str) -> bool:
        """Whether the value was typed on the command line."""
        return self.origins[name].startswith(f"{_FLAG} ")


class Setting(NamedTuple):
    """One declaration: its kind, meaning and variables (first one wins)."""

    name: str
    kind: ValueType
    doc: str
    more_env: tuple[str, ...] = ()
    # A rule of the API rather than ours: --no-validate may waive it for a flag.
    vendor_rule: bool = False

    @property
    def default(self) -> object:
        return Settings._field_defaults[self.name]

    @property
    def env(self) -> tuple[str, ...]:
        return (f"COGVIEW_{self.name.upper()}", *self.more_env)

    @property
    def option(self) -> str:
        """The name as typed in `config set` and, with --, as a flag."""
        return self.name.replace("_", "-")


_DECLARED = (
    Setting("model", vt.TEXT, "the model that makes the image"),
    Setting("size", vt.SIZE, "WIDTHxHEIGHT, a ratio or a preset name", vendor_rule=True),
    Setting("quality", vt.choice("hd", "standard"), "hd or standard", vendor_rule=True),
    Setting("user_id", vt.USER_ID, "your end user's id, 6 to 128 characters", vendor_rule=True),
    Setting("watermark", vt.BOOL, "ask for the vendor's visible watermark"),
    Setting("format", vt.choice("original", "png", "jpeg", "webp"), "the image file's format"),
    Setting("sidecar", vt.BOOL, "write a JSON file beside each image"),
    Setting("on_exists", vt.choice("rename", "skip", "fail", "overwrite"), "if the file exists"),
    Setting(
        "on_unknown",
        vt.choice("skip", "retry"),
        "if a request's outcome is unknown (may be paid)",
    ),
    Setting("max_cost", vt.MONEY, "never spend more CNY in one run"),
    Setting("daily_limit", vt.MONEY, "never spend more CNY in a day, all runs together"),
    Setting("confirm_above", vt.MONEY, "ask before a run spends more CNY than this"),
    Setting("tier", vt.choice(*models.TIER_SLOTS), "the account's tier: requests in flight"),
    Setting("jobs", vt.whole(1, MOST_JOBS), "requests in flight, instead of the tier's"),
    Setting("base_url", vt.URL, "where the API is"),
    Setting("timeout", vt.TIMEOUT, "seconds to wait for one image"),
    Setting("max_wait", vt.WAIT, "seconds to wait while throttled"),
    Setting("download_patience", vt.WAIT, "seconds to try again for a paid image"),
    Setting("retries", vt.whole(0), "repeats of a request that cost nothing"),
    Setting("output", vt.TEXT, "file, folder or name template"),
    Setting("api_key", vt.SECRET, "the key; kept by `config set api-key`", _MORE_KEY_VARIABLES),
    Setting("api_key_command", vt.TEXT, "a command that prints the key"),
    Setting("profile", vt.TEXT, "bigmodel, zai or a table of your own"),
    Setting("sandbox", vt.BOOL, "use the stand-in: no key, no network, no cost"),
)
SETTINGS: dict[str, Setting] = {setting.name: setting for setting in _DECLARED}


class _Given(NamedTuple):
    """A raw value of one layer, and how messages refer to it."""

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
        kind = vt.TEXT if waived else setting.kind
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
    if kind == _FLAG:
        return _("flag {name}", name=name)
    if kind == "environment":
        return _("environment {name}", name=name)
    if kind == "profile":
        return _("profile {name}", name=name)
    return _("default") if origin == "default" else origin


def load(flags: Mapping[str, object | None], environ: Mapping[str, str] | None = None) -> Settings:
    """The settings in force. Raises UsageError for a bad flag, MachineError for the rest."""
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
            layer[name] = _Given(value, f"{_FLAG} {flag}", flag, UsageError, hint)
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
    """The top level of the file. Every table is checked, even those not in use."""
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
