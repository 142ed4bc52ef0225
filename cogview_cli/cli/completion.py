"""What a shell offers for a value. Local and quick; what goes wrong offers nothing."""

import functools
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import typer

from cogview_cli.api import models
from cogview_cli.api.models import ModelRules
from cogview_cli.config import store
from cogview_cli.config.settings import SETTINGS, find_setting, known_profiles, load
from cogview_cli.i18n import _

if TYPE_CHECKING:
    from cogview_cli.ledger import State

Offer = tuple[str, str]
Completer = Callable[[typer.Context, str], list[Offer]]

NEWEST = 20
LAYOUTS = (
    "geneval", "dpg", "t2i-compbench", "tiif", "unigenbench", "oneig", "wise", "longtext",
)  # fmt: skip
# What `history --by` adds up by.
GROUPINGS = ("day", "month", "model", "folder")
MORE_RATIOS = ("3:2", "2:3", "1:2", "21:9")
_PROFILE = r"[A-Za-z0-9_-]+"
# zsh evaluates what it is offered: a prompt of the ledger must stay text there.
_SHELL_SPECIAL = r"[^\w\s.,;!?，。！？、“”-]"


def _quiet(find: Callable[[typer.Context, str], Iterable[Offer]]) -> Completer:
    """A completer that offers nothing where it cannot tell; an error would garble the line."""

    @functools.wraps(find)
    def offers(ctx: typer.Context, incomplete: str) -> list[Offer]:
        try:
            return list(find(ctx, incomplete))
        except Exception:
            return []

    return offers


def _model_name(ctx: typer.Context) -> str:
    """The model typed so far, else the one of the settings."""
    typed = {name: ctx.params.get(name) for name in ("model", "profile")}
    return str(load(typed).model)


def _rules(ctx: typer.Context) -> ModelRules:
    """The model's rules; those of the default model for a name that is not known here."""
    return models.rules_for(_model_name(ctx)) or models.MODELS[models.DEFAULT_MODEL]


@_quiet
def model(ctx: typer.Context, incomplete: str) -> Iterable[Offer]:
    """The models that have local rules."""
    return [(name, _model_words(rules)) for name, rules in models.MODELS.items()]


def _model_words(rules: ModelRules) -> str:
    values = {"price": rules.price, "currency": models.CURRENCY}
    if rules.retired:
        return _("{price} {currency} an image, retired", **values)
    return _("{price} {currency} an image", **values)


@_quiet
def size(ctx: typer.Context, incomplete: str) -> Iterable[Offer]:
    """Sizes the model takes: presets, names, ratios; after `1600x` every legal height."""
    rules = _rules(ctx)
    presets = [(str(size), size.ratio) for size in rules.presets]
    begun = "x" in incomplete and not any(text.startswith(incomplete) for text, _ratio in presets)
    if begun:
        return [(str(size), size.ratio) for size in models.legal_sizes(rules)]
    return [*presets, *_shapes()]


def _shapes() -> Iterable[Offer]:
    # The size for each would be good to know, but to find them all takes too long.
    named = [(name, f"{wide}:{high}") for name, (wide, high) in models.PRESET_NAMES.items()]
    return [*named, *((ratio, "") for _name, ratio in named), *((text, "") for text in MORE_RATIOS)]


@_quiet
def quality(ctx: typer.Context, incomplete: str) -> Iterable[Offer]:
    """The qualities the model takes; all of them for a model that is not known here."""
    rules = models.rules_for(_model_name(ctx))
    return [(name, "") for name in (rules.qualities if rules else SETTINGS["quality"].kind.values)]


@_quiet
def tier(ctx: typer.Context, incomplete: str) -> Iterable[Offer]:
    """The account tiers."""
    return [(name, _("{slots} at once", slots=slots)) for name, slots in models.TIER_SLOTS.items()]


@_quiet
def profile(ctx: typer.Context, incomplete: str) -> Iterable[Offer]:
    """The built-in profiles and those of the config file."""
    return [(name, "") for name in known_profiles(store.read()) if re.fullmatch(_PROFILE, name)]


@_quiet
def server(ctx: typer.Context, incomplete: str) -> Iterable[Offer]:
    """The servers that `config init` knows."""
    from cogview_cli.config.profile_templates import SERVERS

    return [(name, each.base_url) for name, each in SERVERS.items()]


