"""The loader that decides where the value of each setting comes from.

Order: flag > environment > selected profile > config file > default. (A row of a
batch goes between flag and environment; the batch command applies it.)
"""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from cogview_cli.config import store
from cogview_cli.config import value_types as vt
from cogview_cli.config.declarations import FLAG, FREE_TIMEOUT
from cogview_cli.config.declarations import PROFILES as PROFILES
from cogview_cli.config.declarations import SETTINGS as SETTINGS
from cogview_cli.config.declarations import Setting as Setting
from cogview_cli.config.declarations import Settings as Settings
from cogview_cli.config.tables import NotATable
from cogview_cli.errors import CogviewError, MachineError, UsageError
from cogview_cli.i18n import _
from cogview_cli.net.addresses import is_loopback

_KEY_NAMES = ("api_key", "api_key_command")


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
            why = vt.takes(setting.kind.words) if self._is_misread(error) else error
            raise self.error(
                _("{where}: {name} {why}", where=self.where, name=setting.option, why=why),
                hint=self.hint,
            ) from None

    def _is_misread(self, error: ValueError) -> bool:
        """Whether the error speaks of a flag's form, and the value stands in the file."""
        return self.typed and isinstance(error, NotATable)

    def _parse(self, setting: Setting) -> object:
        waived = self.error is UsageError and setting.vendor_rule
        kind = vt.TEXT if waived else setting.kind
        value = os.fspath(self.value) if isinstance(self.value, os.PathLike) else self.value
        return kind.parse(value) if isinstance(value, str) and not self.typed else kind.read(value)


Layer = dict[str, _Given]


def find_setting(name: str) -> Setting:
    """The setting called `base_url` or `base-url`; UsageError if there is none."""
    setting = SETTINGS.get(store.plain_name(name.strip().lower()))
    if setting is None:
        names = ", ".join(item.option for item in SETTINGS.values())
        raise UsageError(
            _("'{name}' is not a setting", name=name), hint=_("use one of: {names}", names=names)
        )
    return setting


def shown_origin(origin: str) -> str:
    """An entry of `Settings.origins` in the user's language; a path as it is."""
    kind, _space, name = origin.partition(" ")
    if kind == FLAG:
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
    if config.exposed:
        _warn_of_exposed(config.path)
    top = _file_layer(config)
    layers = [_flag_layer(flags), _environment_layer(env), top]
    layers.insert(2, _profile_layer(config, layers))
    return _settle(layers)


@cache
def _warn_of_exposed(path: Path) -> None:
    """Tells it once."""
    from cogview_cli.terminal import output

    output.warn(
        _(
            "{path} holds headers and can be read by other users: chmod 600 {path}",
            path=path,
        )
    )


def for_base_url(base_url: str, environ: Mapping[str, str] | None = None) -> Settings | None:
    """The settings, as they are or with one of the profiles, that lead to `base_url`."""
    names = known_profiles(store.read(os.environ if environ is None else environ))
    choices = ({}, *({"profile": name} for name in names))
    found = (load(chosen, environ) for chosen in choices)
    return next((each for each in found if each.base_url == base_url), None)


def _settle(layers: list[Layer]) -> Settings:
    values: dict[str, Any] = {}
    origins = dict.fromkeys(SETTINGS, "default")
    for setting in SETTINGS.values():
        found = [layer for layer in _layers_for(setting.name, layers) if setting.name in layer]
        for layer in found[: None if setting.merged else 1]:
            read: Any = layer[setting.name].read(setting)
            values[setting.name] = (
                {**read, **values.get(setting.name, {})} if setting.merged else read
            )
        if found:
            origins[setting.name] = found[0][setting.name].origin
    if values.get("price") == 0:
        values.setdefault("timeout", FREE_TIMEOUT)
    if values.get("allow_http"):
        values["allow_http"] = _meant_for_this_host(values, layers)
    return Settings(**values, origins=origins)


def _meant_for_this_host(values: Mapping[str, Any], layers: list[Layer]) -> bool:
    """Whether `allow-http` holds for the base URL in force: a table means the host beside it."""
    layer = next(layer for layer in layers if "allow_http" in layer)
    if "base_url" not in layer:
        return True
    own = str(layer["base_url"].read(SETTINGS["base_url"]))
    return urlsplit(own).hostname == urlsplit(str(values["base_url"])).hostname


def _layers_for(name: str, layers: list[Layer]) -> list[Layer]:
    """All layers, but for the key only the first that names a key or a key command."""
    if name not in _KEY_NAMES:
        return layers
    return [layer for layer in layers if any(key in layer for key in _KEY_NAMES)][:1]


def _flag_layer(flags: Mapping[str, object | None]) -> Layer:
    layer: Layer = {}
    for name, value in flags.items():
        if value is not None and value != []:
            no = "no-" if value is False else ""
            flag = f"--{no}{SETTINGS[name].option}"
            hint = (
                _("such as: {flag} seed=7", flag=flag)
                if SETTINGS[name].merged
                else _("cogview gen --help, under {flag}", flag=flag)
            )
            layer[name] = _Given(value, f"{FLAG} {flag}", flag, UsageError, hint)
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
    if moved := [key for key in table if store.plain_name(key) == store.STATE_DIR]:
        raise _file_error(
            config.where(moved[0], "profiles", name), _("a profile cannot move the ledger")
        )
    return _table_layer(config, table, name)


def _table_layer(config: store.ConfigFile, table: Mapping[str, Any], profile: str | None) -> Layer:
    origin = str(config.path) if profile is None else f"profile {profile}"
    layer: Layer = {}
    for spelled, value in table.items():
        where = config.where(spelled, *(() if profile is None else ("profiles", profile)))
        name = store.plain_name(spelled)
        if name not in SETTINGS:
            raise _file_error(
                where,
                _("unknown setting '{name}'", name=spelled),
                hint=_("edit {where}; the names: cogview help settings", where=where),
            )
        if name in layer:
            raise _file_error(where, _("'{name}' appears twice", name=spelled))
        hint = _("edit {where}", where=where)
        layer[name] = _Given(value, origin, where, hint=hint, typed=True)
        layer[name].read(SETTINGS[name])
    return layer


def _file_error(where: str, why: str, *, hint: str = "") -> MachineError:
    return MachineError(
        _("{where}: {why}", where=where, why=why), hint=hint or _("edit {where}", where=where)
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


def check_base_url(url: str, *, allow_http: bool = False) -> None:
    """MachineError unless the key may go there: https, or http to this machine.

    `allow_http`: the user says that plain http is safe on the way to this host.
    """
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        raise MachineError(
            _("the base URL has a user name or password in it"),
            hint=_("take them out: --base-url https://HOST/PATH"),
        )
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme != "http" or not (allow_http or is_loopback(parts.hostname or "")):
        raise MachineError(
            _("the key is not sent to {url}: it goes to https, or to this machine, only", url=url),
            hint=_(
                "use --base-url {url}; or, in a private network, allow-http = true in the profile",
                url=f"https://{parts.netloc or 'HOST'}{parts.path}",
            ),
        )
