"""The help page of a command: what it does, examples, then its options under headings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from typer.core import TyperCommand

ARGUMENTS = "Arguments"
OTHERS = "Options"


class Command(TyperCommand):
    """A command whose examples come before its options, and whose options have headings."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Writes examples, arguments, and the options under their headings."""
        super().format_epilog(ctx, formatter)
        for heading, rows in self._sections(ctx).items():
            with formatter.section(heading):
                formatter.write_dl(rows)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Nothing at the end: the examples are at the beginning."""

    def _sections(self, ctx: Any) -> dict[str, list[tuple[str, str]]]:
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            if (row := param.get_help_record(ctx)) is not None:
                sections.setdefault(_heading(param), []).append(row)
        return sections


def _heading(param: Any) -> str:
    if param.param_type_name == "argument":
        return ARGUMENTS
    return getattr(param, "rich_help_panel", None) or OTHERS


def walk(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Each command below `command`, itself included, with the words that call it."""
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from walk(child, f"{path} {name}")
