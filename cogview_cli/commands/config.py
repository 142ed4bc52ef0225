"""`cogview config`: look at settings, change them, check that they work."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cogview_cli.api import models
from cogview_cli.api.models import size_by_rules
from cogview_cli.api.open_weights import rules_in_force
from cogview_cli.cli import completion
from cogview_cli.config import editing, settings, store, value_types
from cogview_cli.config.key_input import read_key, tell_of_key
from cogview_cli.config.secret import Secret
from cogview_cli.config.settings import Setting, Settings
from cogview_cli.errors import CogviewError, ExitCode, MachineError, UsageError, worst
from cogview_cli.i18n import _
from cogview_cli.terminal import output
from cogview_cli.terminal.text import clean

if TYPE_CHECKING:
    from cogview_cli.config.check import Finding

app = typer.Typer(
    help="Settings and the key: where they are, what is in force, whether they work.",
    no_args_is_help=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        help=_("Use this profile's table."),
        autocompletion=completion.profile,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help=_("One JSON object a line."))]
NameArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help=_("The setting, e.g. base-url."), autocompletion=completion.setting
    ),
]
KeptArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help=_("The setting, e.g. base-url."),
        autocompletion=completion.setting_kept,
    ),
]
_PROFILE_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@app.command("path")
def path_command() -> None:
    """Print where the config file is, or would be."""
    output.write_line(str(store.config_path()))


@app.command("show")
def show_command(
    profile: ProfileOption = None,
    origin: Annotated[bool, typer.Option("--origin", help=_("Name each value's source."))] = False,
    as_json: JsonOption = False,
) -> None:
    """Print every setting that is in force."""
    current = settings.load({"profile": profile})
    for setting in settings.SETTINGS.values():
        if as_json:
            output.write_json(_record(current, setting))
        else:
            output.write_line(_line(current, setting, origin=origin))


def _record(current: Settings, setting: Setting) -> dict[str, object]:
    value, source = getattr(current, setting.name), current.origins[setting.name]
    return {"type": "setting", "name": setting.word, "value": _json_value(value), "origin": source}


def _line(current: Settings, setting: Setting, *, origin: bool) -> str:
    value, source = getattr(current, setting.name), current.origins[setting.name]
    shown = _("(not set)") if value is None else clean(display(value), 4096)
    told = f"  # {clean(settings.shown_origin(source), 4096)}" if origin else ""
    return f"{setting.option} = {shown}{told}"


def display(value: object) -> str:
    """A value as text; the key masked, and a password in a URL hidden."""
    if isinstance(value, Secret):
        return value.masked()
    if isinstance(value, Mapping):
        return json.dumps(_shown(value), ensure_ascii=False)
    if isinstance(value, float):
        return str(value_types.to_toml(value))
    return re.sub(r"^(https?://)[^/]*@", r"\1***@", value_types.to_text(value))


def _shown(table: Mapping[str, Any]) -> dict[str, Any]:
    """A table whose secrets are masked."""
    return {k: v.masked() if isinstance(v, Secret) else v for k, v in table.items()}


def _json_value(value: object) -> object:
    if isinstance(value, Mapping):
        return _shown(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    return display(value)


@app.command("get")
def get_command(name: NameArgument, profile: ProfileOption = None) -> None:
    """Print one setting that is in force (the key masked)."""
    setting = settings.find_setting(name)
    value = getattr(settings.load({"profile": profile}), setting.name)
    if value is None:
        raise UsageError(_("{name} is not set", name=setting.option), hint=_set_hint(setting))
    output.write_line(display(value))


def _set_hint(setting: Setting) -> str:
    if setting.name == "api_key":
        return _("run: cogview config set api-key")
    if setting.name == "headers":
        return _('run: cogview config set headers < FILE, with { "x-team": "art" } in it')
    return _("run: cogview config set {name} VALUE", name=setting.option)


@app.command("set")
def set_command(
    name: NameArgument,
    value: Annotated[
        str | None,
        typer.Argument(
            metavar="[VALUE]",
            help=_("Left out for api-key: it asks."),
            autocompletion=completion.setting_value,
        ),
    ] = None,
    profile: ProfileOption = None,
) -> None:
    """Keep a setting in the config file. `api-key` is asked for, or read from stdin."""
    setting = settings.find_setting(name)
    _check_profile(setting, profile)
    is_key = setting.name == "api_key"
    kept = read_key(value) if is_key else _checked(setting, value, profile)

    def change(document: Any) -> None:
        table = editing.table(document, profile)
        table[editing.spelled(table, setting.name)] = editing.inline(kept)

    store.edit(change)
    if is_key:
        tell_of_key(str(kept), profile)


def _check_profile(setting: Setting, profile: str | None) -> None:
    if profile is None:
        return
    _check_profile_name(profile)
    if setting.name == "profile":
        raise UsageError(
            _("a profile cannot select a profile"),
            hint=_("run: cogview config set profile {name}", name=profile),
        )


def _check_profile_name(name: str) -> None:
    if not _PROFILE_NAME.fullmatch(name):
        raise UsageError(
            _("profile '{name}': a name takes letters, digits, - and _", name=clean(name, 80)),
            hint=_("use a name such as --profile work"),
        )


def _checked(
    setting: Setting, value: str | None, profile: str | None
) -> str | int | float | bool | dict[str, Any]:
    if setting.name == "headers":
        value = _from_stdin(value)
    if value is None:
        raise UsageError(
            _("{name}: the value is missing", name=setting.option), hint=_set_hint(setting)
        )
    try:
        parsed = setting.kind.parse(value)
    except ValueError as error:
        raise UsageError(f"{setting.option} {error}", hint=_set_hint(setting)) from None
    _check_meaning(setting, str(parsed), profile)
    return value_types.to_toml(parsed)


def _check_meaning(setting: Setting, value: str, profile: str | None) -> None:
    """Refuses now what every later command would refuse."""
    if setting.name in ("size", "quality"):
        current = settings.load({"profile": _existing_profile(profile)})
        if setting.name == "quality":
            models.check_quality(current.model, value)
        else:
            size_by_rules(rules_in_force(current.model, current.size_rules), value)
    if setting.name == "base_url":
        try:
            settings.check_base_url(value, allow_http=editing.may_use_http(profile))
        except MachineError as error:
            raise UsageError(error.message, hint=error.hint) from None
    if setting.name == "profile":
        known = settings.known_profiles(store.read())
        if value not in known:
            raise UsageError(
                _("there is no profile '{name}'", name=value),
                hint=_("known: {names}", names=", ".join(known)),
            )


def _from_stdin(value: str | None) -> str | None:
    """What holds secrets and is not asked for. UsageError if it was typed as an argument."""
    if value is not None:
        raise UsageError(
            _("headers are not taken as an argument: other users could see them"),
            hint=_set_hint(settings.SETTINGS["headers"]),
        )
    if sys.stdin is None or sys.stdin.isatty():
        return None
    return sys.stdin.buffer.read(1 << 16).decode("utf-8-sig", "replace")


def _existing_profile(profile: str | None) -> str | None:
    """The profile, unless this very command creates it."""
    return profile if profile in settings.known_profiles(store.read()) else None


@app.command("unset")
def unset_command(name: KeptArgument, profile: ProfileOption = None) -> None:
    """Take a setting out of the config file."""
    config = store.read()
    table = config.data if profile is None else config.profiles.get(profile, {})
    # A name that is in the file can go, even one that is no setting.
    known = name in table and name != "profiles"
    key = name if known else editing.spelled(table, settings.find_setting(name).name)
    if key not in table:
        raise UsageError(
            _("{name} is not set in {path}", name=name, path=config.path),
            hint=_("see: cogview config show"),
        )

    def change(document: Any) -> None:
        del editing.table(document, profile)[key]

    store.edit(change)


@app.command("init")
def init_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help=_("The profile's name, e.g. gpu."))],
    server: Annotated[
        str,
        typer.Option(
            "--for",
            metavar="SERVER",
            help=_("xinference, sglang, vllm-omni, litellm or hf-serve."),
            autocompletion=completion.server,
        ),
    ],
    base_url: Annotated[
        str | None,
        typer.Option("--base-url", metavar="URL", help=_("Where it is, if not on this machine.")),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", metavar="NAME", help=_("The model it serves."))
    ] = None,
) -> None:
    """Write a profile for a server of one's own, with comments. Nothing is overwritten."""
    from cogview_cli.config import profile_templates

    _check_profile_name(name)
    text = profile_templates.table(name, server, base_url, model)
    if name in settings.known_profiles(store.read()):
        raise UsageError(
            _("there is a profile '{name}' already", name=name),
            hint=_("choose another name, or edit {path}", path=store.config_path()),
        )
    output.write_line(str(store.append(text)))
    output.say(_("profile {name} written; next: cogview config check --profile {name}", name=name))


