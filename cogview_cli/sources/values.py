"""One value of a row made what its field needs. Pure; a wrong one raises Fault.

CSV gives text only, JSON and YAML give types; both come through here.
"""

from __future__ import annotations

import json
import re
from typing import Any

from cogview_cli.api.models import parse_ratio, parse_size
from cogview_cli.i18n import _
from cogview_cli.sources.record import RowError
from cogview_cli.terminal.text import clean

COUNTS = range(1, 1001)
_WHOLE = re.compile(r"([0-9]{1,9})(?:\.0*)?")
_IMAGE_SUFFIX = re.compile(r"\.(?:png|jpe?g|webp)$", re.IGNORECASE)
_TRUE = frozenset({"true", "yes", "on", "1", "是"})
_FALSE = frozenset({"false", "no", "off", "0", "否"})
_QUALITIES = {"高清": "hd", "高": "hd", "标准": "standard", "普通": "standard"}
_SIZES = {
    **dict.fromkeys(("方形", "正方形", "方图", "方版"), "square"),
    **dict.fromkeys(("横版", "横图", "横屏", "横向"), "landscape"),
    **dict.fromkeys(("竖版", "竖图", "竖屏", "竖向"), "portrait"),
    "横幅": "banner",
}
_SHOWN = 60


class WrittenFloat(float):
    """A float that remembers how it was written, so that an id `1.50` stays `1.50`."""

    __slots__ = ("written",)

    def __new__(cls, written: str) -> WrittenFloat:
        number = super().__new__(cls, written)
        number.written = written
        return number

    written: str


def is_empty(value: Any) -> bool:
    """Whether a cell says nothing; 0 and false say something."""
    return value is None or value == "" or value == [] or value == {}


def shown(value: Any) -> str:
    """A value for an error message: short, safe, text in quotes."""
    if isinstance(value, str):
        return f"'{clean(value, _SHOWN)}'"
    return clean(json.dumps(value, ensure_ascii=False, default=str), _SHOWN)


def as_prompt(field: str, value: Any) -> str:
    """The prompt as it is; never blank."""
    if not isinstance(value, str):
        raise RowError(_("field {field}: {value} is not text", field=field, value=shown(value)))
    if not value.strip():
        raise RowError(_("field {field}: the prompt is empty", field=field))
    return checked_text(value)


def checked_text(text: str) -> str:
    """`text` if it can be sent; Fault for NUL and halves of surrogate pairs."""
    if "\x00" in text:
        raise RowError(_("holds a NUL character"))
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise RowError(_("holds half a character (a lone surrogate)")) from None
    return text


def as_text(field: str, value: Any) -> str | None:
    """Text without outer blanks; None for an empty cell."""
    if is_empty(value):
        return None
    if not isinstance(value, str):
        raise RowError(_("field {field}: {value} is not text", field=field, value=shown(value)))
    return value.strip() or None


def as_label(field: str, value: Any) -> str | None:
    """Text, or a number as it was written."""
    if isinstance(value, WrittenFloat):
        return value.written
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return as_text(field, value)


def as_lettering(field: str, value: Any) -> tuple[str, ...] | None:
    """What the picture should say: a text or a number, or a list of them."""
    each = value if isinstance(value, list) else [value]
    found = (as_label(field, one) for one in each)
    return tuple(checked_text(text) for text in found if text) or None


def as_whole(field: str, value: Any) -> int | None:
    """A whole number that is not negative: 4, "4", and "4.0" as spreadsheets write it."""
    if is_empty(value):
        return None
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, float) and value.is_integer() and value >= 0:
        return int(value)
    if isinstance(value, str):
        if not value.strip():
            return None
        if match := _WHOLE.fullmatch(value.strip()):
            return int(match[1])
    raise RowError(
        _("field {field}: {value} is not a whole number", field=field, value=shown(value))
    )


def as_count(field: str, value: Any) -> int | None:
    """How many images of one prompt."""
    count = as_whole(field, value)
    if count is not None and count not in COUNTS:
        raise RowError(
            _(
                "field {field}: {value} is not from {first} to {last}",
                field=field,
                value=shown(value),
                first=COUNTS[0],
                last=COUNTS[-1],
            )
        )
    return count


def as_quality(field: str, value: Any) -> str | None:
    """The quality as it is sent, also in the words of a Chinese spreadsheet."""
    text = as_text(field, value)
    return None if text is None else _QUALITIES.get(text, text)


def as_size(field: str, value: Any) -> str | None:
    """The size or ratio as it was written; a name in the words of a Chinese spreadsheet is ours."""
    text = as_text(field, value)
    return None if text is None else _SIZES.get(text, text)


def as_resolution(value: Any) -> str | None:
    """A size or a ratio; None for anything else, such as `2K`."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    is_ratio = re.fullmatch(r"[0-9.]+\s*[:：/]\s*[0-9.]+", text) and parse_ratio(text)
    return text if parse_size(text) or is_ratio else None


def as_flag(field: str, value: Any) -> bool | None:
    """true or false, also as the words and digits of spreadsheets."""
    if is_empty(value) or isinstance(value, bool):
        return value if isinstance(value, bool) else None
    word = str(value).strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    if not word:
        return None
    raise RowError(
        _("field {field}: {value} is neither true nor false", field=field, value=shown(value))
    )


def as_name(field: str, value: Any, *, folders: bool) -> str | None:
    """A file name without its image suffix; a `/` stays only where it means a folder."""
    text = as_label(field, value)
    if text is None:
        return None
    stem = without_image_suffix(text)
    return (stem if folders else stem.replace("/", "_")) or None


def without_image_suffix(text: str) -> str:
    """A file name without `.png`, `.jpg`, `.jpeg` or `.webp`."""
    return _IMAGE_SUFFIX.sub("", text)


def as_pixels(fields: tuple[str, str], values: tuple[Any, Any]) -> str | None:
    """Width and height as "WxH"; None if both are empty, Fault if one is."""
    width, height = as_whole(fields[0], values[0]), as_whole(fields[1], values[1])
    if width is None and height is None:
        return None
    if width is None or height is None:
        empty, other = fields if width is None else fields[::-1]
        raise RowError(_("field {field}: empty, though {other} is given", field=empty, other=other))
    return f"{width}x{height}"
