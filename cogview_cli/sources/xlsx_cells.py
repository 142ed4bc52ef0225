"""What the reader of workbooks does not tell about the cells of an .xlsx: formats and errors."""

from __future__ import annotations

import html
import re
import zipfile
from typing import BinaryIO, NamedTuple

from cogview_cli.sources.number_formats import BUILT_IN

Place = tuple[int, int]
_SHEET = re.compile(r"<(?:\w+:)?sheet\s([^>]*)>")
_RELATION = re.compile(r"<(?:\w+:)?Relationship\s([^>]*)>")
_FORMAT = re.compile(r"<(?:\w+:)?numFmt\s([^>]*)>")
_STYLES = re.compile(r"<(?:\w+:)?cellXfs\b.*?</(?:\w+:)?cellXfs>", re.DOTALL)
_STYLE = re.compile(r"<(?:\w+:)?xf\s([^>]*)>")
_CELL = re.compile(r"<(?:\w+:)?c\s([^>]*)>")
_ATTRIBUTE = re.compile(r"([\w:]+)=(?:\"([^\"]*)\"|'([^']*)')")
_PLACE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")


class CellMarks(NamedTuple):
    """The formats of cells with numbers, and the cells whose formula failed; from (0, 0).

    `rows` and `columns` are how far the cells reach.
    """

    formats: dict[Place, str]
    failed: frozenset[Place]
    rows: int = 0
    columns: int = 0


NO_MARKS = CellMarks({}, frozenset())


def cell_marks(stream: BinaryIO, sheet: str) -> CellMarks:
    """The marks of a sheet; none where the file is of another kind."""
    try:
        with zipfile.ZipFile(stream) as archive:
            path = _sheet_path(archive, sheet)
            return _marks(_text(archive, path), _codes(archive)) if path else NO_MARKS
    except (zipfile.BadZipFile, KeyError, OSError, ValueError):
        return NO_MARKS
    finally:
        stream.seek(0)


def _text(archive: zipfile.ZipFile, path: str) -> str:
    return archive.read(path).decode("utf-8", "replace")


def _attributes(text: str) -> dict[str, str]:
    return {name: html.unescape(a or b) for name, a, b in _ATTRIBUTE.findall(text)}


def _sheet_path(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """The path of a sheet's XML in the archive."""
    found = map(_attributes, _SHEET.findall(_text(archive, "xl/workbook.xml")))
    ids = {item.get("name"): item.get("r:id") for item in found}
    relations = map(_attributes, _RELATION.findall(_text(archive, "xl/_rels/workbook.xml.rels")))
    paths = {item.get("Id"): item.get("Target", "") for item in relations}
    target = paths.get(ids.get(sheet), "")
    return target.removeprefix("/") if target.startswith("/") else target and f"xl/{target}"


def _codes(archive: zipfile.ZipFile) -> dict[str, str]:
    """The format of each style that has one of its own."""
    text = _text(archive, "xl/styles.xml")
    own = {
        item.get("numFmtId", ""): item.get("formatCode", "")
        for item in map(_attributes, _FORMAT.findall(text))
    }
    known = {str(number): code for number, code in BUILT_IN.items()} | own
    styles = _STYLE.findall(match[0]) if (match := _STYLES.search(text)) else []
    ids = (_attributes(style).get("numFmtId", "") for style in styles)
    return {str(number): known[id] for number, id in enumerate(ids) if id in known}


def _marks(text: str, codes: dict[str, str]) -> CellMarks:
    formats: dict[Place, str] = {}
    failed: set[Place] = set()
    rows = columns = 0
    for cell in _CELL.finditer(text):
        attributes = _attributes(cell[1])
        place = _place(attributes.get("r", ""))
        if place is None:
            continue
        rows, columns = max(rows, place[0] + 1), max(columns, place[1] + 1)
        if attributes.get("t") == "e":
            failed.add(place)
        elif attributes.get("s") in codes:
            formats[place] = codes[attributes["s"]]
    return CellMarks(formats, frozenset(failed), rows, columns)


def _place(name: str) -> Place | None:
    """`B7` as (6, 1)."""
    match = _PLACE.fullmatch(name)
    if match is None:
        return None
    column = 0
    for letter in match[1]:
        column = column * 26 + ord(letter) - 64
    return int(match[2]) - 1, column - 1
