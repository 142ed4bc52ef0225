"""The Chinese catalogue: extracted from the code, updated, compiled, as pybabel does it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import cache

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from cogview_cli.api.error_codes import CODES
from cogview_cli.cli.lazy_group import COMMANDS
from cogview_cli.cli.usage_errors import COMPLAINTS
from cogview_cli.config.settings import SETTINGS
from cogview_cli.engine.failure import HINTS
from cogview_cli.errors import EXIT_MEANINGS
from cogview_cli.i18n import DOMAIN, LOCALES
from cogview_cli.i18n.stored_messages import TEMPLATES
from cogview_cli.outcome import Status
from cogview_cli.terminal.reporter import COUNTED
from tests.readme import shown_by_help

ROOT = LOCALES.parent
FOLDER = LOCALES / "zh" / "LC_MESSAGES"
SOURCE, COMPILED = FOLDER / f"{DOMAIN}.po", FOLDER / f"{DOMAIN}.mo"
HEADER = "# The Chinese messages of cogview. After a change: python -m tests.generate"
KEYWORDS = {"_": None, "N_": None, "_n": (1, 2)}
# What the system, the JSON reader and the CSV reader say: no text of ours, shown within ours.
FOREIGN = (
    "Disk quota exceeded",
    "File name too long",
    "Input/output error",
    "Is a directory",
    "No space left on device",
    "No such file or directory",
    "Not a directory",
    "Operation not permitted",
    "Permission denied",
    "Read-only file system",
    "Too many levels of symbolic links",
    "Too many open files",
    "embedded null byte",
    "expecting ',' delimiter",
    "expecting ',' or ']'",
    "expecting ':' delimiter",
    "expecting property name enclosed in double quotes",
    "expecting value",
    "extra data",
    "illegal trailing comma before end of array",
    "illegal trailing comma before end of object",
    "invalid \\escape",
    "invalid \\uXXXX escape",
    "invalid control character at",
    "unexpected UTF-8 BOM (decode using utf-8-sig)",
    "unterminated string starting at",
    *(f"'{delimiter}' expected after '\"'" for delimiter in "\t,;|"),
    "new-line character seen in unquoted field - do you need to open the file"
    " in universal-newline mode?",
    "new-line character seen in unquoted field - do you need to open the file with newline=''?",
)


class StableCatalog(Catalog):
    """A catalogue whose header names no date and no version: made again, it is the same."""

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        return [
            ("Project-Id-Version", DOMAIN),
            ("Language", str(self.locale_identifier)),
            ("Plural-Forms", self.plural_forms),
            ("MIME-Version", "1.0"),
            ("Content-Type", f"text/plain; charset={self.charset}"),
            ("Content-Transfer-Encoding", "8bit"),
        ]


# A message, or its singular and plural.
Text = str | tuple[str, ...]


def in_the_code() -> Iterator[tuple[Text, str]]:
    """Every text that `_`, `N_` or `_n` is given, with its file."""
    found = extract_from_dir(ROOT, [("**.py", "python")], keywords=KEYWORDS)
    for file, _line, text, _comments, _context in found:
        yield text, file


def in_tables() -> Iterator[tuple[str, str]]:
    """The texts of tables, which are translated where they are shown, with their file."""
    yield from ((text, "errors.py") for text in EXIT_MEANINGS.values())
    yield from ((status.replace("_", " "), "outcome.py") for status in Status)
    yield from ((entry.meaning, "api/error_codes.py") for entry in CODES.values())
    yield from ((text, "cli/usage_errors.py") for text in COMPLAINTS)
    yield from ((line, "cli/lazy_group.py") for _, line in COMMANDS.values())
    yield from ((text, "commands") for text in shown_by_help())
    yield from ((text, "engine/failure.py") for text in HINTS.values())
    yield from ((text, "terminal/reporter.py") for text in COUNTED.values())
    yield from ((text, "i18n/stored_messages.py") for text in TEMPLATES.values())
    yield from ((setting.doc, "config/settings.py") for setting in SETTINGS.values())


@cache
def template() -> Catalog:
    """Every message that is shown, with its files: what the .pot of pybabel is."""
    found = StableCatalog(charset="utf-8")
    texts: set[tuple[Text, str]] = {*in_the_code(), *in_tables()}
    for text, file in sorted(texts, key=lambda pair: pair[1]):
        if text:
            found.add(text, locations=[(f"{ROOT.name}/{file}", None)])
    for text in FOREIGN:
        found.add(text, auto_comments=["The system or a library says so."])
    return found


def catalogue() -> Catalog:
    """The Chinese catalogue as it is in the file."""
    with SOURCE.open("rb") as file:
        return read_po(file, locale="zh")


def updated(old: Catalog, wanted: Catalog) -> Catalog:
    """`wanted` with the translations of `old`.

    A new message is empty, or fuzzy with the translation of one that is much alike;
    those that are no longer wanted are dropped.
    """
    new = StableCatalog(locale="zh", header_comment=HEADER, charset="utf-8", fuzzy=False)
    for entry in old:
        if entry.id:
            new[entry.id] = entry
    new.update(wanted, update_creation_date=False)
    new.obsolete.clear()
    return new


def untranslated(found: Catalog) -> list[str]:
    """The messages without a translation that was looked at."""
    return [str(entry.id) for entry in found if entry.id and not translated(entry)]


def translated(entry: Message) -> bool:
    """Whether a message has a translation, in all its forms, that was looked at."""
    forms = entry.string if isinstance(entry.string, tuple) else (entry.string,)
    return all(forms) and not entry.fuzzy


def source(found: Catalog) -> bytes:
    """The .po: what people edit."""
    buffer = io.BytesIO()
    write_po(buffer, found, sort_output=True, include_lineno=False)
    return buffer.getvalue()


def compiled(found: Catalog) -> bytes:
    """The .mo: what the program reads."""
    buffer = io.BytesIO()
    write_mo(buffer, found)
    return buffer.getvalue()
