"""The options that `batch` alone has."""

from __future__ import annotations

from typing import Annotated

import typer

from cogview_cli.cli import completion, options
from cogview_cli.i18n import _

Sources = Annotated[
    list[str] | None,
    typer.Argument(metavar="[SOURCE]…", help=_("Prompt files, a folder of them, or - for stdin.")),
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="DIR",
        help=options.about("output", _("The folder."), _("named after the source")),
        rich_help_panel=options.FILES,
    ),
]
Name = Annotated[
    str | None,
    typer.Option(
        "--name",
        metavar="TEMPLATE",
        help=_("A name template: '{index:05}/{n:04}.png'."),
        rich_help_panel=options.FILES,
    ),
]
Count = Annotated[
    int | None,
    typer.Option(
        "--count",
        "-n",
        min=1,
        metavar="N",
        help=_("Images of each prompt."),
        rich_help_panel=options.PICTURE,
    ),
]
Grid = Annotated[
    str | None,
    typer.Option(
        "--grid",
        metavar="CxR",
        rich_help_panel=options.FILES,
        help=_("2x2: also tile each prompt's images into one."),
    ),
]
Layout = Annotated[
    str | None,
    typer.Option(
        "--layout",
        metavar="NAME",
        rich_help_panel=options.FILES,
        help=_(
            "Files as a benchmark's scorer reads them: {names}.",
            names=", ".join(completion.LAYOUTS),
        ),
        autocompletion=completion.layout,
    ),
]
PromptField = Annotated[
    str | None,
    typer.Option(
        "--prompt-field",
        metavar="NAME",
        rich_help_panel=options.PROMPTS,
        help=_("The column that holds the prompt."),
    ),
]
Template = Annotated[
    str | None,
    typer.Option(
        "--template",
        metavar="TEXT",
        rich_help_panel=options.PROMPTS,
        help=_("A prompt with holes: '{name}海报，{slogan}'."),
    ),
]
InputFormat = Annotated[
    str | None,
    typer.Option(
        "--input-format",
        rich_help_panel=options.PROMPTS,
        metavar="FORM",
        help=_("txt, blocks, jsonl, json, csv, tsv or yaml."),
        autocompletion=completion.input_format,
    ),
]
Comments = Annotated[
    bool,
    typer.Option(
        "--comments/--no-comments",
        rich_help_panel=options.PROMPTS,
        help=_("Skip lines that begin with # or //."),
    ),
]
Start = Annotated[
    int,
    typer.Option(
        "--start",
        metavar="N",
        rich_help_panel=options.PROMPTS,
        min=1,
        help=_("Begin at this row."),
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(
        "--limit",
        metavar="N",
        rich_help_panel=options.PROMPTS,
        min=1,
        help=_("At most so many rows."),
    ),
]
Shard = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        rich_help_panel=options.PROMPTS,
        help=_("I/N: one of N parts, stable, for job arrays."),
    ),
]
Dedupe = Annotated[
    bool,
    typer.Option(
        "--dedupe", rich_help_panel=options.PROMPTS, help=_("Make each prompt only once.")
    ),
]
SkipBad = Annotated[
    bool,
    typer.Option(
        "--skip-bad",
        rich_help_panel=options.PROMPTS,
        help=_("Leave bad rows out instead of stopping."),
    ),
]
FailFast = Annotated[
    bool,
    typer.Option(
        "--fail-fast",
        rich_help_panel=options.SENDING,
        help=_("Send nothing more after the first failure."),
    ),
]
RetryFailed = Annotated[
    bool,
    typer.Option(
        "--retry-failed",
        rich_help_panel=options.SENDING,
        help=_("Ask again for what was refused before."),
    ),
]
Report = Annotated[
    str | None,
    typer.Option(
        "--report",
        metavar="FILE",
        rich_help_panel=options.FILES,
        help=_("Write a report, .csv or .json, with the columns of the rows."),
    ),
]
Wait = Annotated[
    bool,
    typer.Option(
        "--wait",
        rich_help_panel=options.SENDING,
        help=_("Wait for the queue, or another run on the folder, not exit 75."),
    ),
]
ReplaceEdited = Annotated[
    bool,
    typer.Option(
        "--replace-edited",
        help=_("Put pictures of rows edited since into replaced/."),
        rich_help_panel=options.FILES,
    ),
]
Sheet = Annotated[
    str | None,
    typer.Option(
        "--sheet",
        metavar="NAME",
        help=_("The sheet of a workbook; else the first with rows."),
        rich_help_panel=options.PROMPTS,
    ),
]
Encoding = Annotated[
    str | None,
    typer.Option(
        "--encoding",
        metavar="NAME",
        help=_("big5, gb18030, utf-8…; else found out."),
        rich_help_panel=options.PROMPTS,
    ),
]
Language = Annotated[
    str | None,
    typer.Option(
        "--lang",
        metavar="LANG",
        help=_("zh or en, where prompts come in both."),
        autocompletion=completion.language,
        rich_help_panel=options.PROMPTS,
    ),
]
