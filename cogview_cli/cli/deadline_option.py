"""`--deadline`, for those whose commands are killed after a while."""

from __future__ import annotations

from typing import Annotated

import typer

from cogview_cli.cli import options
from cogview_cli.i18n import _

Deadline = Annotated[
    str | None,
    typer.Option(
        "--deadline",
        metavar="SECONDS",
        help=_("End before so many seconds: send nothing that could not be here by then."),
        rich_help_panel=options.SENDING,
    ),
]
