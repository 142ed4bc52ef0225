"""Workbooks of Excel and its kin: the first sheet with rows, its cells as people see them."""

from __future__ import annotations

import datetime
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.sources.number_formats import formatted, plain_number
from cogview_cli.sources.record import Record, RejectedRow
from cogview_cli.sources.rows import Rows
from cogview_cli.sources.table import Table
from cogview_cli.sources.xlsx_cells import CellMarks, Place, cell_marks
from cogview_cli.terminal.text import clean

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

ZIP_MAGIC, OLE_MAGIC = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
UNPACKED_LIMIT = 2**29
CELLS_LIMIT = 2**24


def is_workbook(stream: BinaryIO) -> bool:
    """Whether a file is a workbook, by what is in it."""
    stream.seek(0)
    head = stream.read(4)
    if head == ZIP_MAGIC:
        return _is_zipped_workbook(stream)
    return head == OLE_MAGIC


def _is_zipped_workbook(stream: BinaryIO) -> bool:
    try:
        with zipfile.ZipFile(stream) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return False
    return "content.xml" in names or any(name.startswith("xl/work") for name in names)


def read_workbook(
    stream: BinaryIO, rows: Rows, sheet: str | None
) -> Iterator[Record | RejectedRow]:
    """A record a row of one sheet; lines are the sheet's. Raises UsageError if there is none."""
    _check_size(stream, rows.file)
    table = Table(rows)
    book = _opened(stream, rows.file)
    found, marks = _chosen(book, stream, rows, sheet)
    failed = {row + 1 for row, _column in marks.failed}
    for number, cells in _sheet_lines(found, marks):
        if number in failed:
            yield rows.bad(number, _("a formula ends in an error"))
        elif any(map(str.strip, cells)):
            yield from table.add(number, cells)
    yield from table.end()


def _check_size(stream: BinaryIO, file: str) -> None:
    """Raises UsageError for a file that would not fit the memory once unpacked."""
    stream.seek(0)
    if stream.read(4) == ZIP_MAGIC:
        with zipfile.ZipFile(stream) as archive:
            size = sum(item.file_size for item in archive.infolist())
    else:
        size = stream.seek(0, 2)
    stream.seek(0)
    if size > UNPACKED_LIMIT:
        limit = UNPACKED_LIMIT // 2**20
        raise UsageError(
            _("'{path}' is larger than {limit} MiB", path=clean(file), limit=limit),
            hint=_("save the sheet as CSV (UTF-8)"),
        )


def _opened(stream: BinaryIO, file: str) -> CalamineWorkbook:
    import python_calamine as calamine

    try:
        return calamine.CalamineWorkbook.from_filelike(stream)
    except calamine.PasswordError:
        raise UsageError(
            _("'{path}' is protected by a password", path=clean(file)),
            hint=_("save it without one, or the sheet as CSV (UTF-8)"),
        ) from None
    except (calamine.CalamineError, OSError, ValueError) as error:
        raise _unusable(file, error) from None


def _unusable(file: str, error: Exception) -> UsageError:
    return UsageError(
        _("'{path}' cannot be read as a workbook: {reason}", path=clean(file), reason=clean(error)),
        hint=_("save the sheet as CSV (UTF-8)"),
    )


def _chosen(
    book: CalamineWorkbook, stream: BinaryIO, rows: Rows, wanted: str | None
) -> tuple[CalamineSheet, CellMarks]:
    """The sheet asked for, else the first visible one with rows; notes its name."""
    names = _names(book, wanted)
    for name in names:
        marks = cell_marks(stream, name)
        _check_extent(marks, name)
        try:
            sheet = book.get_sheet_by_name(name)
        except Exception as error:
            raise _unusable(rows.file, error) from None
        if sheet.height or len(names) == 1:
            rows.log.form = rows.log.form and f"{rows.log.form}, {_sheet_named(name)}"
            return sheet, marks
    raise UsageError(
        _("'{path}' has no sheet with rows", path=clean(rows.file)), hint=_("check the file")
    )


def _check_extent(marks: CellMarks, name: str) -> None:
    """Raises UsageError for a sheet with a cell so far away that all between fill the memory."""
    if marks.rows * marks.columns > CELLS_LIMIT:
        raise UsageError(
            _(
                "sheet '{name}' has cells in row {row} and column {column}",
                name=clean(name),
                row=marks.rows,
                column=marks.columns,
            ),
            hint=_("delete what is far from the table, or save the sheet as CSV (UTF-8)"),
        )


def _names(book: CalamineWorkbook, wanted: str | None) -> list[str]:
    """The sheets to look at; a wanted one in any letter case."""
    if wanted is None:
        from python_calamine import SheetVisibleEnum

        visible = SheetVisibleEnum.Visible
        shown = [item.name for item in book.sheets_metadata if item.visible == visible]
        return shown or book.sheet_names
    found = [name for name in book.sheet_names if name == wanted] or [
        name for name in book.sheet_names if name.strip().casefold() == wanted.strip().casefold()
    ]
    if not found:
        names = clean(", ".join(book.sheet_names))
        raise UsageError(
            _("no sheet '{name}'", name=clean(wanted)), hint=_("sheets: {names}", names=names)
        )
    return found[:1]


def _sheet_named(name: str) -> str:
    return _("sheet '{name}'", name=clean(name))


def _sheet_lines(sheet: CalamineSheet, marks: CellMarks) -> Iterator[tuple[int, list[str]]]:
    """Each row of a sheet with its number, its cells as text, merged ones filled downwards."""
    first_row, first_column = sheet.start or (0, 0)
    merged = {
        (top + 1 + offset, left): (top, left)
        for (top, left), (bottom, _right) in sheet.merged_cell_ranges or ()
        for offset in range(bottom - top)
    }
    tops, heads = set(merged.values()), dict[Place, str]()
    for row, values in enumerate(sheet.to_python(), first_row):
        cells: list[str] = []
        for column, value in enumerate(values, first_column):
            place = row, column
            cell = cell_text(value, marks.formats.get(place))
            if place in merged:
                cell = heads.get(merged[place], cell)
            elif place in tops:
                heads[place] = cell
            cells.append(cell)
        yield row + 1, cells


def cell_text(value: Any, code: str | None = None) -> str:
    """A cell as it is shown: `3` for 3.0, a date as `2026-02-01`, `16:09` for a time of day."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return (code and formatted(value, code)) or plain_number(value)
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time()
        return value.date().isoformat() if midnight else value.isoformat(" ", "minutes")
    if isinstance(value, datetime.time):
        return f"{value.hour}:{value.minute:02}"
    if isinstance(value, datetime.timedelta):
        minutes = round(value.total_seconds()) // 60
        return f"{minutes // 60}:{minutes % 60:02}"
    return str(value)
