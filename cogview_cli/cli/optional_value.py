"""An option whose value may be left out: `--embed`, `--embed 8MB`, `--embed DIR`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from cogview_cli.cli.help_page import Command


def with_value(
    arguments: Sequence[str], option: str, default: str, is_value: Callable[[str], bool]
) -> list[str]:
    """The command line with `default` behind an `option` that no value follows."""
    found = list(arguments)
    end = found.index("--") if "--" in found else len(found)
    for at in range(end - 1, -1, -1):
        following = found[at + 1] if at + 1 < end else ""
        if found[at] == option and not is_value(following):
            found[at] = f"{option}={default}"
    return found


class WithOptionalValue(Command):
    """A command with one such option; what follows it is its value only if it looks like one."""

    OPTION: ClassVar[str]
    DEFAULT: ClassVar[str]

    @staticmethod
    def is_value(text: str) -> bool:
        """Whether what follows the option is its value."""
        raise NotImplementedError

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads the command line, the value filled in."""
        filled = with_value(args, self.OPTION, self.DEFAULT, self.is_value)
        return super().parse_args(ctx, filled)
