"""The options that `gen` and `batch` share, declared once."""

from typing import Annotated, TypedDict

import typer

from cogview_cli.cli import completion
from cogview_cli.config.settings import SETTINGS
from cogview_cli.config.value_types import to_text, to_toml
from cogview_cli.i18n import _

# The headings of the help page.
PICTURE = _("Picture")
PROMPTS = _("Prompts")
FILES = _("Files and output")
MONEY = _("Money and account")
SENDING = _("Sending")
MESSAGES = _("Messages")


class SettingFlags(TypedDict):
    """The options of `gen` and `batch` that are settings as well, as they were typed.

    A flag goes before all other places; None was not typed.
    """

    model: str | None
    size: str | None
    quality: str | None
    output: str | None
    user_id: str | None
    watermark: bool | None
    format: str | None
    sidecar: bool | None
    on_exists: str | None
    on_unknown: str | None
    max_cost: str | None
    tier: str | None
    jobs: int | None
    profile: str | None
    base_url: str | None
    timeout: str | None
    max_wait: str | None
    retries: int | None
    sandbox: bool | None
    response_format: str | None
    extra: list[str] | None
    async_: bool | None
    check_text: bool | None
    retake: int | None
    strict_text: bool | None


def about(name: str, text: str, default: str = "") -> str:
    """Help of a flag that is also a setting: its variable and its default.

    `default`: words for a default that no single value tells.
    """
    setting = SETTINGS[name]
    if not default and setting.default is not None:
        default = to_text(to_toml(setting.default))
    if not default:
        return _("{text} [env {variable}]", text=text, variable=setting.env[0])
    return _(
        "{text} [env {variable}; default {default}]",
        text=text,
        variable=setting.env[0],
        default=default,
    )


Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        help=about("model", _("The model.")),
        rich_help_panel=PICTURE,
        autocompletion=completion.model,
    ),
]
Size = Annotated[
    str | None,
    typer.Option(
        "--size",
        "-s",
        metavar="SIZE",
        help=about("size", _("1440x720, a ratio (16:9) or a name (wide). See: cogview sizes")),
        rich_help_panel=PICTURE,
        autocompletion=completion.size,
    ),
]
Quality = Annotated[
    str | None,
    typer.Option(
        "--quality",
        "-q",
        metavar="QUALITY",
        help=about("quality", _("hd or standard.")),
        rich_help_panel=PICTURE,
        autocompletion=completion.quality,
    ),
]
Count = Annotated[
    int,
    typer.Option(
        "--count",
        "-n",
        min=1,
        metavar="N",
        help=_("How many images; each is a request."),
        rich_help_panel=PICTURE,
    ),
]
UserId = Annotated[
    str | None,
    typer.Option(
        "--user-id",
        metavar="ID",
        help=about("user_id", _("Your end user's id, 6-128 characters.")),
        rich_help_panel=PICTURE,
    ),
]
Watermark = Annotated[
    bool | None,
    typer.Option(
        "--watermark/--no-watermark",
        help=about("watermark", _("The vendor's mark; off needs a signed waiver.")),
        rich_help_panel=PICTURE,
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help=about("format", _("original (bytes as they came), png, jpeg or webp.")),
        rich_help_panel=FILES,
        autocompletion=completion.choice("format"),
    ),
]
Sidecar = Annotated[
    bool | None,
    typer.Option(
        "--sidecar/--no-sidecar",
        help=about("sidecar", _("The .json file beside each image.")),
        rich_help_panel=FILES,
    ),
]
OnExists = Annotated[
    str | None,
    typer.Option(
        "--on-exists",
        metavar="WHAT",
        help=about("on_exists", _("rename (-2, -3…), skip, fail or overwrite.")),
        rich_help_panel=FILES,
        autocompletion=completion.choice("on_exists"),
    ),
]
OnUnknown = Annotated[
    str | None,
    typer.Option(
        "--on-unknown",
        metavar="WHAT",
        help=about(
            "on_unknown", _("skip, or retry: ask again after a lost answer; may pay twice.")
        ),
        rich_help_panel=MONEY,
        autocompletion=completion.choice("on_unknown"),
    ),
]
MaxCost = Annotated[
    str | None,
    typer.Option(
        "--max-cost",
        metavar="CNY",
        help=about("max_cost", _("Never spend more than this.")),
        rich_help_panel=MONEY,
    ),
]
Yes = Annotated[
    bool,
    typer.Option(
        "--yes",
        "-y",
        rich_help_panel=MONEY,
        help=_("Spend more than confirm-above without asking."),
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help=_("Check, print the requests and the price, send nothing."),
        rich_help_panel=MONEY,
    ),
]
Json = Annotated[
    bool,
    typer.Option("--json", help=_("One JSON object a line on stdout."), rich_help_panel=FILES),
]
Print0 = Annotated[
    bool,
    typer.Option(
        "--print0", help=_("End each path with NUL, for xargs -0."), rich_help_panel=FILES
    ),
]
Tier = Annotated[
    str | None,
    typer.Option(
        "--tier",
        metavar="TIER",
        help=about("tier", _("V0 (5 at once), V1 (10), V2 (15) or V3 (20).")),
        rich_help_panel=MONEY,
        autocompletion=completion.tier,
    ),
]
Verify = Annotated[
    bool,
    typer.Option(
        "--verify",
        help=_("Compare the pictures that are there by hash, not by size alone."),
        rich_help_panel=FILES,
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        min=1,
        metavar="N",
        help=about("jobs", _("Requests at once, instead of the tier's.")),
        rich_help_panel=SENDING,
    ),
]
Profile = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        help=about("profile", _("bigmodel, zai, or a table of the config.")),
        rich_help_panel=MONEY,
        autocompletion=completion.profile,
    ),
]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        metavar="URL",
        help=about("base_url", _("Where the API is.")),
        rich_help_panel=SENDING,
    ),
]
Timeout = Annotated[
    str | None,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        help=about("timeout", _("Seconds for one answer.")),
        rich_help_panel=SENDING,
    ),
]
MaxWait = Annotated[
    str | None,
    typer.Option(
        "--max-wait",
        metavar="SECONDS",
        help=about("max_wait", _("Seconds to wait in all while throttled."), _("twice --timeout")),
        rich_help_panel=SENDING,
    ),
]
Retries = Annotated[
    int | None,
    typer.Option(
        "--retries",
        min=0,
        metavar="N",
        help=about("retries", _("Repeats of a request that cost nothing.")),
        rich_help_panel=SENDING,
    ),
]
NoValidate = Annotated[
    bool,
    typer.Option(
        "--no-validate", help=_("Send what the local rules would refuse."), rich_help_panel=SENDING
    ),
]
Sandbox = Annotated[
    bool | None,
    typer.Option(
        "--sandbox",
        help=about("sandbox", _("Use a stand-in on this machine: no key, no network, no cost.")),
        rich_help_panel=SENDING,
    ),
]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", help=_("Say more on stderr."), rich_help_panel=MESSAGES),
]
Debug = Annotated[
    bool,
    typer.Option("--debug", help=_("Say even more; show tracebacks."), rich_help_panel=MESSAGES),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", help=_("Only errors on stderr."), rich_help_panel=MESSAGES)
]
