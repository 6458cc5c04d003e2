"""Calendar windows: each moment is in one, they follow each other without a gap, whatever zones do to their clocks."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from remit.core.gate.period import _LATEST, LENGTHS, Period, window_of
from remit.core.gate.zones import zone, zone_names
from remit.core.values import FIRST_MOMENT, LAST_MOMENT, instant

PERIODS = get_args(Period)
MICROSECOND = timedelta(microseconds=1)


def bounds_of(now, period, timezone):
    window = window_of(datetime.fromisoformat(now), period, timezone)
    return instant(window.starts_at), instant(window.ends_at)


@pytest.mark.parametrize(
    ("period", "starts_at", "ends_at"),
    [
        ("minute", "2026-03-11T22:59:00Z", "2026-03-11T23:00:00Z"),
        ("hour", "2026-03-11T22:00:00Z", "2026-03-11T23:00:00Z"),
        ("day", "2026-03-10T23:00:00Z", "2026-03-11T23:00:00Z"),
        ("week", "2026-03-08T23:00:00Z", "2026-03-15T23:00:00Z"),
        ("month", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z"),
    ],
)
def test_a_window_is_that_of_the_zone_s_calendar(period, starts_at, ends_at):
    assert bounds_of("2026-03-11T22:59:59.9Z", period, "Europe/Berlin") == (starts_at, ends_at)


def test_an_hour_begins_where_the_zone_s_clocks_show_a_full_one():
    assert bounds_of("2026-03-11T12:10:00Z", "hour", "Asia/Kathmandu") == (
        "2026-03-11T11:15:00Z",
        "2026-03-11T12:15:00Z",
    )


def test_the_hour_that_clocks_show_twice_is_two_windows_of_an_hour_each():
    first, second = (bounds_of(f"2026-10-25T0{hour}:30:00Z", "hour", "Europe/Berlin") for hour in (0, 1))

    assert first == ("2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z")
    assert second == ("2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z")


def test_a_clock_that_is_set_back_by_half_an_hour_cuts_the_hour():
    """Lord Howe, 2026-04-05: at 02:00 it is 01:30 again."""
    before, after = (bounds_of(f"2026-04-04T{at}Z", "hour", "Australia/Lord_Howe") for at in ("14:50:00", "15:10:00"))

    assert before == ("2026-04-04T14:00:00Z", "2026-04-04T15:00:00Z")
    assert after == ("2026-04-04T15:00:00Z", "2026-04-04T15:30:00Z")


@pytest.mark.parametrize(
    ("now", "timezone", "starts_at", "ends_at"),
    [
        # Days of 23 and 25 hours.
        ("2026-03-29T12:00:00Z", "Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
        ("2026-10-25T12:00:00Z", "Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),
        # Midnight is skipped: the day begins with its first hour.
        ("2026-04-24T12:00:00Z", "Africa/Cairo", "2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"),
        # At half past eleven it was half past twelve: the next day began then, not at the midnight that nobody saw.
        ("1919-03-31T04:31:00Z", "America/Toronto", "1919-03-31T04:30:00Z", "1919-04-01T04:00:00Z"),
        # One minute after midnight it was one minute past eleven again: that hour is the new day's.
        ("2005-10-30T02:40:00Z", "America/St_Johns", "2005-10-30T02:30:00Z", "2005-10-31T03:30:00Z"),
        # A date that there was not.
        ("2011-12-30T12:00:00Z", "Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"),
    ],
)
def test_a_day_is_as_long_as_its_zone_makes_it(now, timezone, starts_at, ends_at):
    assert bounds_of(now, "day", timezone) == (starts_at, ends_at)


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("timezone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
@pytest.mark.parametrize("now", [FIRST_MOMENT, LAST_MOMENT])
def test_the_first_and_the_last_moment_have_windows(now, timezone, period):
    window = window_of(now, period, timezone)

    assert window.starts_at <= now <= window.ends_at


def worked_out(now, period, timezone):
    """Without the window that was asked about before."""
    _LATEST.clear()
    return window_of(now, period, timezone)


moments = st.integers(0, 130 * 366 * 24 * 60 * 60).map(
    lambda s: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=s)
)


@given(moments, st.sampled_from(PERIODS), st.sampled_from(sorted(zone_names())))
@example(datetime(2026, 10, 25, 1, tzinfo=UTC), "minute", "Europe/Berlin")
@example(datetime(2005, 10, 30, 2, 32, tzinfo=UTC), "day", "America/St_Johns")
@example(datetime(1919, 3, 31, 4, 45, tzinfo=UTC), "week", "America/Toronto")
@example(datetime(2011, 12, 31, 4, 45, tzinfo=UTC), "week", "Pacific/Apia")
@example(datetime(2011, 12, 31, 4, 45, tzinfo=UTC), "month", "Pacific/Apia")
def test_windows_hold_their_moments_follow_each_other_and_are_as_long_as_said(now, period, timezone):
    window = worked_out(now, period, timezone)

    assert window.starts_at <= now < window.ends_at
    assert window == worked_out(window.starts_at, period, timezone)
    assert window == worked_out(window.ends_at - MICROSECOND, period, timezone)
    assert window == window_of(window.starts_at, period, timezone) == window_of(now, period, timezone)
    assert window_of(window.ends_at, period, timezone).starts_at == window.ends_at
    assert window == window_of(window.ends_at - MICROSECOND, period, timezone)
    shortest, longest = LENGTHS[period]
    assert shortest <= window.ends_at - window.starts_at <= longest


@given(moments, st.sampled_from(sorted(zone_names())))
def test_a_moment_s_week_and_month_hold_its_day(now, timezone):
    day, week, month = (window_of(now, period, timezone) for period in ("day", "week", "month"))

    for longer in (week, month):
        assert longer.starts_at <= day.starts_at and day.ends_at <= longer.ends_at
    assert week.starts_at.astimezone(zone(timezone)).weekday() == 0