@_quiet
def setting(ctx: typer.Context, incomplete: str) -> Iterable[Offer]:
    """The names of all settings."""
    return [(item.option, _(item.doc)) for item in SETTINGS.values()]


@_quiet
def setting_kept(ctx: typer.Context, incomplete: str) -> Iterable[Offer]:
    """The settings that are in the config file, or in the profile's table of it."""
    config, name = store.read(), ctx.params.get("profile")
    table = config.data if name is None else config.profiles[name]
    kept = {store.plain_name(key) for key in table}
    return [(item.option, _(item.doc)) for key, item in SETTINGS.items() if key in kept]


@_quiet
def setting_value(ctx: typer.Context, incomplete: str) -> Iterable[Offer]:
    """The values a setting takes, where they can be listed."""
    chosen = find_setting(str(ctx.params["name"]))
    others = {"model": model, "size": size, "quality": quality, "tier": tier, "profile": profile}
    if chosen.name in others:
        return others[chosen.name](ctx, incomplete)
    return [(value, "") for value in chosen.kind.values]


def choice(name: str) -> Completer:
    """A completer for a flag that is the setting `name`."""

    @_quiet
    def choices(ctx: typer.Context, incomplete: str) -> Iterable[Offer]:
        return [(value, "") for value in SETTINGS[name].kind.values]

    return choices


@_quiet
def input_format(ctx: typer.Context, incomplete: str) -> Iterable[Offer]:
    """The forms of a prompt file."""
    from cogview_cli.sources.options import FORMATS

    return [(name, "") for name in FORMATS]


@_quiet
def layout(ctx: typer.Context, incomplete: str) -> Iterable[Offer]:
    """The benchmarks whose scorers' layouts are known."""
    return [(name, "") for name in LAYOUTS]


@_quiet
def language(ctx: typer.Context, incomplete: str) -> Iterable[Offer]:
    """The languages a bilingual prompt file may have."""
    from cogview_cli.sources.options import LANGUAGES

    return [(name, "") for name in LANGUAGES]


@_quiet
def topic(ctx: typer.Context, incomplete: str) -> Iterable[Offer]:
    """The topics of `cogview help`, and the commands it explains."""
    from cogview_cli.cli.lazy_group import COMMANDS
    from cogview_cli.help.pages import TOPICS, page

    topics = [(name, page(name).line) for name in TOPICS]
    return [*topics, *((name, "") for name in COMMANDS if name not in TOPICS)]


@_quiet
def subcommand(ctx: typer.Context, incomplete: str) -> Iterable[Offer]:
    """The subcommands of a command that takes words as well."""
    if ctx.params.get("text"):
        return []
    commands: dict[str, Any] = getattr(ctx.command, "commands", {})
    return [(name, command.get_short_help_str()) for name, command in commands.items()]


@_quiet
def grouping(ctx: typer.Context, incomplete: str) -> Iterable[Offer]:
    """What `history --by` takes."""
    return [(name, "") for name in GROUPINGS]


@_quiet
def unknown_request(ctx: typer.Context, incomplete: str) -> Iterable[Offer]:
    """The newest requests whose outcome is unknown."""
    return _requests(lambda state: state.UNKNOWN)


@_quiet
def unfinished_request(ctx: typer.Context, incomplete: str) -> Iterable[Offer]:
    """The newest requests that are paid for and whose picture is not on disk."""
    return _requests(lambda state: state.ANSWER)


@_quiet
def queue_part(ctx: typer.Context, incomplete: str) -> Iterable[Offer]:
    """What waits in the vendor's queue."""
    if not store.ledger_path().exists():
        return []
    from cogview_cli.ledger import Ledger

    with Ledger(store.state_dir()) as ledger:
        parts = ledger.parts.open()
    return [(part.batch or part.id, _plain(part.namespace)) for part in parts[: -NEWEST - 1 : -1]]


def _requests(choose: "Callable[[type[State]], State]") -> list[Offer]:
    if not store.ledger_path().exists():
        return []  # without loading SQLite
    from cogview_cli.ledger import Ledger, State

    with Ledger(store.state_dir()) as ledger:
        entries = ledger.history(state=choose(State), longest=0)
    newest = entries[: -NEWEST - 1 : -1]
    return [(entry.id, _plain(str(entry.body.get("prompt", "")))) for entry in newest]


def _plain(prompt: str) -> str:
    return " ".join(re.sub(_SHELL_SPECIAL, " ", prompt[:40]).split())
