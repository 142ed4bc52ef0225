"""The options of `batch` for the vendor's queue."""

from __future__ import annotations

from typing import Annotated

import typer

from cogview_cli.cli import options
from cogview_cli.i18n import _

Queue = Annotated[
    bool,
    typer.Option(
        "--queue",
        help=_("Through the vendor's queue: half the price, within a day; 75 while it waits."),
        rich_help_panel=options.SENDING,
    ),
]
QueueSize = Annotated[
    int | None,
    typer.Option(
        "--queue-size",
        metavar="N",
        min=1,
        help=_("At most N images a part of the queue: smaller ones come sooner."),
        rich_help_panel=options.SENDING,
    ),
]
Poll = Annotated[
    float | None,
    typer.Option(
        "--poll",
        metavar="SECONDS",
        min=0.05,
        help=_("With --wait, look at the queue so often. [default: 30 s, growing to 5 min]"),
        rich_help_panel=options.SENDING,
    ),
]
