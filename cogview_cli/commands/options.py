"""The options that `gen` and `batch` share, declared once."""

from __future__ import annotations

from typing import Annotated

import typer

from cogview_cli.models import DEFAULT_MODEL

# Options that are settings as well: the flag goes before all other places.
SETTING_FLAGS = (
    "model", "size", "quality", "user_id", "watermark", "format", "sidecar", "on_exists",
    "on_unknown", "max_cost", "tier", "jobs", "profile", "base_url", "timeout", "max_wait",
    "retries", "sandbox",
)  # fmt: skip

Model = Annotated[
    str | None,
    typer.Option("--model", "-m", help=f"The model. [env COGVIEW_MODEL; default {DEFAULT_MODEL}]"),
]
Size = Annotated[
    str | None,
    typer.Option(
        "--size", "-s", help="1440x720, a ratio (16:9) or a name (wide). See: cogview sizes"
    ),
]
Quality = Annotated[str | None, typer.Option("--quality", "-q", help="hd or standard.")]
Count = Annotated[
    int, typer.Option("--count", "-n", min=1, help="How many images; each is a request.")
]
UserId = Annotated[
    str | None, typer.Option("--user-id", help="Your end user's id, 6-128 characters.")
]
Watermark = Annotated[
    bool | None,
    typer.Option(
        "--watermark/--no-watermark", help="The vendor's mark; off needs a signed waiver."
    ),
]
Format = Annotated[
    str | None, typer.Option("--format", help="original (bytes as they came), png, jpeg or webp.")
]
Sidecar = Annotated[
    bool | None, typer.Option("--sidecar/--no-sidecar", help="The .json file beside each image.")
]
OnExists = Annotated[
    str | None,
    typer.Option("--on-exists", help="rename (-2, -3…), skip, fail or overwrite. [default rename]"),
]
OnUnknown = Annotated[
    str | None,
    typer.Option(
        "--on-unknown", help="skip, or retry: ask again after a lost answer; may pay twice."
    ),
]
MaxCost = Annotated[str | None, typer.Option("--max-cost", help="Never spend more CNY than this.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Check, print the requests and the price, send nothing.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout.")]
Print0 = Annotated[bool, typer.Option("--print0", help="End each path with NUL, for xargs -0.")]
Tier = Annotated[
    str | None, typer.Option("--tier", help="V0 (5 at once), V1 (10), V2 (15) or V3 (20).")
]
Jobs = Annotated[
    int | None, typer.Option("--jobs", min=1, help="Requests at once, instead of the tier's.")
]
Profile = Annotated[
    str | None, typer.Option("--profile", help="bigmodel, zai, or a table of the config.")
]
BaseUrl = Annotated[str | None, typer.Option("--base-url", help="Where the API is.")]
Timeout = Annotated[
    str | None, typer.Option("--timeout", help="Seconds for one answer. [default 300]")
]
MaxWait = Annotated[
    str | None,
    typer.Option(
        "--max-wait", help="Seconds to wait in all while throttled. [default: twice --timeout]"
    ),
]
Retries = Annotated[
    int | None,
    typer.Option("--retries", min=0, help="Repeats of a request that cost nothing. [default 3]"),
]
NoValidate = Annotated[
    bool, typer.Option("--no-validate", help="Send what the local rules would refuse.")
]
Sandbox = Annotated[
    bool | None,
    typer.Option("--sandbox", help="Use a stand-in on this machine: no key, no network, no cost."),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say more on stderr.")]
Debug = Annotated[bool, typer.Option("--debug", help="Say even more; show tracebacks.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Only errors on stderr.")]
