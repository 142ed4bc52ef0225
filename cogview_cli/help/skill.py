"""The skill: one page that tells a coding agent how to use the program, where agents look for it.

An installed page ends with a line that holds a hash of all above it. So a page that somebody has
changed, or written, is told from one that may be replaced by a newer one.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from cogview_cli.disk.atomic import replace_whole
from cogview_cli.disk.home import expand_home

NAME = "cogview"
_PAGE = Path(__file__).parent / "skill" / "SKILL.md"
_SEAL = re.compile(rb"\n<!-- cogview skill ([0-9a-f]{64}) -->\n\Z")


class NotOurs(Exception):
    """Another page is there, or one of ours that was changed."""


def text() -> str:
    """The page as it is shown: Markdown with YAML front matter."""
    return _PAGE.read_text("utf-8")


def folders(*, claude: bool, agents: bool, here: bool) -> list[Path]:
    """The skill's folder for each kind of agent that is asked for; for all if none is.

    Claude Code reads `.claude/skills`; Codex, Gemini CLI and OpenCode read `.agents/skills`: the
    user's, or with `here` those of this folder. MachineError where there is no home.
    """
    both = not (claude or agents)
    found = []
    if claude or both:
        own = None if here else os.environ.get("CLAUDE_CONFIG_DIR")
        found.append(Path(own) if own else _base(here) / ".claude")
    if agents or both:
        found.append(_base(here) / ".agents")
    return [folder / "skills" / NAME for folder in found]


def _base(here: bool) -> Path:
    return Path() if here else Path(expand_home("~"))


def install(folder: Path, *, force: bool = False) -> Path:
    """Writes the page into `folder`; returns where it is. Raises NotOurs, OSError.

    `force`: whatever is there is replaced.
    """
    path = folder / "SKILL.md"
    if not (force or may_replace(path)):
        raise NotOurs(path)
    folder.mkdir(parents=True, exist_ok=True)
    replace_whole(path, sealed(text().encode("utf-8")), 0o644)
    return path


def sealed(page: bytes) -> bytes:
    """The page with its last line."""
    seal = hashlib.sha256(page.rstrip(b"\n")).hexdigest()
    return page.rstrip(b"\n") + f"\n<!-- cogview skill {seal} -->\n".encode()


def may_replace(path: Path) -> bool:
    """Whether nothing is there, or a page that was written here and left as it was."""
    if path.is_symlink():
        return False
    try:
        page = path.read_bytes()
    except FileNotFoundError:
        return True
    found = _SEAL.search(page)
    return bool(found) and page == sealed(page[: found.start()] if found else b"")
