"""Numbers as a spreadsheet shows them: `007`, `12.50`, `30%`, `¥1,200`. Pure."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

_DIGITS = 15  # as many as a spreadsheet shows
# What has no digits of its own: colours and conditions, widths, fillers.
_SILENT = re.compile(r"\[(?!\$)[^\]]*\]|_.|\*.")
_CURRENCY = re.compile(r"\[\$([^\]-]*)(?:-[^\]]*)?\]")
_LITERAL = re.compile(r'"([^"]*)"|\\(.)')
# Stand for literals while the digits are looked for.
_KEPT = re.compile("[\ue000-\uf8ff]")
_NUMBER = re.compile(r"([#0,]*[#0])(?:\.([0#]+))?(%?)")
# Formats that Excel knows by number alone.
BUILT_IN = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 37: "#,##0", 38: "#,##0",
    39: "#,##0.00", 40: "#,##0.00",
}  # fmt: skip


def plain_number(value: float) -> str:
    """A number without a format: `3` for 3.0, and no more digits than are true."""
    whole = value.is_integer() and abs(value) < 10**_DIGITS
    return str(int(value)) if whole else format(value, f".{_DIGITS}g")


def formatted(value: float, code: str) -> str | None:
    """A number in a format such as `0.00`; None for one that is not simply decimal."""
    section, *more = code.split(";")
    if (value < 0 and more and more[0]) or abs(value) >= 10**_DIGITS or _KEPT.search(section):
        return None
    parts = _parts(section)
    if parts is None or len(parts[1][0]) > _DIGITS:
        return None
    before, number, after = parts
    return f"{'-' if value < 0 else ''}{before}{_decimal(abs(value), number)}{after}"


def _parts(section: str) -> tuple[str, re.Match[str], str] | None:
    """What stands before the digits, their pattern, and what stands behind."""
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append("".join(filter(None, match.groups())))
        return chr(0xE000 + len(kept) - 1)

    bare = _LITERAL.sub(keep, _CURRENCY.sub(keep, _SILENT.sub("", section)))
    number = _NUMBER.search(bare)
    if number is None:
        return None
    around = bare[: number.start()], bare[number.end() :]
    if any(re.search(r"[A-Za-z@?/#0.%]", text) for text in around):
        return None
    before, after = (_KEPT.sub(lambda mark: kept[ord(mark[0]) - 0xE000], text) for text in around)
    return before, number, after


def _decimal(value: float, number: re.Match[str]) -> str:
    whole, decimals, percent = number[1], number[2] or "", number[3]
    exact = Decimal(format(value, f".{_DIGITS}g")) * (100 if percent else 1)
    text = f"{exact.quantize(Decimal(1).scaleb(-len(decimals)), ROUND_HALF_UP):f}"
    integer, _point, fraction = text.partition(".")
    optional = len(decimals) - len(decimals.rstrip("#"))
    while optional and fraction.endswith("0"):
        fraction, optional = fraction[:-1], optional - 1
    integer = integer.lstrip("0").rjust(whole.count("0"), "0")
    if "," in whole:
        integer = f"{int(integer or 0):,}"
    return integer + (f".{fraction}" if fraction else "") + percent
