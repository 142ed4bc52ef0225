"""File names: slugs, safe components and name templates. Pure; no disk."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping

from cogview_cli.disk.holes import Holes
from cogview_cli.errors import UsageError
from cogview_cli.i18n import _

SLUG_BYTES = 60
COMPONENT_BYTES = 255
# Room kept in a component for "-9999", ".jpeg", ".json" and the temporary name.
RESERVED_BYTES = 35
STEM_BYTES = COMPONENT_BYTES - RESERVED_BYTES
IMAGE_SUFFIXES = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
TEMPLATE_FIELDS = (
    "index", "n", "slug", "id", "model", "size", "created", "date", "time", "ext",
)  # fmt: skip

_WINDOWS_DEVICES = re.compile(
    r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?= *(?:\.|$))", re.IGNORECASE
)
_FORBIDDEN = frozenset('/\\:*?"<>|')
_UNSAFE_CATEGORIES = ("Cc", "Cf", "Cs", "Zl", "Zp", "Co")
_FIELDS = Holes(r"([^{}:/]*)(?::(0?[0-9]{1,2}))?")


def cut_bytes(text: str, limit: int) -> str:
    """The longest prefix of `text` that fits `limit` UTF-8 bytes, whole characters only."""
    data = text.encode("utf-8", "ignore")
    if len(data) <= limit:
        return data.decode("utf-8")
    kept = data[:limit].decode("utf-8", "ignore")
    # A base character must not lose the marks that belong to it.
    following = text[len(kept) :]
    while kept and following and unicodedata.combining(following[0]):
        following, kept = kept[-1], kept[:-1]
    return kept


class _Table(dict[int, str]):
    """A `str.translate` table that computes each character once."""

    def __init__(self, make: Callable[[str], str]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, code: int) -> str:
        self[code] = made = self._make(chr(code))
        return made


def _slug_char(char: str) -> str:
    return char if unicodedata.category(char)[0] in "LNM" else "-"


def _safe_char(char: str) -> str:
    unsafe = char in _FORBIDDEN or unicodedata.category(char) in _UNSAFE_CATEGORIES
    return "_" if unsafe else char


_SLUG_CHARS, _SAFE_CHARS = _Table(_slug_char), _Table(_safe_char)


def slug(text: str, limit: int = SLUG_BYTES) -> str:
    """Letters and digits of any script joined by `-`; `image` if there are none."""
    kept = unicodedata.normalize("NFC", text).translate(_SLUG_CHARS)
    joined = re.sub(r"-+", "-", kept).strip("-")
    return safe_component(cut_bytes(joined, limit).strip("-") or "image")


def safe_component(text: str, limit: int = STEM_BYTES) -> str:
    """One path component that every common file system accepts.

    NFC, cut by bytes, no separators or control characters, not a Windows device
    name, no leading dash, dot or blank, no trailing dot or blank.
    """
    normal = unicodedata.normalize("NFC", text)
    plain = normal.translate(_SAFE_CHARS).strip(" ").rstrip(". ")
    if plain[:1] in ("-", ".", "~"):
        plain = "_" + plain[1:]
    if match := _WINDOWS_DEVICES.match(plain):
        plain = f"{match[1]}_{plain[match.end() :]}"
    return cut_bytes(plain, limit).rstrip(". ") or "_"


def template_fields(template: str) -> list[str]:
    """The field names a template uses, in order."""
    return [match[1] for match in _FIELDS.find(template)]


def check_template(template: str, known: Mapping[str, object]) -> None:
    """Raises UsageError for a stray brace or a field that is not in `known`."""
    for name in template_fields(template):
        if name not in known:
            fields = ", ".join(sorted(known))
            raise UsageError(
                _("name template: no field '{name}'", name=name),
                hint=_("fields: {fields}", fields=fields),
            )
    check_braces(template)


def check_braces(template: str) -> None:
    """Raises UsageError for a brace that is neither part of a field nor doubled."""
    if _FIELDS.has_stray_brace(template):
        raise UsageError(
            _("name template '{template}': stray brace", template=template),
            hint=_("write {{ or }} for a literal brace"),
        )


def expand(template: str, fields: Mapping[str, object]) -> list[str]:
    """The template as safe path components, folders first.

    Values cannot add folders: a `/` in a value becomes `_`. `.` and `..` in the
    template itself are dropped, so a name never leaves the output folder.
    """
    check_template(template, fields)
    parts = [part for part in template.split("/") if part not in ("", ".", "..")]
    return [safe_component(_fill(part, fields)) for part in parts] or ["image"]


def _fill(part: str, fields: Mapping[str, object]) -> str:
    def value(match: re.Match[str]) -> str:
        text = str(fields[match[1]])
        return text.rjust(int(match[2]), "0") if match[2] else text

    return _FIELDS.fill(part, value)


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sorts numbers by value: `2` before `10`; letters as they are."""
    parts = re.split(r"([0-9]+)", name)
    return [_part_key(part, number=index % 2 == 1) for index, part in enumerate(parts)]


def _part_key(part: str, *, number: bool) -> tuple[int, int, str]:
    digits = part.lstrip("0")
    return (1, len(digits), digits) if number else (0, 0, part)


def with_number(stem: str, number: int) -> str:
    """`stem` for 1, `stem-2` for 2 and so on."""
    return stem if number == 1 else f"{stem}-{number}"
