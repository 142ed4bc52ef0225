"""The options of checking the text on pictures."""

from __future__ import annotations

from typing import Annotated

import typer

from cogview_cli.i18n import _

TEXT = _("Text on the picture")

Text = Annotated[
    list[str] | None,
    typer.Option(
        "--text",
        metavar="TEXT",
        help=_("What the picture should say (repeatable); else what its prompt puts in quotes."),
        rich_help_panel=TEXT,
    ),
]
StrictText = Annotated[
    bool,
    typer.Option(
        "--strict-text",
        help=_("Characters read with low confidence count as wrong."),
        rich_help_panel=TEXT,
    ),
]
