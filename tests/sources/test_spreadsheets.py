"""Workbooks of Excel: sheets, headers, numbers and dates as they are shown, merged cells."""

from __future__ import annotations

import datetime
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlwt
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.errors import UsageError
from cogview_cli.sources import Reading, ReadOptions, Record, RejectedRow
from cogview_cli.sources.number_formats import formatted, plain_number
from cogview_cli.sources.xlsx_cells import NO_MARKS, cell_marks

CODES = st.text(st.sampled_from('0#,.%;[]"\\_*元¥ $-'), max_size=12)
Cells = list[list[Any]]
Make = Callable[[dict[str, Cells]], bytes]
HEADER = ["编号", "提示词", "尺寸", "数量"]


def xlsx(sheets: dict[str, Cells], change: Callable[[Any], None] | None = None) -> bytes:
    """A workbook with these sheets; `change` may do more to it."""
    book = openpyxl.Workbook()
    book.remove(book.active)  # type: ignore[arg-type]
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    if change is not None:
        change(book)
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def xls(sheets: dict[str, Cells]) -> bytes:
    book = xlwt.Workbook()
    day = xlwt.easyxf(num_format_str="YYYY-MM-DD")
    for name, rows in sheets.items():
        sheet = book.add_sheet(name)
        for number, row in enumerate(rows):
            for column, value in enumerate(row):
                style = (day,) if isinstance(value, datetime.date) else ()
                sheet.write(number, column, value, *style)
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def reading(data: bytes, file: str = "p.xlsx", **options: Any) -> Reading:
    Path(file).write_bytes(data)
    return Reading([file], ReadOptions(**options))


def read(data: bytes, file: str = "p.xlsx", **options: Any) -> list[Record | RejectedRow]:
    return list(reading(data, file, **options))


def records(data: bytes, file: str = "p.xlsx", **options: Any) -> list[Record]:
    found = []
    for record in read(data, file, **options):
        assert isinstance(record, Record), record
        found.append(record)
    return found


@pytest.mark.parametrize(("make", "file"), [(xlsx, "p.xlsx"), (xls, "p.xls"), (xlsx, "p.txt")])
def test_sixty_products_need_no_option(
    make: Callable[[dict[str, Cells]], bytes], file: str
) -> None:
    rows: Cells = [[f"{n:03}", f"第{n}款马克杯", "1:1", n % 3 + 1] for n in range(1, 61)]
    got = records(make({"商品": [HEADER, *rows]}), file)
    assert len(got) == 60
    assert (got[6].line, got[6].id, got[6].prompt) == (8, "007", "第7款马克杯")
    assert [r.count for r in got[:3]] == [2, 3, 1]
    assert all(r.table for r in got)


@pytest.mark.parametrize("make", [xlsx, xls])
def test_cells_are_read_as_they_are_shown(make: Make) -> None:
    day = datetime.date(2026, 2, 1)
    row = [12.0, "a", 0.1 + 0.2, day, True, 2.5]
    (got,) = records(make({"s": [["id", "prompt", "price", "day", "sale", "w"], row]}))
    assert got.id == "12"
    assert got.extra == {"price": "0.3", "day": "2026-02-01", "sale": "TRUE", "w": "2.5"}


def test_times_and_what_excel_makes_of_a_ratio() -> None:
    """A cell in which people type 16:9 is a time of day to Excel."""
    moment = datetime.datetime(2026, 2, 1, 9, 30)
    rows = [["prompt", "比例", "at"], ["a", datetime.time(16, 9), moment]]
    (got,) = records(xlsx({"s": rows}))
    assert (got.size, got.extra["at"]) == ("16:09", "2026-02-01 09:30")


def test_the_first_visible_sheet_with_rows_or_the_one_named() -> None:
    def hide(book: Any) -> None:
        book["old"].sheet_state = "hidden"

    sheets: dict[str, Cells] = {
        "old": [["prompt"], ["never"]],
        "empty": [],
        "Spring": [["prompt", "n"], ["a cat", 1]],
        "Autumn": [["prompt", "n"], ["a dog", 1]],
    }
    rows = reading(xlsx(sheets, hide))
    assert [r.prompt for r in rows if isinstance(r, Record)] == ["a cat"]
    assert rows.forms == ["workbook, sheet 'Spring'"]
    for name in ("Autumn", "autumn", " AUTUMN "):
        assert [r.prompt for r in records(xlsx(sheets, hide), sheet=name)] == ["a dog"]
    with pytest.raises(UsageError, match="no sheet 'Winter'") as caught:
        read(xlsx(sheets), sheet="Winter")
    assert "Spring, Autumn" in caught.value.hint
    with pytest.raises(UsageError, match="no sheet with rows"):
        read(xlsx({"a": [], "b": []}))


def test_a_title_above_the_header_and_empty_rows_and_columns() -> None:
    rows: Cells = [["Spring 提示词"], [], [None, *HEADER], [], [None, 7, "一只猫", None, 2]]
    data = xlsx({"s": rows})
    (got,) = records(data)
    assert (got.line, got.id, got.prompt, got.size, got.count) == (5, "7", "一只猫", None, 2)
    below = xlsx({"s": [[], [], ["prompt", "n"], ["a cat", 2]]})
    assert [r.line for r in records(below)] == [4]


