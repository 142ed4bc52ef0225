"""What installs an optional part into the environment that the program runs in."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path


def install_command(
    packages: Sequence[str], extra: str | None = None, *, prefix: str = sys.prefix
) -> str:
    """The command that adds `packages`; with pip, by the name of the `extra` that has them.

    An environment of pipx or uv is known by its path: pip does not reach it.
    """
    folders = Path(prefix).parts
    pairs = set(pairwise(folders))
    if ("pipx", "venvs") in pairs:
        return f"pipx inject cogview-cli {' '.join(packages)}"
    if ("uv", "tools") in pairs:
        return f"uv tool install --with {','.join(packages)} cogview-cli"
    return f"pip install {extra or ' '.join(packages)}"
