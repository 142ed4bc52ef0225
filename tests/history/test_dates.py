"""Dates as people type them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.errors import UsageError
from cogview_cli.history.dates import Span, period, span_of

# A Wednesday.
NOW = datetime(2026, 11, 25, 14, 30)


def day(year: int, month: int, number: int, days: int = 1) -> Span:
    start = datetime(year, month, number)
    return Span(start, start + timedelta(days=days))


def at(*moment: int) -> Span:
    return Span(datetime(*moment), datetime(*moment))  # type: ignore[arg-type]


NOVEMBER, OCTOBER = day(2026, 11, 1, 30), day(2026, 10, 1, 31)
MEANT = {
    "2026-11-24 2026/11/24 2026.11.24 20261124 2026年11月24日 2026年11月24号 ２０２６－１１－２４"
    " yesterday Yesterday 昨天 昨日 11-24 11月24日 tuesday Tue 周二 星期二": day(2026, 11, 24),
    "today 今天 今日 11月25日 wed 周三": day(2026, 11, 25),
    "前天 monday 周一": day(2026, 11, 23),
    "sunday 周日 星期天 周天": day(2026, 11, 22),
    "2026-11 2026/11 2026年11月 11月 本月 这个月 nov November": NOVEMBER,
    "2026-10 上月 上个月 10月 oct": OCTOBER,
    "12月 2025-12 2025年12月 dec": day(2025, 12, 1, 31),
    "11-26 11月26日": day(2025, 11, 26),
    "2026 2026年 今年": day(2026, 1, 1, 365),
    "2024": day(2024, 1, 1, 366),
    "去年": day(2025, 1, 1, 365),
    "本周 这周": day(2026, 11, 23, 7),
    "上周": day(2026, 11, 16, 7),
    "2024-02": day(2024, 2, 1, 29),
    "2024-02-29 2月29日 02-29": day(2024, 2, 29),
    "3d 3天 3天前 三天前 72h": at(2026, 11, 22, 14, 30),
    "90m 90分钟 90min": at(2026, 11, 25, 13, 0),
    "2w 两周前 2个星期": at(2026, 11, 11, 14, 30),
    "2个月前": at(2026, 9, 25, 14, 30),
    "1年前": at(2025, 11, 25, 14, 30),
    "2026-11-24T09:05 2026-11-24t09:05:00": at(2026, 11, 24, 9, 5),
}
WITH_BLANKS = {
    "this month": NOVEMBER, "Last  Month": OCTOBER, "last week": day(2026, 11, 16, 7),
    "this year": day(2026, 1, 1, 365), "last year": day(2025, 1, 1, 365),
    "3 days ago": at(2026, 11, 22, 14, 30), "a week ago": at(2026, 11, 18, 14, 30),
    "an hour ago": at(2026, 11, 25, 13, 30), "two weeks ago": at(2026, 11, 11, 14, 30),
    "1 month ago": at(2026, 10, 25, 14, 30), "3 天前": at(2026, 11, 22, 14, 30),
    "2026-11-24 09:05": at(2026, 11, 24, 9, 5), "yesterday 9:05": at(2026, 11, 24, 9, 5),
    "yesterday at 9:05": at(2026, 11, 24, 9, 5), "昨天 9:05": at(2026, 11, 24, 9, 5),
    "November 2026": NOVEMBER, "24 Nov 2026": day(2026, 11, 24), "Nov 24, 2026": day(2026, 11, 24),
    "24 nov": day(2026, 11, 24), "2026 年 11 月 24 日": day(2026, 11, 24), "now": Span(NOW, NOW),
}  # fmt: skip
CASES = [(text, span) for texts, span in MEANT.items() for text in texts.split()]


@pytest.mark.parametrize(("text", "span"), [*CASES, *WITH_BLANKS.items()])
def test_what_people_type(text: str, span: Span) -> None:
    assert span_of(text, NOW) == span


@pytest.mark.parametrize(
    "text",
    ["", " ", "7", "7y", "-3d", "someday", "2026-13", "2026-02-30", "0000-01-01", "2026-11-24-1",
     "13月", "11月31日", "٣d", "٢٠٢٦", "yesterday 25:00", "nov nov", "nov 2026 2027", "99999999",
     "last", "3 ago", "9999999d", "2026 11", "1/2", "11/24/2026", "a", "天前", "week 48"],
)  # fmt: skip
def test_what_is_no_date(text: str) -> None:
    assert span_of(text, NOW) is None


@given(st.text(max_size=12))
def test_any_text_is_a_span_or_none(text: str) -> None:
    found = span_of(text, NOW)
    assert found is None or found.start <= found.end


@given(st.dates(datetime(1971, 1, 1).date(), datetime(2999, 12, 31).date()))
def test_every_date_is_its_day_in_each_form(date: object) -> None:
    forms = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%Y年%m月%d日", "%d %B %Y")
    spans = {span_of(date.strftime(form), NOW) for form in forms}  # type: ignore[attr-defined]
    (span,) = spans
    assert span is not None and span.start.date() == date
    assert span.end - span.start == timedelta(days=1)


@pytest.fixture
def new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("new_york")
def test_a_day_of_25_hours_is_whole_and_an_offset_is_heeded() -> None:
    found = period("2026-11-01", "2026-11-01", None, NOW)
    assert found.since is not None and found.until is not None
    assert found.until - found.since == 25 * 3600
    utc = period("2026-11-24T12:00Z", None, None, NOW)
    assert utc.since == 1795521600
    assert period("2026-11-24T07:00", None, None, NOW) == utc


def test_until_takes_the_whole_day_or_month() -> None:
    found = period("2026-11", "2026-11-24", None, NOW)
    assert found.since == datetime(2026, 11, 1).timestamp()
    assert found.until == datetime(2026, 11, 25).timestamp()
    assert period(None, "上月", None, NOW).until == datetime(2026, 11, 1).timestamp()


@pytest.mark.parametrize("text", ["2026-11", "11", "11月", "本月", "this", "This Month", "nov"])
def test_month_takes_a_month(text: str) -> None:
    november = datetime(2026, 11, 1).timestamp(), datetime(2026, 12, 1).timestamp()
    assert period(None, None, text, NOW) == november


@pytest.mark.parametrize("text", ["2026-11-24", "2026", "13", "0", "3d", "today", "x", ""])
def test_month_takes_nothing_else(text: str) -> None:
    with pytest.raises(UsageError) as told:
        period(None, None, text, NOW)
    assert "2026-11" in told.value.hint


@pytest.mark.parametrize(
    "given", [("today", "yesterday", None), ("today", None, "2026-11"), (None, "x", None)]
)
def test_what_contradicts_itself_is_wrong(given: tuple[str | None, ...]) -> None:
    with pytest.raises(UsageError):
        period(*given, NOW)