def test_merged_cells_hold_for_all_their_rows() -> None:
    def merge(book: Any) -> None:
        book["s"].merge_cells("A2:A3")
        book["s"].merge_cells("B3:B4")
        book["s"].merge_cells("A5:C5")

    rows: Cells = [
        ["category", "prompt", "size"],
        ["cups", "a cup", "1:1"],
        [None, "a mug", "1:1"],
        ["bags", None, "2:1"],
        ["prompt of a whole line"],
    ]
    got = read(xlsx({"s": rows}, merge))
    made = [(r.prompt, r.size, r.extra["category"]) for r in got if isinstance(r, Record)]
    assert made == [("a cup", "1:1", "cups"), ("a mug", "1:1", "cups"), ("a mug", "2:1", "bags")]
    assert isinstance(got[-1], RejectedRow)


def test_a_formula_that_failed_spoils_its_row_only() -> None:
    rows: Cells = [["prompt", "x"], ["a cat", "#N/A"], ["a dog", ""]]
    got = read(xlsx({"s": rows}))
    assert [type(r) for r in got] == [RejectedRow, Record]
    assert got[0].line == 2


SHOWN = [
    (7, "000", "007"),
    (12.5, "0.00", "12.50"),
    (0.3, "0%", "30%"),
    (0.125, "0.0%", "12.5%"),
    (1200, "#,##0", "1,200"),
    (1200, '"¥"#,##0.00', "¥1,200.00"),
    (1200, "[$￥-804]#,##0", "￥1,200"),
    (9.9, '0.0"元"', "9.9元"),
    (3, '0"张"', "3张"),
    (2.5, "0.##", "2.5"),
    (2, "0.##", "2"),
    (-7, "0.0", "-7.0"),
    (5, "[Red]0;[Blue]-0", "5"),
    (0.5, "#.##", ".5"),
    (1.005, "0.00", "1.01"),
    (7, "General", "7"),
    (0.5, "# ?/?", "0.5"),
    (1500, "0.0E+00", "1500"),
    (-7, "0;(0)", "-7"),
]


@pytest.mark.parametrize(("value", "code", "shown"), SHOWN)
def test_numbers_are_read_as_they_are_shown(value: float, code: str, shown: str) -> None:
    def style(book: Any) -> None:
        book["s"]["B2"].number_format = code

    (got,) = records(xlsx({"s": [["prompt", "x"], ["a cat", value]]}, style))
    assert got.extra["x"] == shown


@given(st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=12) | CODES)
def test_no_format_breaks_the_reader(value: float, code: str) -> None:
    assert plain_number(value)
    shown = formatted(value, code)
    assert shown is None or any(char.isdecimal() for char in shown) or value == 0


@given(st.integers(0, 10**9), st.integers(1, 8))
def test_leading_zeros_keep_the_number(value: int, width: int) -> None:
    shown = formatted(float(value), "0" * width)
    assert shown is not None and int(shown) == value and len(shown) >= width


@given(st.binary(max_size=300), st.text(max_size=5))
def test_any_archive_has_marks_or_none(data: bytes, sheet: str) -> None:
    assert cell_marks(io.BytesIO(data), sheet) == NO_MARKS
    parts = ("xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/styles.xml")
    broken = _archive(dict.fromkeys(parts, data))
    assert cell_marks(io.BytesIO(broken), sheet) == NO_MARKS


def test_a_list_without_header_in_a_sheet() -> None:
    got = records(xlsx({"s": [["a cat on a mat"], ["a dog on a mat"]]}))
    assert [(r.line, r.prompt) for r in got] == [(1, "a cat on a mat"), (2, "a dog on a mat")]


def test_what_looks_like_a_workbook_and_is_none() -> None:
    for data in (b"PK\x03\x04" + b"x" * 99, _archive({"notes.txt": b"a"})):
        with pytest.raises(UsageError, match="an archive"):
            read(data)
    broken = _archive({"xl/workbook.xml": b"<broken", "[Content_Types].xml": b"<x/>"})
    for data in (broken, b"\xd0\xcf\x11\xe0" + b"x" * 600):
        with pytest.raises(UsageError, match="cannot be read as a workbook") as caught:
            read(data)
        assert "CSV" in caught.value.hint


def test_a_workbook_that_unpacks_to_more_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cogview_cli.sources.spreadsheet.UNPACKED_LIMIT", 1000)
    with pytest.raises(UsageError, match="larger than"):
        read(xlsx({"s": [["prompt"], ["a"]]}))


def test_a_cell_far_away_is_told_before_it_fills_the_memory() -> None:
    def far(book: Any) -> None:
        book["s"].cell(1_048_576, 16_384, "x")

    with pytest.raises(UsageError, match="has cells in row 1048576 and column 16384") as caught:
        read(xlsx({"s": [["prompt", "n"], ["a cat", 1]]}, far))
    assert "CSV" in caught.value.hint


def test_a_workbook_from_stdin() -> None:
    data = xlsx({"s": [["prompt", "n"], ["a cat", 1]]})
    (got,) = Reading(["-"], ReadOptions(), stdin=io.BytesIO(data))
    assert isinstance(got, Record)


def _archive(files: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()
