"""The help pages in Chinese. Loaded in that language only: English pages are the parser's own.

What commands say of themselves, and the words the parser adds, are translated in the
finished tree of commands; a page of our own wraps lines by columns, as Chinese needs it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer

from cogview_cli.cli.help_page import ARGUMENTS, OTHERS
from cogview_cli.i18n import _
from cogview_cli.terminal.text import cell_width, fold

WIDEST = 100
NAMES_WIDEST = 30
INDENT = "  "
# A paragraph after this mark keeps its lines.
VERBATIM = "\b\n"


def translate_one(command: Any) -> None:
    """Puts one command into Chinese, without those below it."""
    command.context_class = Context
    command.help = _(command.help)
    command.short_help = command.help.partition("。")[0] + "。"
    command.options_metavar = _("[OPTIONS]")
    if hasattr(command, "subcommand_metavar"):
        command.subcommand_metavar = _("COMMAND [ARGS]...")
    for param in command.params:
        param.help = parser_words().get(param.help, param.help)


def parser_words() -> dict[str, str]:
    """The parser's own words, each with what we say for it."""
    return {
        ARGUMENTS: _("Arguments"),
        OTHERS: _("Options"),
        "Commands": _("Commands"),
        "Install completion for the current shell.": _("Install completion for the current shell."),
        "Show completion for the current shell, to copy it or customize the installation.": _(
            "Show completion for the current shell, to copy it or customize the installation."
        ),
    }


class Context(typer.Context):
    """The context of a command whose help is in Chinese."""

    def __init__(self, command: Any, **more: Any) -> None:
        super().__init__(command, **more)
        # The parser makes this option when a context first asks for it.
        if option := command.get_help_option(self):
            option.help = _("Show this message and exit.")

    def make_formatter(self) -> Any:
        """The page that the parser writes to."""
        return Page(min(shutil.get_terminal_size().columns, self.max_content_width or WIDEST) - 2)


class Page:
    """A help page, as the parser writes it, of so many columns."""

    def __init__(self, columns: int) -> None:
        self.width = max(columns, 50)
        self._indent = ""
        self._lines: list[str] = []

    def getvalue(self) -> str:
        """The whole page."""
        return "".join(f"{line}\n" for line in self._lines)

    def write_usage(self, prog: str, args: str = "") -> None:
        """The line that shows how the command is called."""
        self._lines.append(_("Usage: {command}", command=f"{prog} {args}".rstrip()))

    def write_paragraph(self) -> None:
        """The gap before a paragraph."""
        self._lines.append("")

    def write_text(self, text: str) -> None:
        """Paragraphs, wrapped unless they are marked."""
        for number, paragraph in enumerate(text.strip("\n").split("\n\n")):
            if number:
                self.write_paragraph()
            for line in self._wrapped(paragraph):
                self._lines.append(f"{self._indent}{line}")

    def _wrapped(self, paragraph: str) -> list[str]:
        if paragraph.startswith(VERBATIM):
            return paragraph.removeprefix(VERBATIM).split("\n")
        return fold(paragraph.replace("\n", " "), self.width - len(self._indent))

    @contextmanager
    def indentation(self) -> Iterator[None]:
        """Everything further to the right."""
        before, self._indent = self._indent, self._indent + INDENT
        try:
            yield
        finally:
            self._indent = before

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """A part of the page under its heading."""
        self.write_paragraph()
        self._lines.append(_("{heading}:", heading=parser_words().get(name, name)))
        with self.indentation():
            yield

    def write_dl(self, rows: Sequence[tuple[str, str]]) -> None:
        """Names on the left, what they mean on the right."""
        widest = max(cell_width(names) for names, _text in rows)
        column = min(widest, NAMES_WIDEST) + len(INDENT)
        for names, text in rows:
            lines = fold(row_text(text), self.width - column - len(self._indent))
            if cell_width(names) + len(INDENT) > column:
                self._lines.append(f"{self._indent}{names}")
            else:
                gap = " " * (column - cell_width(names))
                self._lines.append(f"{self._indent}{names}{gap}{lines.pop(0)}")
            self._lines += [f"{self._indent}{' ' * column}{line}" for line in lines]


def row_text(text: str) -> str:
    """The meaning of an option, with what the parser added to it."""
    added = {"[default: ": _("[default: "), "[required]": _("[required]")}
    for theirs, ours in added.items():
        text = text.replace(theirs, ours)
    return text
