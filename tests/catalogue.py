"""The Chinese catalogue and the messages of the code. `python -m tests.catalogue` compiles it."""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from cogview_cli.api.error_codes import CODES
from cogview_cli.cli.lazy_group import COMMANDS
from cogview_cli.cli.usage_errors import COMPLAINTS
from cogview_cli.config.settings import SETTINGS
from cogview_cli.engine.failure import HINTS
from cogview_cli.errors import EXIT_MEANINGS
from cogview_cli.i18n import DOMAIN, LOCALES
from cogview_cli.i18n.stored_messages import TEMPLATES
from cogview_cli.terminal.reporter import COUNTED
from tests.readme import shown_by_help

ROOT = LOCALES.parent
FOLDER = LOCALES / "zh" / "LC_MESSAGES"
SOURCE, COMPILED = FOLDER / f"{DOMAIN}.po", FOLDER / f"{DOMAIN}.mo"


def in_the_code() -> Iterator[tuple[str, str]]:
    """Every message of the code, with its place."""
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                first = node.args[0]
                if node.func.id == "_" and isinstance(first, ast.Constant):
                    yield str(first.value), f"{path.relative_to(ROOT)}:{node.lineno}"


def in_tables() -> Iterator[tuple[str, str]]:
    """The messages that stand in tables and are translated where they are shown."""
    yield from ((text, "errors") for text in EXIT_MEANINGS.values())
    yield from ((entry.meaning, "api.error_codes") for entry in CODES.values())
    yield from ((text, "cli.usage_errors") for text in COMPLAINTS)
    yield from ((line, "cli.lazy_group") for _, line in COMMANDS.values())
    yield from ((text, "the help of a command") for text in shown_by_help())
    yield from ((text, "engine.failure") for text in HINTS.values())
    yield from ((text, "terminal.reporter") for text in COUNTED.values())
    yield from ((text, "stored.TEMPLATES") for text in TEMPLATES.values())
    yield from ((setting.doc, "config.settings") for setting in SETTINGS.values())


def messages() -> dict[str, str]:
    """Every message that is shown, with one of its places."""
    return dict([*in_tables(), *in_the_code()])


def catalogue() -> Catalog:
    """The Chinese catalogue as people edit it."""
    with SOURCE.open("rb") as file:
        return read_po(file, locale="zh")


def compiled() -> bytes:
    """The catalogue as the program reads it."""
    buffer = io.BytesIO()
    write_mo(buffer, catalogue())
    return buffer.getvalue()


if __name__ == "__main__":
    COMPILED.write_bytes(compiled())
