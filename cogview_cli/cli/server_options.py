"""The options of `gen` and `batch` for servers that are not the vendor's."""

from __future__ import annotations

from typing import Annotated

import typer

from cogview_cli.cli import completion, options
from cogview_cli.i18n import _

ResponseFormat = Annotated[
    str | None,
    typer.Option(
        "--response-format",
        metavar="FORM",
        help=options.about("response_format", _("b64_json or url, for servers that ask.")),
        rich_help_panel=options.SENDING,
        autocompletion=completion.choice("response_format"),
    ),
]
Extra = Annotated[
    list[str] | None,
    typer.Option(
        "--extra",
        metavar="KEY=VALUE",
        help=options.about("extra", _("One more field of the request body; repeatable.")),
        rich_help_panel=options.SENDING,
    ),
]
Async = Annotated[
    bool | None,
    typer.Option(
        "--async/--no-async",
        help=options.about(
            "async_",
            _("Hand the request in and ask for the picture: no answer is lost (glm-image)."),
            _("where the API has it"),
        ),
        rich_help_panel=options.SENDING,
    ),
]
