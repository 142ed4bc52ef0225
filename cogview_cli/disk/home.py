"""`~` as the shell reads it, also where there is no home."""

from __future__ import annotations

import os

from cogview_cli.errors import MachineError
from cogview_cli.i18n import _


def expand_home(path: str) -> str:
    """`path` with a leading `~` or `~user` replaced; an unknown user's stays as it is.

    Raises MachineError if this user's own home is meant and unknown.
    """
    found = os.path.expanduser(path)
    if found == path and path.replace(os.sep, "/").split("/")[0] == "~":
        raise no_home(_("give a path without ~, or set HOME"))
    return found


def no_home(hint: str) -> MachineError:
    """The error for a home that neither HOME nor the user database names."""
    return MachineError(_("your home folder is unknown: HOME is not set"), hint=hint)
