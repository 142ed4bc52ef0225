"""A command that takes words, and has subcommands as well."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

_COMMAND = "cogview_cli.subcommand"


class TextOrCommand(TyperGroup):
    """`history 月饼 --limit 5` and `history resolve ID`; `history -- resolve` looks for the word.

    Where the first word is a subcommand, the argument for words is not there.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads the command line as one or the other."""
        ctx.meta[_COMMAND] = self._is_command(ctx, args)
        ctx.allow_interspersed_args = not ctx.meta[_COMMAND]
        return super().parse_args(ctx, args)

    def _is_command(self, ctx: Any, args: list[str]) -> bool:
        ctx.meta[_COMMAND] = True  # so that the words are left over
        resilient, ctx.resilient_parsing = ctx.resilient_parsing, True
        try:
            _options, rest, _order = self.make_parser(ctx).parse_args(args=list(args))
        finally:
            ctx.resilient_parsing = resilient
        before = args[: len(args) - len(rest)]
        return bool(rest) and rest[0] in self.commands and before[-1:] != ["--"]

    def get_params(self, ctx: Any) -> list[Any]:
        """The options, and the words where they are meant."""
        found = super().get_params(ctx)
        if not ctx.meta.get(_COMMAND):
            return found
        return [param for param in found if param.param_type_name != "argument"]

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """`[OPTIONS] [TEXT]…`: the subcommands have lines of their own."""
        return super().collect_usage_pieces(ctx)[:-1]
