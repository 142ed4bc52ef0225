"""Dates as people type them, in English and Chinese: each is a span of local time. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from cogview_cli.errors import UsageError
from cogview_cli.i18n import _

EXAMPLES = "2026-11, 2026-11-24, yesterday, 3d, 昨天, 本月"
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NUMBERS = {
    **{word: at for at, word in enumerate("零一二三四五六七八九十")}, "两": 2, "a": 1, "an": 1,
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10,
}  # fmt: skip
_UNITS = {
    timedelta(minutes=1): r"m|mins?|minutes?|分钟?",
    timedelta(hours=1): r"h|hrs?|hours?|个?小时",
    timedelta(days=1): r"d|days?|天",
    timedelta(weeks=1): r"w|weeks?|周|个?星期|个?礼拜",
}
_AGE = re.compile(
    rf"([0-9]{{1,6}}|{'|'.join(_NUMBERS)}) ?"
    rf"(?:{'|'.join(f'({unit})' for unit in _UNITS.values())}|(months?|个月)|(years?|年))"
    r"( ago|之?前|以?内|以来)?"
)
_TIME = re.compile(r"(.+?)(?:t| at | )(\d{1,2}):(\d\d)(?::(\d\d))?", re.ASCII)


class Span(NamedTuple):
    """From `start` up to and without `end`, in local time; equal for a moment."""

    start: datetime
    end: datetime


class Period(NamedTuple):
    """What is asked for in Unix seconds: `since` belongs to it, `until` does not any more."""

    since: float | None = None
    until: float | None = None


def period(since: str | None, until: str | None, month: str | None, now: datetime) -> Period:
    """What the three options mean together. UsageError for a date that is none."""
    if month is not None:
        if since is not None or until is not None:
            raise UsageError(
                _("--month contradicts --since and --until"), hint=_("leave one of the two out")
            )
        whole = _month(month, now)
        return Period(_seconds(whole.start), _seconds(whole.end))
    begin = None if since is None else _seconds(_given("--since", since, now).start)
    end = None if until is None else _seconds(_given("--until", until, now).end)
    if begin is not None and end is not None and begin >= end:
        raise UsageError(
            _("--since '{since}' is not before --until '{until}'", since=since, until=until),
            hint=_("exchange the two"),
        )
    return Period(begin, end)


def _given(flag: str, text: str, now: datetime) -> Span:
    found = span_of(text, now)
    if found is None:
        raise UsageError(
            _("{flag} '{text}' is neither a date nor an age", flag=flag, text=text),
            hint=_("{flag} takes dates such as: {examples}", flag=flag, examples=EXAMPLES),
        )
    return found


def _month(text: str, now: datetime) -> Span:
    plain = _plain(text)
    number = re.fullmatch(r"(0?[1-9]|1[0-2])", plain)
    words = {"this": "this month", "last": "last month"}
    found = _latest_month(int(number[1]), now) if number else span_of(words.get(plain, plain), now)
    if found is None or found != _month_of(found.start):
        raise UsageError(
            _("--month '{text}' is no month", text=text),
            hint=_("{flag} takes dates such as: {examples}", flag="--month",
                   examples="2026-11, 11, last month, 本月, 上月"),
        )  # fmt: skip
    return found


def _seconds(moment: datetime) -> float:
    try:
        return moment.timestamp()
    except (ValueError, OverflowError, OSError):  # beyond what the system's clock can tell
        return 0.0 if moment.year < 2000 else float(2**40)


def span_of(text: str, now: datetime) -> Span | None:
    """The time that `text` names, seen from `now`; None if it names none."""
    plain = _plain(text)
    readers: tuple[Callable[[str, datetime], Span | None], ...] = (
        _word, _age, _iso_moment, _calendar, _named_month, _weekday, _with_time,
    )  # fmt: skip
    try:
        return next((found for reader in readers if (found := reader(plain, now))), None)
    except (ValueError, OverflowError):
        return None


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _word(text: str, now: datetime) -> Span | None:
    today, monday = now.date(), now.date() - timedelta(days=now.weekday())
    first, year = today.replace(day=1), today.replace(month=1, day=1)
    last_month = (first - timedelta(days=1)).replace(day=1)
    spans = {
        "today 今天 今日": (today, 1),
        "yesterday 昨天 昨日": (today - timedelta(days=1), 1),
        "前天": (today - timedelta(days=2), 1),
        "this_week 本周 这周 这个星期": (monday, 7),
        "last_week 上周 上个星期": (monday - timedelta(days=7), 7),
    }
    months = {"this_month 本月 这个月 当月": first, "last_month 上月 上个月": last_month}
    years = {"this_year 今年": year, "last_year 去年": date(today.year - 1, 1, 1)}
    asked = text.replace(" ", "_")
    for words, (start, days) in spans.items():
        if asked in words.split():
            return _days(start, days)
    for words, start in months.items():
        if asked in words.split():
            return _month_of(start)
    for words, start in years.items():
        if asked in words.split():
            return _year(start.year)
    return Span(now, now) if asked in ("now", "现在") else None


def _age(text: str, now: datetime) -> Span | None:
    match = _AGE.fullmatch(text)
    if not match:
        return None
    number = _NUMBERS[match[1]] if match[1] in _NUMBERS else int(match[1])
    units = [*_UNITS]
    for at, unit in enumerate(units):
        if match[at + 2]:
            return _moment(datetime.fromtimestamp(now.timestamp() - number * unit.total_seconds()))
    if match[len(units) + 3] and number > 99:
        return None  # 2026年 is a year, not an age
    months = number if match[len(units) + 2] else 12 * number
    year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    days = (_next_month(date(year, month + 1, 1)) - timedelta(days=1)).day
    return _moment(now.replace(year=year, month=month + 1, day=min(now.day, days)))


def _iso_moment(text: str, _now: datetime) -> Span | None:
    """ISO 8601 with a time, such as `2026-11-24T10:00+08:00`."""
    if ":" not in text:
        return None
    try:
        found = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    return _moment(found.astimezone().replace(tzinfo=None) if found.tzinfo else found)


def _calendar(text: str, now: datetime) -> Span | None:
    """2026, 2026-11, 2026-11-24 with `-`, `/`, `.` or 年月日; 20261124; 11-24; 11月."""
    parts = re.sub(r" ?[年月] ?", "-", text).rstrip(" 日号-")
    if match := re.fullmatch(r"(\d{4})(\d\d)(\d\d)", parts, re.ASCII):
        return _days(date(*map(int, match.groups())), 1)
    match = re.fullmatch(r"(\d{4})(?:[-/.](\d{1,2})(?:[-/.](\d{1,2}))?)?", parts, re.ASCII)
    if match:
        year, month, day = (int(part) if part else 0 for part in match.groups())
        if day:
            return _days(date(year, month, day), 1)
        return _month_of(date(year, month, 1)) if match[2] else _year(year)
    if match := re.fullmatch(r"(\d{1,2})-(\d{1,2})", parts, re.ASCII):
        return _latest_day(int(match[1]), int(match[2]), now)
    if "月" in text and re.fullmatch(r"\d{1,2}", parts, re.ASCII):
        return _latest_month(int(parts), now)
    return None


def _named_month(text: str, now: datetime) -> Span | None:
    """`nov`, `November 2026`, `24 Nov`, `Nov 24, 2026`."""
    words = [word.rstrip(",.") for word in text.split()]
    names = [at for at, word in enumerate(words) if _name_at(word, _MONTH_NAMES) is not None]
    if len(names) != 1 or len(words) > 3:
        return None
    month = (_name_at(words.pop(names[0]), _MONTH_NAMES) or 0) + 1
    if not all(re.fullmatch(r"\d{1,2}|\d{4}", word, re.ASCII) for word in words):
        return None
    years = [int(word) for word in words if len(word) == 4]
    days = [int(word) for word in words if len(word) < 4]
    if len(years) > 1 or len(days) > 1:
        return None
    if days:
        year = years[0] if years else _latest_day(month, days[0], now).start.year
        return _days(date(year, month, days[0]), 1)
    return _month_of(date(years[0], month, 1)) if years else _latest_month(month, now)


_FULL = {
    "jan": "january", "feb": "february", "mar": "march", "apr": "april", "may": "may",
    "jun": "june", "jul": "july", "aug": "august", "sep": "september", "oct": "october",
    "nov": "november", "dec": "december", "mon": "monday", "tue": "tuesday", "wed": "wednesday",
    "thu": "thursday", "fri": "friday", "sat": "saturday", "sun": "sunday",
}  # fmt: skip


def _name_at(word: str, names: tuple[str, ...]) -> int | None:
    """Which of the names `word` is, short or in full."""
    for at, name in enumerate(names):
        if word in (name, _FULL[name]):
            return at
    return None


def _weekday(text: str, now: datetime) -> Span | None:
    """`monday`, 周一, 星期日: the latest one, today included."""
    chinese = re.fullmatch(r"(?:周|星期)([一二三四五六日天])", text)
    at = "一二三四五六日天".index(chinese[1]) % 7 if chinese else _name_at(text, _WEEKDAYS)
    if chinese and chinese[1] == "天":
        at = 6
    if at is None:
        return None
    return _days(now.date() - timedelta(days=(now.weekday() - at) % 7), 1)


def _with_time(text: str, now: datetime) -> Span | None:
    """A day and a time: `yesterday 14:00`, `11月24日 9:30`."""
    match = _TIME.fullmatch(text)
    day = span_of(match[1], now) if match else None
    if match is None or day is None or day.end - day.start > timedelta(days=1):
        return None
    clock = time(int(match[2]), int(match[3]), int(match[4] or 0))
    return _moment(datetime.combine(day.start.date(), clock))


def _moment(at: datetime) -> Span:
    return Span(at, at)


def _days(start: date, count: int) -> Span:
    return Span(_midnight(start), _midnight(start + timedelta(days=count)))


def _month_of(day: date) -> Span:
    first = date(day.year, day.month, 1)
    return Span(_midnight(first), _midnight(_next_month(first)))


def _year(year: int) -> Span:
    return Span(_midnight(date(year, 1, 1)), _midnight(date(year + 1, 1, 1)))


def _next_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def _latest_month(month: int, now: datetime) -> Span:
    year = now.year if month <= now.month else now.year - 1
    return _month_of(date(year, month, 1))


def _latest_day(month: int, day: int, now: datetime) -> Span:
    """The latest day of that name; 29 February may be years ago. ValueError if there is none."""
    for year in range(now.year, now.year - 9, -1):
        if day <= (_next_month(date(year, month, 1)) - timedelta(days=1)).day:
            there = date(year, month, day)
            if there <= now.date():
                return _days(there, 1)
    raise ValueError
