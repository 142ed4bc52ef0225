"""The completion script for zsh: typer's does not work from a folder of `fpath`."""

import re
from typing import Any

from typer import _completion_classes, _completion_shared

# compinit reads `#compdef` in the first line only; typer's template begins with an empty one.
# And zsh loads the file at the first Tab by calling it: it must answer then, not just register.
_ZSH = """\
#compdef %(prog_name)s

%(complete_func)s() {
  eval $(env _TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" %(autocomplete_var)s=complete_zsh %(prog_name)s)
}

if [[ "$funcstack[1]" = "_%(prog_name)s" ]]; then
  %(complete_func)s "$@"
else
  compdef %(complete_func)s %(prog_name)s
fi
"""  # noqa: E501

_FORMAT = _completion_classes.ZshComplete.format_completion


def correct_zsh() -> None:
    """What typer shows, installs and prints for zsh from now on."""
    _completion_shared._completion_scripts["zsh"] = _ZSH
    _completion_classes.ZshComplete.source_template = _ZSH
    _completion_classes.ZshComplete.format_completion = _described  # type: ignore[method-assign]


def _described(self: Any, item: Any) -> str:
    """As typer has it, with apostrophes that zsh shows: it drops those that are typed."""
    item.help = item.help and re.sub(r"\b'\b", "\N{RIGHT SINGLE QUOTATION MARK}", item.help)
    return _FORMAT(self, item)
