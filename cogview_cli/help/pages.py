"""The pages by topic, in the user's language; in English where a page is not translated."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from cogview_cli.i18n import language

FOLDER = Path(__file__).parent
# In the order in which they are listed: first what most people look for.
TOPICS = (
    "batch", "prompts", "names", "money", "queue", "text", "servers", "recipes", "history",
    "settings", "options", "exit-codes", "json", "python", "sandbox", "agents", "speed", "security",
)  # fmt: skip
# The first line of a page: what the list of topics says about it.
_TITLE = re.compile(r"# ([\w-]+)(?:: |：)(.+)")


class Page(NamedTuple):
    """One topic: `line` says what it is about, `text` is the whole page as Markdown."""

    topic: str
    line: str
    text: str


def page(topic: str, environ: Mapping[str, str] | None = None) -> Page:
    """The page of a topic. KeyError if there is no such topic."""
    if topic not in TOPICS:
        raise KeyError(topic)
    name, lang = f"{topic}.md", language(os.environ if environ is None else environ)
    path = FOLDER / lang / name
    if not path.is_file():
        path = FOLDER / "en" / name
    text = path.read_text("utf-8")
    title = _TITLE.match(text)
    return Page(topic, title[2] if title else "", text)


def titles() -> list[tuple[str, str]]:
    """Each topic, and what its page is about."""
    return [(topic, page(topic).line) for topic in TOPICS]
