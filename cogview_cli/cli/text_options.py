"""The options of checking the text on pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from cogview_cli.cli.options import about
from cogview_cli.i18n import _
from cogview_cli.terminal import output

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
# The same where it is a setting as well: of `gen` and `batch`.
Strict = Annotated[
    bool | None,
    typer.Option(
        "--strict-text/--no-strict-text",
        help=about("strict_text", _("Characters read with low confidence count as wrong.")),
        rich_help_panel=TEXT,
    ),
]
CheckText = Annotated[
    bool | None,
    typer.Option(
        "--check-text/--no-check-text",
        help=about("check_text", _("Read the text on each picture and compare it; free.")),
        rich_help_panel=TEXT,
    ),
]
Retake = Annotated[
    int | None,
    typer.Option(
        "--retake",
        min=0,
        metavar="N",
        help=about("retake", _("Ask again, up to N times a picture, while its text is wrong.")),
        rich_help_panel=TEXT,
    ),
]


def tell_of_nothing(text: Sequence[str] | None) -> None:
    """Warns of a `--text` with nothing that is compared: it would switch the check off."""
    if not any(map(str.strip, text or ())):
        return
    from cogview_cli.textcheck.wanted import wanted_texts

    if wanted_texts("", text) is None:
        output.warn(_("--text has no letter and no digit: nothing is checked"))
