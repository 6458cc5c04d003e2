"""
Calendar windows: the minute, hour, day, week or month of a time zone in which a moment falls.

| period           | begins                                              | where the zone's clocks are changed        |
|------------------|-----------------------------------------------------|--------------------------------------------|
| minute, hour     | with the minute or hour that the clocks show        | a new one begins, so that none is longer   |
| day, week, month | at midnight; a week on Monday, a month on its first | instead of a midnight that is skipped      |

Windows of one period and zone follow each other without a gap and do not overlap.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Literal

from msgspec import Struct

from remit.core.gate.zones import zone
from remit.core.values import FIRST_MOMENT, LAST_MOMENT, in_zone, instant, shifted, utc

Period = Literal["minute", "hour", "day", "week", "month"]
_HOUR, _A_DAY = timedelta(hours=1), timedelta(days=1)
LENGTHS: dict[Period, tuple[timedelta, timedelta]] = {
    "minute": (timedelta(0), timedelta(minutes=1)),
    "hour": (timedelta(0), _HOUR),
    "day": (20 * _HOUR, 28 * _HOUR),
    "week": (6 * _A_DAY - 4 * _HOUR, 7 * _A_DAY + 4 * _HOUR),
    "month": (27 * _A_DAY - 4 * _HOUR, 31 * _A_DAY + 4 * _HOUR),
}
"""The shortest and the longest that a window can be, in any zone: it may have changed its clocks, or skipped a date."""
_STEPS: dict[Period, timedelta] = {"minute": timedelta(minutes=1), "hour": _HOUR}
_SECOND, _MICROSECOND = timedelta(seconds=1), timedelta(microseconds=1)


class CalendarWindow(Struct, frozen=True):
    """From `starts_at` until before `ends_at`."""

    period: Period
    timezone: str
    starts_at: datetime
    ends_at: datetime

    def __str__(self) -> str:
        return f"{instant(self.starts_at)}|{self.period}|{self.timezone}"


_LATEST: dict[tuple[Period, str], tuple[tzinfo, CalendarWindow]] = {}
"""The window that was last asked about, by period and zone: as many as there are zones."""


def window_of(now: datetime, period: Period, timezone: str) -> CalendarWindow:
    """The window of a zone that loads in which `now` falls."""
    step, rules = _STEPS.get(period), zone(timezone)
    known = _LATEST.get((period, timezone))
    # Most ask about the window of whoever asked last: windows do not overlap, so it is the one.
    if known is not None and known[0] is rules and known[1].starts_at <= now < known[1].ends_at:
        return known[1]
    starts_at, ends_at = _by_the_clock(now, step, rules) if step else _by_the_date(now, period, timezone)
    window = CalendarWindow(period, timezone, starts_at, ends_at)
    _LATEST[period, timezone] = rules, window
    return window


def _by_the_clock(now: datetime, step: timedelta, rules: tzinfo) -> tuple[datetime, datetime]:
    def offset(moment: datetime) -> timedelta:
        return in_zone(moment, rules).utcoffset() or timedelta(0)

    own = offset(now)
    starts_at = shifted(now, -((now - FIRST_MOMENT + own) % step))
    ends_at = shifted(starts_at, step)
    if offset(starts_at) != own:
        starts_at = _first_second(starts_at, now, lambda moment: offset(moment) == own)
    if offset(shifted(ends_at, -_MICROSECOND)) != own:
        ends_at = _first_second(now, ends_at, lambda moment: offset(moment) != own)
    return starts_at, ends_at


def _by_the_date(now: datetime, period: Period, timezone: str) -> tuple[datetime, datetime]:
    first = _first_day(in_zone(now, zone(timezone)).date(), period)
    following = _first_day_after(first, period)
    ends_at = _beginning(following, timezone)
    if now >= ends_at and following is not None:
        # The clocks were set back over midnight: the date before is shown once more.
        first, following = following, _first_day_after(following, period)
        ends_at = _beginning(following, timezone)
    return _beginning(first, timezone), ends_at


def _first_day(day: date, period: Period) -> date:
    if period == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if period == "week" else day


def _first_day_after(first: date, period: Period) -> date | None:
    """`None` behind the calendar's end."""
    try:
        if period == "month":
            return (first + timedelta(days=31)).replace(day=1)
        return first + timedelta(days=7 if period == "week" else 1)
    except OverflowError:
        return None


@lru_cache(maxsize=4096)
def _beginning(day: date | None, timezone: str) -> datetime:
    """The first moment at which the zone's clocks have reached that day; `None` is behind the last."""
    if day is None or day == date.min:
        return FIRST_MOMENT if day else LAST_MOMENT
    rules, midnight = zone(timezone), datetime.combine(day, time(0))
    try:
        # In a gap, by the clock as it went before (PEP 495): at that moment it has been changed already, or is.
        begun, before = (utc(midnight.replace(tzinfo=rules, fold=fold)) for fold in (0, 1))
    except ValueError:
        # The calendar's last day begins in UTC's next year.
        return LAST_MOMENT
    if before >= begun or _shown(before, rules) >= midnight:
        return begun
    return _first_second(before, begun, lambda moment: _shown(moment, rules) >= midnight)


def _shown(moment: datetime, rules: tzinfo) -> datetime:
    return in_zone(moment, rules).replace(tzinfo=None)


def _first_second(low: datetime, high: datetime, holds: Callable[[datetime], bool]) -> datetime:
    """The first whole second from `low` at which it holds, as it does from there to `high`: clocks change on them."""
    low = low.replace(microsecond=0)
    least, most = 0, -(-(high - low) // _SECOND)
    while least < most:
        middle = (least + most) // 2
        if holds(low + middle * _SECOND):
            most = middle
        else:
            least = middle + 1
    return low + most * _SECOND