@app.command("check")
def check_command(profile: ProfileOption = None, as_json: JsonOption = False) -> None:
    """Check file, key, folders, network and clock. Costs nothing."""
    from cogview_cli.config.check import ledger_finding, run_checks
    from cogview_cli.ledger.health import check_ledger

    found = settings.load({"profile": profile})
    errors = []
    for finding in run_checks(found, ledger=partial(ledger_finding, count=check_ledger)):
        if as_json:
            output.write_json(_finding_record(finding))
        else:
            output.write_line(_finding_line(finding))
        if finding.error is not None:
            errors.append(finding.error)
    if errors:
        raise _worst_of(errors)


def _finding_record(finding: Finding) -> dict[str, str]:
    hint = {} if finding.error is None else {"hint": finding.error.hint}
    told = {"check": finding.subject, "status": finding.status, "text": finding.text}
    return {"type": "check", **told, **hint}


def _finding_line(finding: Finding) -> str:
    from cogview_cli.config.check import SUBJECTS

    told = _("{subject}: {text}", subject=SUBJECTS[finding.subject], text=clean(finding.text, 4096))
    return f"{finding.status:<4}  {told}"


def _worst_of(errors: Iterable[CogviewError]) -> CogviewError:
    by_code = {ExitCode(error.exit_code): error for error in errors}
    return by_code[worst(list(by_code))]
