"""File names: slugs, safe components and name templates. Pure; no disk."""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache

from cogview_cli.disk.holes import Holes
from cogview_cli.errors import UsageError
from cogview_cli.i18n import _

SLUG_BYTES = 60
COMPONENT_BYTES = 255
# Room kept in a component for "-9999", ".jpeg", ".json" and the temporary name.
RESERVED_BYTES = 35
STEM_BYTES = COMPONENT_BYTES - RESERVED_BYTES
# Formats that may be asked for.
IMAGE_SUFFIXES = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
# What a picture is saved under: one in another format than the API's is kept as it came.
SAVED_SUFFIXES = {
    "png": ".png", "jpeg": ".jpg", "webp": ".webp", "gif": ".gif", "bmp": ".bmp",
    "tiff": ".tif", "avif": ".avif", "heic": ".heic",
}  # fmt: skip
# Those, and what others name such files.
PICTURE_SUFFIXES = (*SAVED_SUFFIXES.values(), ".jpeg", ".tiff")
TEMPLATE_FIELDS = (
    "index", "n", "slug", "id", "model", "size", "created", "date", "time", "ext",
)  # fmt: skip

_WINDOWS_DEVICES = r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?= *(?:\.|$))"
_FORBIDDEN = frozenset('/\\:*?"<>|')
_UNSAFE_CATEGORIES = ("Cc", "Cf", "Cs", "Zl", "Zp", "Co")
# A width, or how to write a moment: `{index:04}`, `{date:%Y-%m}`.
_FIELDS = Holes(r"([^{}:/]*)(?::(0?[0-9]{1,2}|[^{}/%]*%[^{}/]*))?")
MOMENTS = ("date", "time", "created")
# What every system's strftime knows.
_DIRECTIVE = r"(?s)%(.?)"
_DIRECTIVES = frozenset("aAbBdHIjmMpSUwWyY%")
_STRAY_SLASH = r"\{(\w+):[^{}/]*%[^{}]*/"


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
    kept = cut_bytes(plain, limit).rstrip(". ") or "_"
    if match := re.match(_WINDOWS_DEVICES, kept):  # perhaps only since it was cut
        kept = f"{match[1]}_{kept[match.end() :]}"
        if len(kept.encode("utf-8")) > limit:
            kept = f"{match[1][:-1]}_"
    return kept


def template_fields(template: str) -> list[str]:
    """The field names a template uses, in order."""
    return [name for name, _how in _holes(template)]


@lru_cache(maxsize=64)  # of a batch, mostly one
def _holes(template: str) -> tuple[tuple[str, str | None], ...]:
    return tuple((match[1], match[2]) for match in _FIELDS.find(template))


def check_template(template: str, known: Mapping[str, object]) -> None:
    """Raises UsageError for a stray brace or a field that is not in `known`."""
    for name, how in _holes(template):
        if name not in known:
            fields = ", ".join(sorted(known))
            raise UsageError(
                _("name template: no field '{name}'", name=name),
                hint=_("fields: {fields}", fields=fields),
            )
        _check_format(name, how)
    check_braces(template)


def _check_format(name: str, how: str | None) -> None:
    """UsageError for a way to write a moment where there is none, or with an unknown part."""
    if not how or "%" not in how:
        return
    if name not in MOMENTS:
        raise UsageError(
            _(
                "name template: '{name}' is no moment, and takes no '{format}'",
                name=name,
                format=how,
            ),
            hint=_("{date:%Y-%m-%d}, {time:%H%M} and {created:%Y} do"),
        )
    if unknown := {found[1] for found in re.finditer(_DIRECTIVE, how)} - _DIRECTIVES:
        raise UsageError(
            _("name template: no '%{letter}' in '{format}'", letter=min(unknown), format=how),
            hint=_("for example {date:%Y-%m-%d} or {time:%H%M}"),
        )


def check_braces(template: str) -> None:
    """Raises UsageError for a brace that is neither part of a field nor doubled."""
    if found := re.search(_STRAY_SLASH, template):
        raise UsageError(
            _(
                "name template '{template}': a slash inside of {braces}",
                template=template,
                braces="{…}",
            ),
            hint=_(
                "a folder of its own: {example}", example=f"{{{found[1]}:%Y}}/{{{found[1]}:%m}}"
            ),
        )
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
        text, how = str(fields[match[1]]), match[2]
        if not how:
            return text
        return _moment(match[1], how, fields) if "%" in how else text.rjust(int(how), "0")

    return _FIELDS.fill(part, value)


def _moment(name: str, how: str, fields: Mapping[str, object]) -> str:
    """A moment of local time as `how` says; "" where it is not known yet."""
    if name == "created":
        created = fields[name]
        return time.strftime(how, time.localtime(created)) if isinstance(created, int) else ""
    if not fields.get("date") or not fields.get("time"):
        return ""
    return time.strftime(how, time.strptime(f"{fields['date']}{fields['time']}", "%Y%m%d%H%M%S"))


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
